"""Does the code keep the rules of CONTRIBUTING.md? `python tools/check_code.py`

Prints lines that are too wide, exported cells that are too long, private names that cross modules, imports
from a later module, and public definitions without a docstring, docments, types, or an example nearby."""
import ast,io,re,statistics,sys,tokenize
from importlib import import_module
from nbrun import directives,notebooks,read,root,settings

lib = settings['lib_path']
sys.path.insert(0, str(root))
rooms = ('core plots data loaders losses models optim_base optim forms loop step learner parity report '
         'compare why sweep race distributed cli').split()
problems = []

def complain(where, what): problems.append(f'{where}: {what}')
def read_lines(p): return p.read_text(encoding='utf-8').splitlines()
def place(p, c): return f'{p.relative_to(root)}[{c.id}]'
def code(c): return [o for o in c.source.splitlines() if o.strip() and not re.match(r'\s*#\s*\|', o)]
def is_export(c): return c.cell_type=='code' and any(o in directives(c.source) for o in ('export','exports'))
def is_def(o): return isinstance(o, (ast.FunctionDef,ast.AsyncFunctionDef,ast.ClassDef))
def has_decorator(d, *names): return any(n in ast.unparse(o) for o in d.decorator_list for n in names)

def check_widths():
    "At most 120 characters in code files, at most five lines over 110"
    files = [p for o in (lib,'tools','benchmarks') for p in (root/o).glob('*.py') if p.name!='_modidx.py']
    lines = [(f'{p.relative_to(root)}:{i}', len(o)) for p in files for i,o in enumerate(read_lines(p), 1)]
    wide = [o for o in lines if o[1]>110]
    for where,n in wide:
        if n>120 or len(wide)>5: complain(where, f'{n} characters (at most 120, at most five lines over 110)')

def check_sizes(sizes):
    "Exported cells are short: half of them have at most 10 lines, nine in ten at most 25, all at most 50"
    median,p90 = statistics.median(sizes),statistics.quantiles(sizes, n=10, method='inclusive')[-1]
    print(f'{len(sizes)} exported cells: median {median:g} lines, 90% at most {p90:g}, longest {max(sizes)}')
    if median>10 or p90>25: complain('exported cells', 'too long (median at most 10, 90% at most 25 lines)')

def check_names(where, tree, mod=None):
    "No private name of another module; and a module of the package imports only from those before it"
    for o in ast.walk(tree):
        if isinstance(o, ast.ImportFrom) and o.module: names = [f'{o.module}.{a.name}' for a in o.names]
        elif isinstance(o, ast.Import): names = [a.name for a in o.names]
        else: names = [ast.unparse(o)] if isinstance(o, ast.Attribute) else []
        for first,room,*rest in (n.split('.') for n in names if '.' in n):
            if first!=lib or room==mod or room[:2]=='__': continue
            if rest and re.match('_(?!_)', rest[0]): complain(where, f'uses {room}.{rest[0]}, a private name')
            if mod and room not in rooms[:rooms.index(mod)]: complain(where, f'{mod} may not import {room}')

def documented(f, comments):
    "The names with a docment, as fastcore finds them: one a line, for the last name on it"
    a = f.args
    lines = {o.lineno:o.arg for o in [*a.args, a.vararg, *a.kwonlyargs, a.kwarg] if o}
    if f.returns: lines[f.returns.lineno] = 'return'
    return {o for i,o in lines.items() if i in comments or i-1 in comments and i-1 not in lines}

def is_obvious(default):
    "Does `default` say which type it is? A number or a string does; None, a function and a class don't"
    if isinstance(default, ast.Constant): return default.value is not None
    return isinstance(default, (ast.Tuple,ast.List,ast.Dict,ast.UnaryOp,ast.BinOp))

def gives_value(f):
    "Does `f` itself return or yield something?"
    inner = [o for o in ast.walk(f) if o is not f and isinstance(o, (ast.FunctionDef,ast.Lambda))]
    theirs = {n for o in inner for n in ast.walk(o)}
    return any(isinstance(o, (ast.Return,ast.Yield)) and o.value for o in ast.walk(f) if o not in theirs)

def check_params(where, nm, f, comments):
    "Each parameter has a docment and a type, and what is returned has a docment"
    a,told = f.args,documented(f, comments)
    defaults = dict(zip(a.args[::-1], a.defaults[::-1])) | dict(zip(a.kwonlyargs, a.kw_defaults))
    stars = [o for o in (a.vararg, None if has_decorator(f, 'delegates') else a.kwarg) if o]
    for o in [*a.args, *a.kwonlyargs, *stars]:
        if o.arg in ('self','cls'): continue
        if o.arg not in told: complain(where, f'{nm}: no docment for {o.arg}')
        clear = o in stars or o.annotation or is_obvious(defaults.get(o))
        if not clear: complain(where, f'{nm}: no type for {o.arg}')
    if gives_value(f) and 'return' not in told: complain(where, f'{nm}: no docment for what it returns')

def check_public(where, nm, d, comments):
    "A docstring, which says of a property that it is one; docments of parameters and a dataclass's fields"
    doc,prop = ast.get_docstring(d) or '',has_decorator(d, 'property', 'as_prop')
    if not doc and d.name!='__init__': complain(where, f'{nm}: no docstring')
    if '\n' in doc: complain(where, f'{nm}: a docstring of more than one line')
    if prop and '(property)' not in doc: complain(where, f'{nm}: no "(property)" in its docstring')
    if not (prop or isinstance(d, ast.ClassDef)): check_params(where, nm, d, comments)
    fields = [o for o in d.body if isinstance(o, ast.AnnAssign)] if has_decorator(d, 'dataclass') else []
    for o in fields:
        told = o.target.id[0]=='_' or o.lineno in comments
        if not told: complain(where, f'{nm}: no docment for {o.target.id}')

def public_defs(tree, mod):
    "(name, definition) of what a cell makes public; not of methods that override one"
    for d in filter(is_def, tree.body):
        patch = has_decorator(d, 'patch')
        if not patch and d.name[0]!='_': yield d.name,d
        methods = [d] if patch else [o for o in d.body if is_def(o)]
        cls = eval(ast.unparse(d.args.args[0].annotation), vars(mod)) if patch else getattr(mod, d.name, None)
        if not isinstance(cls, type) or cls.__name__[0]=='_': continue
        for o in methods:
            new = o.name[0]!='_' and not any(o.name in vars(b) for b in cls.__mro__[1:])
            if o.name=='__init__' or new and not has_decorator(o, '.setter'):
                yield f'{cls.__name__}.{o.name}',o

def check_page(p):
    "All of the above for the notebook at `p`; gives the number of lines of its exported cells"
    cells = read(p).cells
    exps = [directives(c.source).get('default_exp') for c in cells]
    name = next((o[0] for o in exps if o), None)
    mod = import_module(f'{lib}.{name}') if name else None
    shows = [c.cell_type=='code' and not is_export(c) for c in cells]
    examples = [re.sub(r'^show_doc.*', '', c.source, flags=re.M) if o else '' for c,o in zip(cells, shows)]
    for i,c in enumerate(cells):
        if c.cell_type!='code': continue
        tree = ast.parse(re.sub(r'^\s*[%!].*', 'pass', c.source, flags=re.M))
        check_names(place(p, c), tree, name if is_export(c) else None)
        if not is_export(c): continue
        if len(code(c))>50: complain(place(p, c), f'an exported cell of {len(code(c))} lines (at most 50)')
        for o in code(c) if 'exports' in directives(c.source) else []:
            if len(o)>100: complain(place(p, c), f'{len(o)} characters (the site shows 100): {o.strip()}')
        tokens = tokenize.generate_tokens(io.StringIO(c.source).readline)
        comments = {o.start[0] for o in tokens if o.type==tokenize.COMMENT}
        for nm,d in public_defs(tree, mod):
            check_public(place(p, c), nm, d, comments)
            shown = d.name=='__init__' or re.search(rf'\b{d.name}\b', '\n'.join(examples[max(0, i-3):i+4]))
            if not shown: complain(place(p, c), f'{nm}: no example within three cells')
    return [len(code(c)) for c in cells if is_export(c)]

def check_all():
    "`all` leaves Python's modules copy and trace alone, and has array and datetime as fastai has them"
    ours,fastai = import_module(f'{lib}.all'),import_module('fastai.basics')
    for o in {'copy','trace'} & set(ours.__all__): complain(f'{lib}/all.py', f'would hide the module {o}')
    for o in ('array','datetime'):
        same = o in ours.__all__ and getattr(ours, o) is getattr(fastai, o)
        if not same: complain(f'{lib}/all.py', f"{o} isn't fastai's")

def main():
    check_widths()
    check_sizes([n for p in notebooks() for n in check_page(p)])
    for p in [*root.glob('tools/*.py'), *root.glob('benchmarks/*.py')]:
        check_names(p.relative_to(root), ast.parse('\n'.join(read_lines(p))))
    check_all()
    print(*problems, f'{len(problems)} problems', sep='\n')
    sys.exit(bool(problems))

if __name__ == '__main__': main()
