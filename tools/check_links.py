"""Do the pages' links lead somewhere? `python tools/check_links.py`

Checks relative links and links to our own docs site in the text of all notebooks: the file must exist, and so
must the heading, if the link names one. No link may have a backticked name as its text: nbdev would link it
again. The sidebar must name every page once."""
import re,sys
from nbrun import notebooks,read,root,settings

nbs = root/settings['nbs_path']
site = settings['doc_host']+settings['doc_baseurl']
def text(nb): return '\n'.join(c.source for c in nb.cells if c.cell_type == 'markdown')
texts = {p.resolve():text(read(p)) for p in notebooks()}
def html(p):
    name = re.sub(r'^\d+[a-zA-Z0-9]*_', '', p.stem)   # nbdev's rule
    return f'{site}/{(p.parent/name).relative_to(nbs).as_posix()}.html'
pages = {html(p):p for p in texts} | {site:nbs/'index.ipynb', site+'/':nbs/'index.ipynb'}

def anchors(md):
    "The ids of the headings in `md`, as pandoc makes them, and the ids that the text sets itself"
    heads = re.findall(r'^#+ +(.+?)\s*$', re.sub(r'^```.*?^```', '', md, flags=re.S|re.M), flags=re.M)
    heads = [re.sub(r'\[(.*?)\]\(.*?\)', r'\1', h) for h in heads]
    # lower case, only letters, digits and _-. kept, spaces as hyphens, from the first letter on
    auto = [re.sub(r'\s', '-', re.sub(r'[^\w\s.-]', '', h).lower()) for h in heads]
    own = re.findall(r'\{#([\w.-]+)', md) + re.findall(r'\bid="([^"]+)"', md)
    return {re.sub(r'^[^a-z]+', '', h) for h in auto} | set(own)

def problems():
    for p,md in texts.items():
        where = p.relative_to(root)
        for link in re.findall(r'\]\(([^()\s]+)\)', md):
            url,_,anchor = link.partition('#')
            if re.match(r'\w+:', url) and not url.startswith(site): continue
            to = pages.get(url) if url.startswith(site) else (p.parent/url).resolve() if url else p
            if to is None or not to.exists(): yield f'{where}: nothing at {link}'
            elif anchor and to in texts and anchor not in anchors(texts[to]):
                yield f'{where}: no heading for {link}'
        for o in re.findall(r'\[(`[^`\n]*`)\]\(', md):
            yield f'{where}: nbdev links {o} itself: drop the link or the backticks'
    named = re.findall(r'\S+\.ipynb', (nbs/'sidebar.yml').read_text())
    for p in texts:
        n = named.count(p.relative_to(nbs).as_posix())
        if n != 1: yield f'sidebar.yml names {p.relative_to(nbs)} {n} times'
    for o in named:
        if not (nbs/o).exists(): yield f'sidebar.yml: no such page: {o}'

found = list(problems())
print(*found, sep='\n')
sys.exit(bool(found))
