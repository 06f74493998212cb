"""Does the site show our definitions as it should? `python tools/check_docs.py`

Sends a small page through nbdev, as `nbdev_docs` does, and looks at what `fastsgd/_docs.py` makes of it:
tables of parameters, properties that aren't calls, shown source without a fold."""
import difflib,re,sys
from execnb.nbio import dict2nb,mk_cell
from nbdev.processors import FilterDefaults

page = ['''#| default_exp nowhere''', '''#| hide
try: from nbdev.showdoc import show_doc
except ImportError: show_doc = lambda *_,**__: None''', '''#| export
from fastcore.basics import patch''', '''#| exports
class Box:
    "A box"
    def __init__(self,
        width:float|None=None, # how wide, in `cm`
        *items): # what is in it
        self.items = items
    def open(self,
        how:str='gently', # with force?
    )->list: # what is in it
        "Open the box"
        return list(self.items)
    @property
    def weight(self): "(property) What it weighs, in grams"; return 1''', '''#| exports
def first(x): "The first"
def second(y): "The second"''', '''#| export
@patch
def close(self:Box,
    lock=None): # the lock
    "Close the box"
@patch
def __repr__(self:Box): return 'Box'
def _private(): pass''', 'show_doc(Box.open)', 'show_doc(Box.weight)', 'show_doc(Box.close)']

expected = """
### Box
*A box*
||Type|Default|Details|
|width|`float` \\| `None`|`None`|how wide, in `cm`|
|\\*items|||what is in it|
class Box:
### first
*The first*
### second
*The second*
def first(x): "The first"
### Box.close
Box.close(lock=None)
*Close the box*
||Default|Details|
|lock|`None`|the lock|
### Box.open
Box.open(how='gently')
*Open the box*
||Type|Default|Details|
|how|`str`|`'gently'`|with force?|
|**Returns**|`list`||what is in it|
### Box.weight
*(property) What it weighs, in grams*"""

def shown(nb):
    "The lines of the page: Markdown of the entries, source of the other cells"
    for c in nb.cells:
        text = c.outputs[0]['data']['text/markdown'] if c.get('outputs') else c.source
        if c.cell_type=='code': yield from ''.join(text).splitlines()

def main():
    nb = dict2nb(cells=[mk_cell(o) for o in page], metadata={}, nbformat=4, nbformat_minor=5)
    FilterDefaults()(nb)
    # without what nbdev adds, the body of Box, and the rule that sets the widths of a table's columns
    lines = [o for o in shown(nb) if o and not re.match(r'---|```|\[source|\|--|    |def second', o)]
    diff = list(difflib.unified_diff(expected.split('\n')[1:], lines, 'expected', 'shown', lineterm=''))
    print(*diff or ['The site shows a page as it should'], sep='\n')
    sys.exit(bool(diff))

if __name__ == '__main__': main()
