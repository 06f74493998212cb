"""Does every page keep our rules for pages? `python tools/check_pages.py [NOTEBOOK…] [--list]`

Looks at the notebooks alone, as the site shows them, and prints `notebook cell kind: what is wrong`.
With `--list`, a table of counts instead. Two rules that need a definition:

- *A test that nobody announced* is a visible cell of nothing but `assert` and `test_…` that shows no
  output, unless what the page displays right above it is text (a markdown cell that doesn't end in a
  heading). Nor may a page open with tests, announced or not.
- *A heading that repeats a name* is one whose words are those of an entry that the page prints below it
  with nothing but text in between."""
import argparse,ast,hashlib,re,sys
from collections import Counter
from pathlib import Path
import yaml
from nbrun import directives,notebooks,read,root
from refresh import hidden,problems,shrink

code_width,exports_width,output_width = 88,100,88
max_weight = 400_000   # bytes of stored outputs; the heaviest page needs 360,000

def words(s): return re.sub(r'[\W_]', '', s).lower()
def prose(c):
    "The text of a markdown cell without its blocks of code"
    return re.sub(r'^```.*?^```', '', c.source, flags=re.S|re.M) if c.cell_type == 'markdown' else ''
def headings(c): return re.findall(r'^(#+) +(.+?)\s*$', prose(c), flags=re.M)
def pictures(c):
    datas = [o.get('data', {}) for o in c.get('outputs', [])]
    return [v for d in datas for k,v in d.items() if k.startswith('image/')]

def plain(o):
    "What the site shows of output `o` as it stands; markdown, HTML and pictures are laid out anew"
    data = o.get('data', {})
    text = o.get('text') or ('' if data.keys() - {'text/plain'} else data.get('text/plain', ''))
    return re.sub(r'\x1b\[[0-9;]*m', '', text)

def cells(nb):
    "The cells of `nb` that the site displays, each with its directives `d`, its `code` and its `kind`"
    for c in nb.cells:
        c.d = d = directives(c.source) if c.cell_type == 'code' else {}
        if hidden(c) and ('export' not in d or 'hide' in d): continue
        c.code = re.sub(r'^(\s*(#\s*\||%).*|.*#\|\s*hide_line)\n?', '', c.source, flags=re.M)
        c.kind = 'entry' if d.keys() & {'export', 'exports'} else c.cell_type
        if c.kind == 'code' and c.code.startswith('show_doc('): c.kind = 'show_doc'
        c.source_shown = c.kind == 'code' and d.get('echo:') != ['false'] or 'exports' in d
        c.outputs_shown = 'export' not in d and d.get('output:') != ['false']
        try: c.tree = ast.parse(c.code if c.cell_type == 'code' else '')
        except SyntaxError: c.tree = ast.parse('')   # a cell magic
        yield c

def width(page):
    "Lines that are wider than the column"
    for c in page:
        limit = exports_width if 'exports' in c.d else code_width
        code = c.code if c.source_shown else ''
        if c.kind == 'markdown':
            blocks = re.findall(r'^```.*?^```', c.source, flags=re.S|re.M)
            code = '\n'.join(o for o in blocks if not o.startswith('```sh'))   # a command to paste is one line
        output = '\n'.join(map(plain, c.get('outputs', []))) if c.outputs_shown else ''
        for what,text,n in (('code', code, limit), ('output', output, output_width)):
            for o in text.splitlines():
                if len(o) > n: yield c, f'{len(o)} characters of {what} (at most {n}): {o.strip()[:50]}'

def alt(page):
    "Pictures without a text for those who don't see them, and directives that Quarto couldn't read"
    for c in page:
        if re.search(r'!\[\s*\]\(|<img(?![^>]*\balt=)', prose(c)): yield c, 'has a picture without alt text'
        if c.cell_type != 'code': continue
        options = re.findall(r'^\s*#\s*\|\s*([\w-]+\s*:.*)', c.source, flags=re.M)
        try: d = yaml.safe_load('\n'.join(options)) or {}
        except yaml.YAMLError as e: yield c, f'has directives that are not YAML: {e.problem}'; continue
        text = next((o for o in options if o.startswith('fig-alt')), '')
        if len(options) > sum(o.endswith(':') for o in c.d): yield c, 'has a directive that is not at its top'
        if pictures(c) and c.outputs_shown and not text: yield c, 'draws without `#| fig-alt: "…"`'
        if text and (not re.fullmatch(r'fig-alt: +".*"\s*', text) or len(str(d['fig-alt'])) < 20):
            yield c, f'has no sentence in double quotes: {text}'

def fold(page):
    "Long code of figures that stands open"
    for c in page:
        if not (pictures(c) and c.source_shown) or 'code-fold:' in c.d: continue
        n = len(re.findall(r'^.*\b(plt|fig|axs?|ax\d?)\b.*$', c.code, flags=re.M))
        if n > 4: yield c, f'{n} lines of plotting: fold them, with `#| code-fold: true` and a `#| code-summary:`'

def link(page):
    "Links within links, and names of torch that nbdev would link to fastai's"
    for c in page:
        for m in re.findall(r'\[`[^`\]]+`\]\([^)]*\)', prose(c)): yield c, f'would be linked twice: {m}'
        for s in re.split(r'(?<=[.!?])\s', prose(c)):
            for m in re.finditer(r'`(SGD|Adam|DataLoader|weight_decay)`', s):
                named = re.findall('torch|fastai', s[:m.start()].lower())
                around = s[max(0, m.start()-30):m.end()]
                if named and named[-1] == 'torch': yield c, f"links to fastai's: {around!r}"

def heading(page):
    "Headings that jump, or repeat a name"
    last = 0
    for i,c in enumerate(page):
        below = next((o for o in page[i+1:] if o.kind != 'markdown' or headings(o)), c)
        names = re.findall(r'^(?:def|class) +(\w+)|^show_doc\((?:\w+\.)*(\w+)', below.code, flags=re.M)
        names = {words(a or b) for a,b in names if below.kind in ('entry', 'show_doc')}
        for h,text in headings(c):
            if len(h) > last+1 or len(h) == last == 1: yield c, f'jumps from level {last} to {len(h)}: {text}'
            last = len(h)
        if headings(c) and words(text) in names: yield c, f'repeats the name printed below it: {text}'

def only_tests(body):
    def ok(o):
        if isinstance(o, (ast.For, ast.With)): return only_tests(o.body)
        return isinstance(o, (ast.Assert, ast.Expr)) and ast.unparse(o).startswith(('assert ', 'test_'))
    return bool(body) and all(map(ok, body))

def test(page):
    "Cells of tests that are not hidden"
    above = opened = None
    for c in page:
        if c.source_shown and only_tests(c.tree.body) and not c.outputs:
            text = above.source if above and above.kind == 'markdown' else ''
            told = text and not re.search(r'^#.*\s*\Z', text, flags=re.M)
            if not opened: yield c, 'the page opens with a test'
            elif not told: yield c, 'a test that nobody announced, and not hidden'
        above,opened = c,opened or c.kind != 'markdown'

def badge(page):
    "Colab badges that would become figures with a caption"
    for c in page:
        for m in re.findall(r'^.*colab-badge\.svg.*$', c.source, flags=re.M):
            if not re.search(r'<a href="[^"]+">\s*<img [^>]*alt="Open in Colab"[^>]*>\s*</a>', m):
                yield c, 'not <a href="…"><img alt="Open in Colab" src="…"></a>'

def table(page):
    for c in page:
        if any(re.search(r'^\|[ :|-]+\|\s*$', plain(o), flags=re.M) for o in c.get('outputs', [])):
            yield c, 'prints a table as text: display `Markdown(text_table(rows))`'

def docstring(page):
    for c in page:
        for o in ast.walk(c.tree) if c.kind == 'entry' else []:
            doc = isinstance(o, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(o)
            if doc and '\n' in doc: yield c, f'the docstring of {o.name} has more than one line'

def stored(page):
    for c in page:
        for m in problems(c): yield c, f'shows {m!r}'

def weight(page):
    "Pictures stored twice, or larger than `tools/refresh.py` would store them, and pages that weigh too much"
    seen,total = {},0
    for c in page:
        for o in c.get('outputs', []):
            data = o.get('data', {})
            total += len(o.get('text', '')) + sum(len(v) for k,v in data.items() if k.startswith('text/'))
            if sum(k.startswith('image/') for k in data) > 1: yield c, 'one picture in several formats'
        for png in pictures(c):
            n,small = len(png)*3//4,len(shrink(png))*3//4
            key,total = hashlib.md5(png.encode()).hexdigest(),total+n
            if key in seen: yield c, f'the picture of cell {seen[key]} again'
            elif small < .8*n: yield c, f'a picture of {n//1000} KB needs {small//1000}: run tools/refresh.py'
            seen[key] = c.id
    if total > max_weight: yield c, f'the outputs weigh {total//1000} KB (at most {max_weight//1000})'

checks = width,alt,fold,link,heading,test,badge,table,docstring,stored,weight

def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('notebook', nargs='*', type=Path, help='pages to look at (default: all)')
    p.add_argument('--list', action='store_true', help='print only how many findings each page has')
    args,found = p.parse_args(),{}
    for path in args.notebook or notebooks():
        page = list(cells(read(path)))
        found[path] = [(f.__name__, c.id, s) for f in checks for c,s in f(page)]
    if args.list: print(f'{"":24}', *(f'{f.__name__:>9}' for f in checks))
    for path,res in found.items():
        n = Counter(kind for kind,*_ in res)
        if args.list:
            print(f'{path.stem:24}', *(f'{n[f.__name__] or "":>9}' for f in checks))
            continue
        for kind,id,s in res: print(f'{path.resolve().relative_to(root)} {id} {kind}: {s}')
    n = sum(map(len, found.values()))
    print(f'{n} findings on {sum(map(bool, found.values()))} of {len(found)} pages')
    sys.exit(bool(n))

if __name__ == '__main__': main()
