"""Test an installed fastsgd: run notebooks against it, as `nbdev_test` would, without nbdev.

`PYTHON tools/run_nbs.py [NOTEBOOK…] [--flags "mnist slow"]`, with the Python of an environment that has the
package, nbclient and ipykernel. Runs the notebooks you name, or all that export a module; writes nothing."""
import argparse,os,sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from nbclient.exceptions import CellExecutionError
from nbrun import directives,notebooks,read,root,run,settings,skip_flags

def exports(nb): return any('default_exp' in directives(c.source) for c in nb.cells if c.cell_type == 'code')

def test(path, nb, skip):
    "Run `nb`; True if no cell failed"
    try: run(nb, path, skip)
    except CellExecutionError as e: return print(f'FAILED {path.name}\n{e}', flush=True)
    print(f'passed {path.name}', flush=True)
    return True

def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('notebook', nargs='*', type=Path, help='default: all notebooks that export a module')
    p.add_argument('--flags', default='', help='run cells with these flags too, as in nbdev_test')
    args = p.parse_args()
    lib = settings['lib_name']
    os.environ.pop('PYTHONPATH', None)   # or the kernels could see the checkout
    os.environ['IN_TEST'] = '1'          # as nbdev_test does
    spec = find_spec(lib)
    if not spec: sys.exit(f'{lib} is not installed in {sys.prefix}')
    home = Path(spec.origin).resolve().parent
    if home == root/settings['lib_path']: sys.exit(f'{lib} is this checkout, not an installed wheel')
    versions = [f'{o} {version(o)}' for o in (lib, 'fastai', 'fastcore', 'torch')]
    print(', '.join(versions), f'in {home.parent}', flush=True)
    nbs = [(o.resolve(), read(o)) for o in args.notebook or notebooks()]
    good = [test(o, nb, skip_flags(args.flags)) for o,nb in nbs if args.notebook or exports(nb)]
    sys.exit(not (good and all(good)))

if __name__ == '__main__': main()
