"""Run pages and store their outputs, or check those stored: `python tools/refresh.py [NOTEBOOK…] [--check]`

As `jupyter nbconvert --execute --inplace` does, but cells are skipped as in `nbdev_test` (and run with
`--flags "mnist slow"`), and a skipped cell keeps its stored output; the page sees the package of this
checkout; progress bars are left out; pictures are stored small; and the result is cleaned as by
`nbdev_clean`. A page whose cell fails, or whose outputs would show a warning or a path of this machine,
stays as it was.

With `--check` nothing is written: the page runs as in `nbdev_test`, so a failing cell fails the check,
and what it would store is compared with what is stored:

- Text and tables must be equal, their numbers within `--rtol` or one unit of the last decimal shown.
  Rounding noise depends on the processor: numbers below 1e-5 must agree within a factor of ten, counts
  of ULP need not, but 0 must stay 0. fastai's times (mm:ss) don't count.
- Pictures must be there, in the same size give or take 5%.
- Of a cell with the directive `#| varies` (its output is a time, or names the machine) only the kind of
  output counts. nbdev drops the line, so the site doesn't show it.

Outputs made with MNIST or on a GPU are neither replaced nor compared by a run without, and a line says
so. That is all that follows a cell skipped for its flag `mnist`, or a cell where scikit-learn's digits
stood in for MNIST."""
import argparse,base64,io,os,re,sys
from pathlib import Path
import nbformat,torch
from fastcore.parallel import parallel
from nbclient.exceptions import CellExecutionError,DeadKernelError
from nbdev.clean import nbdev_clean
from PIL import Image
from nbrun import directives,notebooks,read,root,run,skip_flags

# What fastprogress leaves in a page: a style sheet, bars, and empty elements where a bar was erased
debris = re.compile(r'<style>(?:(?!</style>).)*\bprogress\b.*?</style>|<div>\s*<progress.*?</div>', re.S)
picture = re.compile(r'<(img|svg|video|audio|canvas|iframe)\b')
number = re.compile(r'[-+]?(?:\d+(?:,\d{3})*(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?')
ulps = re.compile(r'[1-9][\d,]*(?= (?:ULP|units in the last place))')
fell_back = re.compile(r'scikit-learn.*instead')
on_gpu = re.compile(r'NVIDIA|\bcuda\b')

def hidden(c):
    "Does the site show neither source nor output of `c`?"
    d = directives(c.source)
    if c.cell_type == 'raw' or d.get('include:') == ['false']: return True
    return bool(d.keys() & {'hide', 'export', 'exporti', 'default_exp'})

def decode(data): return Image.open(io.BytesIO(base64.b64decode(data)))

def shrink(png):
    "The base64 `png` with a palette of 256 colors, which a figure hardly notices: less than half the bytes"
    img = decode(png)
    opaque = img.mode == 'RGBA' and img.getextrema()[3] == (255,255)
    if opaque: img = img.convert('RGB')
    if img.mode != 'RGB': return png
    out = io.BytesIO()
    img.quantize(dither=Image.Dither.NONE).save(out, 'PNG', optimize=True)
    return min(png, base64.b64encode(out.getvalue()).decode(), key=len)

def tidy(output):
    "`output` with one small picture and without progress bars, or None where nothing else was in it"
    data = output.get('data', {})
    if 'image/png' in data:
        data.pop('image/jpeg', None)   # PIL's images come in both
        data['image/png'] = shrink(data['image/png'])
    if 'text/html' not in data or data.keys() - {'text/html', 'text/plain', 'text/markdown'}: return output
    html = debris.sub('', data['text/html'])
    if not (re.sub(r'<[^>]*>', '', html).strip() or picture.search(html)): return None
    # Tables that fastprogress displays repeat their HTML as plain text and as markdown: once is enough.
    if html != data['text/html'] or data.get('text/plain') == html: output['data'] = {'text/html': html}
    return output

def merge(outputs):
    "`outputs` with neighboring pieces of a stream joined, without lines that a carriage return overwrote"
    res = []
    for o in outputs:
        if res and o.output_type == 'stream' and res[-1].get('name') == o.name: res[-1]['text'] += o.text
        else: res.append(o)
    for o in res:
        if o.output_type == 'stream': o['text'] = re.sub(r'[^\n]*\r(?!\n)', '', o.text.replace('\r\n', '\n'))
    return res

def problems(cell):
    "What no page may show in `cell`: errors, warnings, paths of this machine"
    for o in cell.get('outputs', []):
        data = o.get('data', {})
        text = o.get('text') or ' '.join(data.get(k, '') for k in ('text/plain', 'text/markdown'))
        m = re.search(r'.*Warning:.*|(?<![\w.:/])/\w+/\w[\w./-]*', text)
        if m or o.output_type == 'error': yield m[0] if m else o.ename

def execute(path, skip):
    "The notebook at `path` as it is stored, and after a run; None where a cell failed"
    nb = read(path)
    try: run(nb, path, skip)
    except CellExecutionError as e: return print(f'{path}: a cell failed\n{e}', file=sys.stderr)
    except DeadKernelError: return print(f'{path}: the kernel died (out of memory?)', file=sys.stderr)
    for c in nb.cells:
        if c.cell_type == 'code': c['outputs'] = merge([o for o in map(tidy, c.outputs) if o])
    return read(path),nb

def text(c):
    return ' '.join(o.get('text') or o.get('data', {}).get('text/plain', '') for o in c.get('outputs', []))

def kept(old, new, skip):
    "The cells whose stored outputs this run cannot make, as {index: why}"
    res,lacking = {},False
    for i,(a,b) in enumerate(zip(old.cells, new.cells)):
        if a.cell_type != 'code': continue
        if 'mnist' in skip & directives(a.source).keys(): lacking = True
        if fell_back.search(text(b)) and not fell_back.search(text(a)): lacking = True
        if not a.outputs: continue
        if lacking: res[i] = 'with MNIST'
        elif on_gpu.search(text(a)) and not on_gpu.search(text(b)): res[i] = 'on a GPU'
    return res

def say_kept(path, res):
    for why in sorted(set(res.values())):
        ids = [i for i in res if res[i] == why]
        print(f'{path}: {len(ids)} outputs, from cell {ids[0]} on, were made {why}, and this run was not: '
              'they are neither replaced nor compared')

def refresh(path, skip):
    "Run the notebook at `path` and store its outputs; True where it went well"
    res = execute(path, skip)
    if not res: return print(f'{path}: the page stays as it was', file=sys.stderr)
    old,nb = res
    stay = kept(old, nb, skip)
    for i in stay: nb.cells[i]['outputs'] = old.cells[i].outputs
    found = [f'cell {i} would show {m!r}:\n{c.source}' for i,c in enumerate(nb.cells) for m in problems(c)]
    if found: return print(f'{path}: the page stays as it was\n' + '\n'.join(found), file=sys.stderr)
    say_kept(path, stay)
    nbformat.write(nb, path)
    nbdev_clean(str(path))
    print(f'{path}: refreshed')
    return True

def shown(o):
    "What the site shows of output `o`: its kind, and its text or the size of its picture"
    data = o.get('data', {})
    for k in data:
        if k in ('image/png', 'image/jpeg'): return 'picture',decode(data[k]).size
        if k.startswith('image/'): return 'picture',(0,0)
    if o.output_type == 'error': return 'error',o.ename
    richest = [data[k] for k in ('text/html', 'text/markdown', 'text/plain') if k in data]
    return 'text',o.get('text') or ''.join(richest[:1])

def close(a, b, rtol):
    "Are the numbers written as `a` and `b` equal, as the head of this file says?"
    x,y = (float(o.replace(',', '')) for o in (a,b))
    small,large = sorted((abs(x), abs(y)))
    if 0 < small and large < 1e-5: return large <= 10*small
    n = max(len(o.partition('.')[2]) for o in (a,b))
    unit = 1.01*10**-n if n and 'e' not in a+b else 0
    return x == y or abs(x-y) <= max(unit, rtol*large)

def same(a, b, rtol):
    "Are the texts `a` and `b` equal, apart from column widths, objects' addresses, and numbers as above?"
    a,b = (re.sub(r' at 0x[0-9a-f]+|\b\d\d:\d\d(:\d\d)?\b', '', o) for o in (a,b))
    a,b = (ulps.sub('some', o) for o in (a,b))
    words = [re.sub(r'\s+', ' ', re.sub(r'-+', '-', number.sub('#', o))).strip() for o in (a,b)]
    numbers = zip(number.findall(a), number.findall(b))
    return words[0] == words[1] and all(close(x, y, rtol) for x,y in numbers)

def difference(old, new, varies, rtol):
    "How outputs `old` differ from `new`, in words; None where they don't"
    old,new = [list(map(shown, o)) for o in (old,new)]
    kinds = [', '.join(k for k,_ in o) or 'nothing' for o in (old,new)]
    if kinds[0] != kinds[1]: return f'stored is {kinds[0]}, now it is {kinds[1]}'
    if varies: return
    for (kind,a),(_,b) in zip(old, new):
        if kind == 'picture' and any(abs(x-y) > .05*x for x,y in zip(a, b)):
            return f'stored is a picture of {a} pixels, now it has {b}'
        if kind == 'text' and not same(a, b, rtol):
            lines = zip(a.splitlines()+[''], b.splitlines()+[''])
            x,y = next((o for o in lines if not same(*o, rtol)), (a, b))
            return f'\n  stored: {x}\n  now:    {y}'

def check(path, skip, rtol):
    "Run the notebook at `path`, and compare its outputs with those stored; True where they agree"
    res = execute(path, skip)
    if not res: return False
    old,new = res
    stay,found = kept(old, new, skip),0
    for i,(a,b) in enumerate(zip(old.cells, new.cells)):
        if a.cell_type != 'code' or hidden(a) or i in stay: continue
        diff = difference(a.outputs, b.outputs, 'varies' in directives(a.source), rtol)
        if diff: found += 1; print(f'{path} {a.id}: {diff}', flush=True)
    say_kept(path, stay)
    result = f'{found} outputs are stale: run tools/refresh.py' if found else 'up to date'
    print(f'{path}: {result}', flush=True)
    return not found

def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('notebook', nargs='*', type=Path, help='pages to run (default: all)')
    p.add_argument('--flags', default='', help='run cells with these flags too, as in nbdev_test')
    p.add_argument('--check', action='store_true', help='write nothing; fail if outputs differ from those stored')
    p.add_argument('--rtol', type=float, default=1e-3, help='tolerance for numbers, relative (%(default)s)')
    p.add_argument('--workers', type=int, default=1, help='pages to check at the same time (%(default)s)')
    args = p.parse_args()
    if 'cuda' in args.flags.split() and not torch.cuda.is_available(): p.error('--flags cuda needs a GPU')
    # The package is this checkout's, and importing fastai warns about torch.jit.script.
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, [str(root), os.environ.get('PYTHONPATH')]))
    os.environ['PYTHONWARNINGS'] = 'ignore:`torch.jit.script` is deprecated:FutureWarning'
    # A reader's kernel is no test; a check is one, and downloads nothing.
    if args.check: os.environ['IN_TEST'] = '1'
    else: os.environ.pop('IN_TEST', None)
    pages,skip = [o.resolve() for o in args.notebook] or notebooks(),skip_flags(args.flags)
    if not args.check: good = [refresh(o, skip) for o in pages]
    else: good = parallel(check, pages, skip=skip, rtol=args.rtol, n_workers=args.workers, progress=False)
    n = sum(map(bool, good))
    print(f'{n} passed, {len(pages)-n} failed')
    sys.exit(not all(good))

if __name__ == '__main__': main()
