"""Do the pages' links lead somewhere? `python tools/check_links.py`

Looks at relative links and those to pages of our own docs site, in the text of all notebooks: the file must be there,
and where a link names a section, so must its heading. The sidebar must name every page once."""
import re,sys
from nbrun import notebooks,read,root,settings

nbs = root/settings['nbs_path']
site = settings['doc_host']+settings['doc_baseurl']
def text(nb): return '\n'.join(c.source for c in nb.cells if c.cell_type == 'markdown')
texts = {p.resolve():text(read(p)) for p in notebooks()}
def html(p): return f"{site}/{(p.parent/re.sub(r'^[0-9]+_', '', p.stem)).relative_to(nbs).as_posix()}.html"
pages = {html(p):p for p in texts} | {site:nbs/'index.ipynb', site+'/':nbs/'index.ipynb'}

def anchors(md):
    "The names that pandoc gives to headings: letters, digits and _-. in lower case, spaces as hyphens, from the first letter on; and those that the text names itself"
    heads = re.findall(r'^#+ +(.+?)\s*$', re.sub(r'^```.*?^```', '', md, flags=re.S|re.M), flags=re.M)
    heads = [re.sub(r'\[(.*?)\]\(.*?\)', r'\1', h) for h in heads]
    auto = {re.sub(r'^[^a-z]+', '', re.sub(r'\s', '-', re.sub(r'[^\w\s.-]', '', h).lower())) for h in heads}
    return auto | set(re.findall(r'\{#([\w.-]+)', md)) | set(re.findall(r'\bid="([^"]+)"', md))

def problems():
    for p,md in texts.items():
        for link in re.findall(r'\]\(([^()\s]+)\)', md):
            url,_,anchor = link.partition('#')
            if re.match(r'\w+:', url) and not url.startswith(site): continue
            to = pages.get(url) if url.startswith(site) else (p.parent/url).resolve() if url else p
            if to is None or not to.exists(): yield f'{p.relative_to(root)}: nothing is at {link}'
            elif anchor and to in texts and anchor not in anchors(texts[to]): yield f'{p.relative_to(root)}: no heading for {link}'
    named = re.findall(r'\S+\.ipynb', (nbs/'sidebar.yml').read_text())
    for p in texts:
        if (n:=named.count(p.relative_to(nbs).as_posix())) != 1: yield f'sidebar.yml names {p.relative_to(nbs)} {n} times'
    for o in named:
        if not (nbs/o).exists(): yield f'sidebar.yml: there is no {o}'

found = list(problems())
print(*found, sep='\n')
sys.exit(bool(found))
