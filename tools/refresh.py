"""Run pages and store their outputs: `python tools/refresh.py [NOTEBOOK…] [--flags "mnist slow"]`

As `jupyter nbconvert --execute --inplace` does, but cells are skipped as in `nbdev_test` and a skipped cell keeps its
stored output; the page sees the package of this checkout; progress bars are left out; and the result is cleaned as by
`nbdev_clean`. A page whose cell fails, or whose outputs would show a warning or a path of this machine, stays as it was."""
import argparse,os,re,sys
from pathlib import Path
import nbformat
from nbclient.exceptions import CellExecutionError
from nbdev.clean import nbdev_clean
from nbrun import notebooks,read,root,run,skip_flags

# What fastprogress leaves in a page: a style sheet, bars, and empty elements where a bar was erased
debris = re.compile(r'<style>(?:(?!</style>).)*\bprogress\b.*?</style>|<div>\s*<progress.*?</div>', flags=re.S)
picture = re.compile(r'<(img|svg|video|audio|canvas|iframe)\b')

def tidy(output):
    "`output` without progress bars, or None where nothing else was in it"
    data = output.get('data', {})
    if not data.keys() <= {'text/html', 'text/plain', 'text/markdown'} or 'text/html' not in data: return output
    html = debris.sub('', data['text/html'])
    if not (re.sub(r'<[^>]*>', '', html).strip() or picture.search(html)): return None
    # Tables that fastprogress displays repeat their HTML as plain text and as markdown: once is enough.
    if html != data['text/html'] or data.get('text/plain') == html: output['data'] = {'text/html': html}
    return output

def merge(outputs):
    "`outputs` with neighbouring pieces of one stream joined, and lines overwritten by a carriage return dropped"
    res = []
    for o in outputs:
        if res and o.output_type == 'stream' and res[-1].get('name') == o.name: res[-1]['text'] += o.text
        else: res.append(o)
    for o in res:
        if o.output_type == 'stream': o['text'] = re.sub(r'[^\n]*\r(?!\n)', '', o.text.replace('\r\n', '\n'))
    return res

def problems(nb):
    "What no page may show: errors, warnings, paths of this machine"
    for i,c in enumerate(nb.cells):
        for o in c.get('outputs', []):
            text = o.get('text') or ' '.join(o.get('data', {}).get(k, '') for k in ('text/plain', 'text/markdown'))
            m = re.search(r'.*Warning:.*|(?<![\w.:/])/\w+/\w[\w./-]*', text)
            if m or o.output_type == 'error': yield f'cell {i} would show {m[0] if m else o.ename!r}:\n{c.source}'

def refresh(path, skip):
    "Run the notebook at `path` and store its outputs; True where it went well"
    nb = read(path)
    try: run(nb, path, skip)
    except CellExecutionError as e: return print(f'{path}: a cell failed, the page stays as it was\n{e}', file=sys.stderr)
    for c in nb.cells:
        if c.cell_type == 'code': c['outputs'] = merge([o for o in map(tidy, c.outputs) if o])
    found = list(problems(nb))
    if found: return print(f'{path}: the page stays as it was\n' + '\n'.join(found), file=sys.stderr)
    nbformat.write(nb, path)
    nbdev_clean(str(path))
    print(f'{path}: refreshed')
    return True

def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('notebook', nargs='*', type=Path, help='pages to run (default: all)')
    p.add_argument('--flags', default='', help='run cells with these flags too, as in nbdev_test')
    args = p.parse_args()
    # A reader's kernel is no test; the package is this checkout's; and importing fastai warns about torch.jit.script.
    os.environ.pop('IN_TEST', None)
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, [str(root), os.environ.get('PYTHONPATH')]))
    os.environ['PYTHONWARNINGS'] = 'ignore:`torch.jit.script` is deprecated:FutureWarning'
    good = [refresh(o.resolve(), skip_flags(args.flags)) for o in args.notebook or notebooks()]
    sys.exit(not all(good))

if __name__ == '__main__': main()
