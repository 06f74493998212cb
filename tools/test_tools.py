"""Do `refresh.py --check` and `check_pages.py` find what they are for? `python tools/test_tools.py`

Runs a page in a temporary folder, then plants one fault at a time."""
import contextlib,io,tempfile
from pathlib import Path
import nbformat
from nbformat.v4 import new_code_cell as code,new_markdown_cell as md,new_notebook
import check_pages,refresh
from nbrun import read,skip_flags

page = new_notebook(cells=[
    md('# A page\n\n> With one of each', id='title'),
    code('print("accuracy .9794, 1,234 images")', id='text'),
    code('#| varies\nimport time\nprint(time.time())', id='time'),
    code("from IPython.display import Markdown\nMarkdown('| a | b |\\n|---|---|\\n| hand | 0.5 |')",
         id='table'),
    code('print("1.2e-08 apart, 12 ULP; 0 apart, 0 ULP")', id='noise'),
    code('#| fig-alt: "A square, 20 pixels wide"\nfrom PIL import Image\nImage.new("RGB", (20,20), "red")',
         id='picture'),
    code('#| mnist\ndata = "MNIST"', id='mnist'),
    code('data = globals().get("data", "digits")\ndata', id='data')])

def checked(nb, path, flags='mnist'):
    "Does `refresh.py --check` pass `nb`, and what does it print?"
    nbformat.write(nb, path)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        ok = refresh.check(path, skip_flags(flags), rtol=1e-3)
    return ok,out.getvalue()

def found(nb, path):
    "The kinds of what `check_pages.py` finds in `nb`"
    nbformat.write(nb, path)
    cells = list(check_pages.cells(read(path)))
    return {f.__name__ for f in check_pages.checks for _ in f(cells)}

def test_check(path):
    def cell(nb, id): return next(c for c in nb.cells if c.id == id)
    def fails(id, change):
        nb = read(path)
        change(cell(nb, id))
        ok,out = checked(nb, path.with_name('fault.ipynb'))
        assert not ok and id in out, (id, out)
    def put(old, new, key='text/plain'):
        def change(c):
            o = c.outputs[0] if key == 'text' else c.outputs[0].data
            assert old in o[key]
            o[key] = o[key].replace(old, new)
        return change
    nbformat.write(page, path)
    assert refresh.refresh(path, skip_flags('mnist'))
    nb = read(path)
    assert checked(nb, path)[0]
    fails('text', put('.9794', '.9694', 'text'))                  # a stale number
    fails('text', put('1,234', '1,134', 'text'))
    fails('text', put('accuracy', 'loss', 'text'))
    fails('table', put('0.5', '0.7', 'text/markdown'))
    fails('picture', lambda c: c.update(outputs=[]))
    fails('picture', lambda c: c.outputs[0].data.update({'image/png': refresh.shrink(wide())}))
    fails('time', lambda c: c.update(outputs=[]))                 # a time may vary, but not disappear
    fails('noise', put('1.2e-08', '1.2e-06', 'text'))
    fails('noise', put('12 ULP', '0 ULP', 'text'))
    fails('noise', put('; 0 apart', '; 1e-09 apart', 'text'))
    fails('data', put('MNIST', 'digits'))
    for id,a,b in (('text', '.9794', '.9795'), ('text', '1,234', '1,235'),   # the last digit and noise may vary
                   ('noise', '1.2e-08', '4e-08'), ('noise', '12 ULP', '9 ULP')):
        near = read(path)
        put(a, b, 'text')(cell(near, id))
        assert checked(near, path)[0]
    ok,out = checked(nb, path, flags='')            # without MNIST, what MNIST gave is not compared,
    assert ok and 'made with MNIST' in out
    assert refresh.refresh(path, skip_flags(''))    # nor is it replaced
    assert 'MNIST' in str(cell(read(path), 'data').outputs)
    broken = read(path)
    broken.cells[1].source = 'assert False'
    with contextlib.redirect_stderr(io.StringIO()): assert not checked(broken, path)[0]

def wide():
    import base64
    from PIL import Image
    out = io.BytesIO()
    Image.new('RGB', (40,20)).save(out, 'PNG')
    return base64.b64encode(out.getvalue()).decode()

def test_pages(path):
    good = read(path)
    assert found(good, path) == set(), found(good, path)
    def finds(kind, *cells):
        nb = read(path)
        nb.cells = nb.cells[:1] + list(cells)
        kinds = found(nb, path.with_name('fault.ipynb'))
        assert kinds == ({kind} if kind else set()), (kind, kinds, cells)
    def stream(s): return dict(outputs=[nbformat.v4.new_output('stream', text=s)])
    picture = dict(outputs=next(c for c in good.cells if c.id == 'picture').outputs)
    finds('width', code('x = 1' + ' # a comment'*8))
    finds('width', code('x', **stream('a'*89)))
    finds('', code('#| exports\n"' + 'a'*98 + '"'), code('"' + 'a'*86 + '"', **stream('a'*88)))
    finds('alt', code('x', **picture))
    finds('alt', code('#| fig-alt: A red square, and no quotes: this is no YAML\nx', **picture))
    finds('alt', code("#| fig-alt: 'A red square of 20 pixels'\nx", **picture))
    finds('alt', code('x\n#| fig-alt: "A red square of 20 pixels"', **picture))
    finds('alt', md('![](a.png)'))
    finds('fold', code('#| fig-alt: "A red square of 20 pixels"\n' + 'ax.plot()\n'*5, **picture))
    folded = '#| fig-alt: "A red square of 20 pixels"\n#| code-fold: true\n'
    finds('', code(folded + 'ax.plot()\n'*5, **picture))
    finds('link', md('See [`parity`](12_parity.ipynb)'))
    finds('link', md("fastai's `SGD` equals torch's `SGD`"))
    finds('', md("torch's SGD equals fastai's `SGD`"))
    finds('heading', md('### Too deep'))
    finds('heading', md('## The `race`'), md('## Race'), code('#| export\ndef race(): "One line"'))
    finds('test', md('Words'), code('test_eq(1, 1)'))
    finds('test', code('x'), code('test_eq(1, 1)'))
    loop,hidden = code('for o in range(3): test_eq(o, o)'),code('#| hide\nassert True')
    finds('', code('x'), md('One is one:'), loop, hidden)
    finds('badge', md('![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)'))
    finds('table', code('x', **stream('| a |\n|---|\n| 1 |')))
    finds('docstring', code('#| export\ndef f():\n    """One\n\n    two"""'))
    finds('stored', code('x', **stream('a.py:1: UserWarning: no')))
    finds('stored', code('x', **stream('in /home/me/fastsgd')))
    finds('weight', code('x', outputs=[nbformat.v4.new_output('display_data', {'text/html': 'a'*500_000})]))
    finds('weight', *[code('#| fig-alt: "A red square of 20 pixels"\nx', **picture) for _ in range(2)])

with tempfile.TemporaryDirectory() as d:
    test_check(Path(d)/'page.ipynb')
    test_pages(Path(d)/'page.ipynb')
print('The tools find what they are for')
