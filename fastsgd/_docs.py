"""How the docs site shows a definition. Written by hand and named in settings.ini; nothing imports it.

nbdev prints docments as comments in the signature, where backticks become raw Markdown links. Here they are a
table. Where `#| exports` shows the source, the signature and the fold around the source go."""
import inspect,re
from fastcore.docments import docments
from fastcore.imports import IN_NOTEBOOK
from nbdev.doclinks import NbdevLookup
from nbdev.processors import Processor
from nbdev.showdoc import BasicMarkdownRenderer
from textwrap import fill
from types import FunctionType

empty = inspect.Parameter.empty
stars = {inspect.Parameter.VAR_POSITIONAL:'*', inspect.Parameter.VAR_KEYWORD:'**'}

def type_name(o):
    "A type as our code writes it, such as `float|None`; '' where fastcore has only guessed from a default"
    if o in (empty, None, type(None), type, FunctionType): return ''
    return re.sub(r'\b(\w+\.)+', '', inspect.formatannotation(o).strip("'")).replace(' ', '')

def default_name(o): return '' if o is empty else getattr(o, '__name__', repr(o))

def code(s):
    "`s` in backticks, which nbdev links; a `|` stays outside them, or it would end the table's cell"
    return r' \| '.join(f'`{o}`' for o in s.split('|')) if s else ''

class Renderer(BasicMarkdownRenderer):
    "Heading, signature, docstring, and a table of the parameters; a property isn't shown as a call"
    def __init__(self, sym, **kwargs):
        super().__init__(sym, **kwargs)
        self.is_call = callable(sym) and getattr(sym, '__init__', None) is not object.__init__
        docs = docments(self.sym, full=True, args_kwargs=True) if self.is_call else {}
        self.ret = docs.pop('return', None)
        self.params = {stars.get(o.kind, '')+k:o for k,o in docs.items() if k not in ('self','cls')}

    def signature(self):
        def text(k, o): return k if o.default is empty else f'{k}={default_name(o.default)}'
        params = ', '.join(text(k, o) for k,o in self.params.items())
        return fill(f'{self.nm}({params})', 85, subsequent_indent='    ', break_on_hyphens=False)

    def table(self):
        params = {k.replace('*', r'\*'):o for k,o in self.params.items()}
        if self.ret and (self.ret.docment or type_name(self.ret.anno)): params['**Returns**'] = self.ret
        details = [' '.join((o.docment or '').split()) for o in params.values()]
        types = [code(type_name(o.anno)) for o in params.values()]
        rows = zip(params, types, [code(default_name(o.default)) for o in params.values()], details)
        head = ('','-'*15),('Type','-'*18),('Default','-'*15),('Details','-'*52)   # the dashes set the widths
        cols = [(*h, *c) for h,c in zip(head, zip(*rows)) if any(c)]
        return '\n'.join('|'+'|'.join(r)+'|' for r in zip(*cols)) if len(cols)>1 else ''

    def _repr_markdown_(self):
        link = '' if IN_NOTEBOOK else NbdevLookup().code(self.fn)   # stored, its line number would go stale
        source = f'[source]({link}){{target="_blank" style="float:right; font-size:smaller"}}' if link else ''
        signature = f'```python\n{self.signature()}\n```' if self.is_call else ''
        doc = f'*{self.docs}*' if self.docs else ''
        parts = ['---', source, '#'*self.title_level+' '+self.nm, signature, doc, self.table()]
        return '\n\n'.join(o for o in parts if o)

class shown_source(Processor):
    "Put source after its entries, without their signatures; drop second entries, and those for dunders"
    def begin(self):
        def call(c): return c.source.split('\n')[-1]
        def name(c): return call(c)[len('show_doc('):-1].split('.')[-1]
        def defines(src, c): return re.search(rf'^(def|class) {name(c)}\b', src, flags=re.M)
        entries = {call(c) for c in self.nb.cells if c.get('has_sd')}
        cells,at,src = [],0,''
        for c in self.nb.cells:
            if call(c) in entries and ('.__' in call(c) or not c.get('has_sd')): continue
            if c.get('has_sd') and defines(src, c): cells.insert(at, self.without_signature(c))
            else:
                if 'exports' in c.get('directives_', {}): at,src = len(cells),c.source
                cells.append(c)
        self.nb.cells = cells

    def without_signature(self, cell):
        for o in cell.get('outputs', []):
            text = ''.join(o.get('data', {}).get('text/markdown', []))
            if text: o['data']['text/markdown'] = [re.sub(r'```python\n.*?\n```\n\n', '', text, flags=re.S)]
        return cell
