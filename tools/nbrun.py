"""What the tools share: reading notebooks, which cells a run skips, and running the others in a kernel.

The rules for skipping are `nbdev_test`'s. They're repeated here because run_nbs.py must work without nbdev,
which can't be installed alongside today's fastai: nbdev 2 needs fastcore<2, fastai after 2.8.7 fastcore 2."""
import re,sys
from configparser import ConfigParser
from pathlib import Path
import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

root = Path(__file__).resolve().parent.parent
settings = ConfigParser(delimiters=['='])
settings.read(root/'settings.ini', encoding='utf-8')
settings = settings['DEFAULT']

def notebooks():
    "The notebooks that nbdev sees: those under `nbs_path`, but for names that begin with `_` or `.`"
    nbs = root/settings['nbs_path']
    return sorted(p for p in nbs.rglob('*.ipynb') if not any(o[0] in '_.' for o in p.relative_to(nbs).parts))

def read(path): return nbformat.read(path, as_version=4)   # joins a source that is stored as a list of lines

def skip_flags(flags=''):
    "The flags that mark cells to skip: `tst_flags` of settings.ini without `flags`"
    return set(settings['tst_flags'].split()) - set(flags.split())

def directives(source):
    "The `#| name: args` lines that begin a cell, among blank lines and cell magics, as {'name:': [args]}"
    res = {}
    for line in source.splitlines():
        m = re.match(r'\s*#\s*\|(.*)', line)
        if m:
            s = m[1].strip()
            s = s.replace(':', '') if s.endswith(':') else s.replace(':', ': ')
            if s: res[s.split()[0]] = s.split()[1:]
        elif line.strip() and not re.match(r'\s*%%\w', line): break
    return res

def skip_cell(cell, skip):
    "Is `cell` skipped, given the flags in `skip`?"
    if cell.cell_type != 'code' or 'nbdev_export'+'(' in cell.source: return True
    d = directives(cell.source)
    return (d.get('eval:') or [''])[0].lower() == 'false' or bool(skip & d.keys())

def run(nb, path, skip):
    "Run `nb`, the notebook at `path`, in a fresh kernel; raises `CellExecutionError` if a cell fails"
    # With no kernel folders to search, 'python3' is ipykernel's own: this Python, whatever is installed
    km = AsyncKernelManager(kernel_name='python3', kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    client = NotebookClient(nb, km=km, timeout=None, record_timing=False, 
        extra_arguments=['--IPKernelApp.log_level=ERROR'], resources={'metadata': {'path': str(path.parent)}})
    with client.setup_kernel(cleanup_kc=True):   # without it, a kernel given as `km` lives on
        for i,c in enumerate(nb.cells):
            if not skip_cell(c, skip): client.execute_cell(c, i)
