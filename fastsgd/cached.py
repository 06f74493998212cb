
import hashlib,io,itertools,json,os,random,stat,sys
from collections.abc import Iterator
from copy import copy,deepcopy
from functools import lru_cache,partial
from pathlib import Path
from types import CodeType,FunctionType,MethodType,SimpleNamespace
import numpy as np,torch
from torch import Tensor
from torch.utils.data import DataLoader as TorchLoader,IterableDataset,default_collate
from fastcore.basics import patch
from fastcore.foundation import L
from .core import Progress,atomic_write,check_int,check_path,tensor_hash
from .loaders import RandomState,TensorDataLoader,dense_strides,memory_order
import fastai
from fastai.data.core import DataLoaders,TfmdDL
from fastai.data.load import DataLoader
from fastai.torch_core import to_device
from fastai.torch_basics import Pipeline,compose_tfms

def _parts(o):
    "The tensors and numbers that the nested item or batch `o` is made of"
    if isinstance(o, dict): o = o.values()
    elif not isinstance(o, (tuple,list)): return [o]
    return [part for child in o for part in _parts(child)]

def _refill(like, parts):
    "A nested item or batch like `like`, made of the next of the iterator `parts`"
    if isinstance(like, dict):
        res = copy(like)
        res.update([(k, _refill(v, parts)) for k,v in like.items()])
        return res
    if not isinstance(like, (tuple,list)): return next(parts)
    children = [_refill(o, parts) for o in like]
    return type(like)(*children) if hasattr(like, '_fields') else type(like)(children)

def _form(o):
    "What `o` is made of: types, keys, dtypes, numbers of dimensions"
    if isinstance(o, dict): return type(o),tuple((k, _form(v)) for k,v in o.items())
    if isinstance(o, (tuple,list)): return type(o),tuple(map(_form, o))
    return type(o),getattr(o, 'dtype', None),getattr(o, 'ndim', 0)

def _as_tensor(o):
    "A part as a plain tensor"
    if not isinstance(o, Tensor): return torch.from_numpy(np.asarray(o))
    t = o if type(o) is Tensor else o.as_subclass(Tensor)
    return t.detach() if t.requires_grad else t

def _from_tensor(t, kind, meta):
    "A plain tensor as a part of type `kind`, with the attributes `meta`"
    if kind is Tensor and not meta: return t
    if issubclass(kind, Tensor):
        t = t.as_subclass(kind)
        if meta: vars(t).update(deepcopy(meta))
        return t
    if kind is np.ndarray: return t.numpy()
    return t.numpy()[()] if issubclass(kind, np.generic) else kind(t.item())

def _bits(t): return t.contiguous().reshape(-1).view(torch.uint8)

def _same_part(a, b):
    "Are two parts equal to the bit, in strides and attributes too?"
    if getattr(a, '__dict__', None)!=getattr(b, '__dict__', None): return False
    a,b = _as_tensor(a),_as_tensor(b)
    return a.shape==b.shape and a.stride()==b.stride() and torch.equal(_bits(a), _bits(b))

def _same(a, b): return _form(a)==_form(b) and all(map(_same_part, _parts(a), _parts(b)))

def _is_plain(o): return all(map(_is_plain, o)) if isinstance(o, (tuple,list)) else isinstance(o, _plain)
_plain = bool,int,float,str,type(None)

_odd_memory = 'its items lie in memory in different ways or with gaps: call `contiguous` on them'

def _pack(parts, stacked):
    "The same part of several items: its memory order, values, shapes, attributes"
    ts = [_as_tensor(o) for o in parts]
    order = tuple(range(ts[0].ndim)) if stacked else memory_order(ts[0])
    if not stacked and (order is None or any(dense_strides(t.shape, order)!=t.stride() for t in ts)):
        raise ValueError(_odd_memory)
    metas = [getattr(o, '__dict__', {}) for o in parts]
    for m in metas:
        if _is_plain([*m.values()]): continue
        raise ValueError(f'its tensors have attributes that are more than numbers and strings: {[*m]}')
    shapes = torch.tensor([t.shape for t in ts]).reshape(len(ts), -1).long()
    values = torch.cat([t.permute(order).reshape(-1) for t in ts])
    return order,values,shapes,metas if any(metas) else None

def _inverse(order): return [order.index(d) for d in range(len(order))]

class _Column:
    "The same part of all items: its values one after the other, their shapes and attributes"
    def __init__(self, packs, kind):
        orders,values,shapes,metas = zip(*packs)
        if len({*orders})>1: raise ValueError(_odd_memory)
        self.kind,self.order,self.values,self.shapes = kind,orders[0],torch.cat(values),torch.cat(shapes)
        self.ends = self.shapes.prod(1).cumsum(0)
        metas = [m or [{}]*len(s) for m,s in zip(metas, shapes)]
        self.metas = [*itertools.chain(*metas)] if any(map(any, metas)) else None

    def part(self, i):
        "This part of item `i`, in memory of its own"
        start = self.ends[i-1].item() if i else 0
        size = self.shapes[i].tolist()
        t = self.values[start:self.ends[i].item()].clone().view([size[d] for d in self.order])
        return _from_tensor(t.permute(_inverse(self.order)), self.kind, self.metas and self.metas[i])

    def rows(self):
        "All items' parts as one tensor [n,…], or None if their shapes differ"
        if (self.shapes!=self.shapes[0]).any(): return None
        size,order = self.shapes[0].tolist(),(0, *(d+1 for d in self.order))
        rows = self.values.view(len(self.shapes), *(size[d] for d in self.order))
        return rows.permute(_inverse(order))

class _ItemCache:
    "Items of different shapes, collated for each batch as the loader does it"
    tensors = None
    def __init__(self, columns, like, draws): self.columns,self.like,self.draws = columns,like,draws
    def to(self, device): pass
    def item(self, i): return _refill(self.like, iter([o.part(i) for o in self.columns]))
    def batch(self, dl, idxs):
        items = [self.item(i) for i in idxs.tolist()] if idxs.ndim else self.item(idxs.item())
        return dl._to_device(dl._collate(items))

class _Rows:
    "One part of all items [n,…], lying in memory so that the rows it gives have the strides of `like`"
    def __init__(self, rows, like, metas):
        order = memory_order(like) or tuple(range(like.ndim))
        self.kind,self.metas,self.n = type(like),metas,len(rows)
        self.dim,self.back = order.index(0),_inverse(order)
        self.store = torch.empty([rows.shape[d] for d in order], dtype=rows.dtype, device=rows.device)
        self.store.copy_(rows.permute(order))
        self.strides = None if like.numel() else like.stride()   # tables without columns have odd ones

    def rows(self, t): return t if self.dim==0 and self.back==[*range(t.ndim)] else t.permute(self.back)
    @property
    def tensor(self): return self.rows(self.store)

    def pick(self, idxs):
        t = self.rows(self.store.index_select(self.dim, idxs))
        if self.strides: t = t.as_strided(t.shape, self.strides)
        return _from_tensor(t, self.kind, self.metas and self.metas[idxs[0]])

class _RowCache:
    "Items of one shape: a tensor for each part, to pick the rows of a batch from"
    def __init__(self, columns, like, draws):
        self.like,self.draws = like,draws
        self.flat = type(like) in (tuple,list) and len(_parts(like))==len(like)
        self.parts = [_Rows(c.rows(), o, c.metas) for c,o in zip(columns, _parts(like))]
        self.device = self.parts[0].store.device

    @property
    def tensors(self): return tuple(o.tensor for o in self.parts)

    def to(self, device):
        if device in (None,self.device): return
        for o in self.parts: o.store = o.store.to(device)
        self.device = self.parts[0].store.device

    def batch(self, dl, idxs):
        parts = [o.pick(idxs) for o in self.parts]
        return type(self.like)(parts) if self.flat else _refill(self.like, iter(parts))

def _other_rngs():
    "The states of NumPy's and torch's global generators"
    _,key,pos,*_ = np.random.get_state()
    return torch.get_rng_state(),torch.from_numpy(key.astype(np.int64)),torch.tensor(pos)

def _draws_between(start, end):
    "How many 32-bit words were drawn from `random` between two of its states"
    (_,before,_),(_,after,_) = start,end
    n = after[-1]-before[-1]
    if start[2]==end[2] and before[:-1]==after[:-1]: return n
    now = random.getstate()
    try:
        for n in range(n%624 or 624, 6240, 624):   # a state shows the count modulo 624
            random.setstate(start)
            random.getrandbits(32*n)
            if random.getstate()==end: return n
    finally: random.setstate(now)
    raise ValueError("its items draw from `random` in a way that can't be repeated")

_random_hint = ('draw random numbers for whole batches, in batch_tfms: `RandomResizedCropGPU` for '
                "`RandomResizedCrop`, `Flip` for `FlipItem`; and use `Resize` with method='squish'")

def _changes(i): return f'item {i} is different each time, or draws more random numbers: {_random_hint}'

class _Chunks:
    "The items of a loader, packed chunk by chunk; what can't be kept comes back as a `ValueError`"
    def __init__(self, dl, like, n):
        self.dl,self.form,self.draws = dl,_form(like),False
        self.chunks = torch.arange(n).split(dl._chunk)
    def __len__(self): return len(self.chunks)
    def __getitem__(self, k):
        idxs = self.chunks[k].tolist()
        try:
            items,draws = self._take(idxs)
            for i,o in zip(idxs, items): self.dl._check_item(i, o, self.form)
            return self.dl._pack(items),draws
        except ValueError as e: return e   # from another process it would come with that one's traceback

    def _take(self, idxs):
        "The items, and what each draws from `random`"
        mine,others = random.getstate(),_other_rngs()
        items,draws = None if self.draws else self.dl._take(idxs),[0]*len(idxs)
        self.draws = self.draws or mine!=random.getstate()
        if self.draws: items,draws = zip(*map(self._take_twice, idxs))
        if all(map(torch.equal, others, _other_rngs())): return items,draws
        raise ValueError(f"its items draw from NumPy's or torch's generator: {_random_hint}")

    def _take_twice(self, i):
        f = self.dl._item_maker(i)
        start,a = random.getstate(),f()
        middle,b = random.getstate(),f()
        n = _draws_between(start, middle)
        if n==_draws_between(middle, random.getstate()) and _same(a, b): return a,n
        raise ValueError(_changes(i))

class _CachedLoader:
    "What makes a loader a cached one: it picks rows from tensors where it would have made items."
    _cache,_built,_chunk,_plain = None,None,64,None
    def __iter__(self):
        if not self._as_built(): return super().__iter__()   # as slow as before, but right
        return self._batches()

    def _batches(self):
        for idxs in self.epoch_idxs(): yield self._finish(self._cache.batch(self, idxs))

    def _as_built(self):
        "Are the data set and its transforms those that the cache was made with?"
        now,then = self._state(),self._built
        return then is not None and len(now)==len(then) and all(a is b for a,b in zip(now, then))

    def _replay(self, idxs):
        "The indices; going through them draws from `random` what their items would have drawn"
        draws = None if self._workers else self._cache.draws
        for i in idxs:
            if draws and draws[i]: random.getrandbits(32*draws[i])
            yield i

    def _begin(self): pass
    def _ready(self): pass
    def _like(self): return self._take([0])[0]
    def _item_maker(self, i): return partial(self._take_one, i)
    def _take_one(self, i): return self._take([i])[0]
    def _pack(self, items):
        stacked = self._collates_plainly()
        return [_pack(o, stacked) for o in zip(*map(_parts, items))]
    def __reduce_ex__(self, protocol): return _new_cached,(self._plain,),vars(self)

_kinds = np.ndarray,np.generic,bool,int,float

@patch
def _check_item(self:_CachedLoader, i, o, form):
    "Raise a `ValueError` if item `o`, number `i`, can't be kept"
    for part in _parts(o):
        if isinstance(part, Tensor): continue
        if isinstance(part, _kinds) and np.asarray(part).dtype.kind in 'biufc': continue   # numbers
        if part is None: raise ValueError(f'item {i} is None or skipped: leave such items out of the set')
        raise ValueError(f'item {i} holds a {type(part).__name__}: turn it into numbers, or leave it out')
    if _form(o)!=form: raise ValueError(f'item {i} is made of other things than item 0')


class _CachedFastai(_CachedLoader):
    "A cached fastai `DataLoader`."
    @property
    def _workers(self): return self.fake_l.num_workers

    def epoch_idxs(self)->Iterator: # of int64 tensors, on the loader's device
        "Go through the indices of an epoch's batches; iterating picks their rows."
        self._ready()
        self.randomize()
        self.before_iter()
        idxs = self.get_idxs()
        torch.empty((), dtype=torch.int64).random_()   # torch's iterator draws a number, too
        yield from self._split(idxs)
        self.after_iter()

    def _split(self, idxs):
        draws = self._cache.draws and not self._workers
        if draws or not self.bs or not idxs or type(idxs) is not list:
            return (self._tensor(b) for b in self.chunkify(self._replay(idxs)))
        if self.drop_last: idxs = idxs[:len(idxs)//self.bs*self.bs]
        return self._tensor(idxs).split(self.bs) if idxs else ()

    def _tensor(self, idxs): return torch.as_tensor(np.array(idxs), device=self.device)
    def _begin(self):
        if isinstance(self, TfmdDL): TfmdDL.before_iter(self)   # loaders share transforms, not `split_idx`
    def _ready(self): self._cache.to(self.device)
    def _take(self, idxs): return [self.do_item(i) for i in idxs]
    def _collate(self, items): return self.do_batch(items)
    def _to_device(self, b): return b if self.device is None else to_device(b, self.device)
    def _finish(self, b): return self.after_batch(tuple(b) if self.pin_memory and type(b) is list else b)

def _fs(f):
    "The transforms of a pipeline, or the function itself, as a list"
    if f is None: return []
    return [*f.fs] if isinstance(f, Pipeline) else [f]

_collating = 'create_batch','do_batch','retain'

@patch
def _state(self:_CachedFastai):
    "What must stay the same for the cache to be right"
    own = vars(self)
    tfms = [f for o in ('after_item','before_batch') for f in [o,*_fs(own.get(o))]]
    split_idx = getattr(self.dataset, 'split_idx', None)
    return [self.dataset,split_idx,not self.bs,*map(own.get, ('create_item',*_collating)),*tfms]

@patch
def _collates_plainly(self:_CachedFastai):
    "Does it only stack items, by fastai's own methods?"
    own = vars(self)
    if not self.bs or any(o in own for o in _collating) or _fs(own.get('before_batch')): return False
    names = _collating if 'before_batch' in own else (*_collating,'before_batch')
    return not _overridden(self._plain, DataLoader, names)

def _overridden(cls, base, names): return [o for o in names if getattr(cls, o) is not getattr(base, o)]
@patch
def _item_maker(self:_CachedFastai, i):
    "A function that makes item `i`. It opens the file once, if all transforms are fastai's"
    tfms,start = _fs(vars(self).get('after_item')),random.getstate()
    make = partial(self.do_item, i)
    if not all(type(f).__module__.startswith('fastai.') for f in tfms): return make   # may change it in place
    raw = self.create_item(i)
    return partial(self.after_item, raw) if start==random.getstate() else make

@patch
def new(self:_CachedFastai,
    dataset=None,       # another data set; None: the same, cached
    cls:type|None=None, # None: the same
    **kwargs            # arguments to change
)->DataLoader: # not cached if `dataset` or `cls` is given
    "A copy with some arguments changed."
    res = super(_CachedFastai, self).new(dataset=dataset, cls=cls or self._plain, **kwargs)
    same = cls is None and res.dataset is self.dataset
    return _wrap(res, self._cache, self._built) if same else res

@patch(as_prop=True)
def tensors(self:_CachedLoader)->tuple|None:
    "(property) The tensors [n,…] that batches are rows of; None if a batch is more than rows of tensors."
    c = self._cache
    if c.tensors is None or type(c.like) is not tuple or not c.flat: return None
    return None if self._batch_tfms() or any(o.metas for o in c.parts) else c.tensors

@patch
def _batch_tfms(self:_CachedFastai): return _fs(vars(self).get('after_batch'))

class _CachedTab(_CachedFastai):
    "A cached `TabDataLoader`: what `ReadTabBatch` makes of the whole table, to pick rows from."
    _chunk = 4096
    def _read(self): return _fs(self.after_batch)[0]   # fastai's ReadTabBatch
    def _state(self):
        own = vars(self)
        return [self.dataset,not self.bs,*map(own.get, _collating),*_fs(self.before_batch),self._read()]

    def _like(self): return self._collate([0])
    def _check_item(self, i, o, form): pass
    def _take(self, idxs): return idxs
    def _collate(self, idxs): return self._read()(self._to_device(self.create_batch(idxs)))
    def _collates_plainly(self): return True
    def _batch_tfms(self): return _fs(self.after_batch)[1:]
    def _finish(self, b): return compose_tfms(b, self._batch_tfms(), split_idx=self.after_batch.split_idx)

    def _pack(self, idxs):
        ts = _parts(self._collate(idxs))
        shapes = [torch.tensor(t.shape[1:]).long().expand(len(t), -1) for t in ts]
        return [(tuple(range(t.ndim-1)), t.reshape(-1), s, None) for t,s in zip(ts, shapes)]

class _CachedTorch(_CachedLoader):
    "A cached loader of torch's."
    @property
    def _workers(self): return self.num_workers

    def epoch_idxs(self)->Iterator: # of int64 tensors
        "Go through the indices of an epoch's batches; iterating picks their rows."
        chunks = iter(self.sampler if self.batch_sampler is None else self.batch_sampler)
        started = vars(self).get('_started') and self.persistent_workers
        if not started:   # torch's iterator draws a number, too
            torch.empty((), dtype=torch.int64).random_(generator=self.generator)
        vars(self)['_started'] = True
        return map(self._idxs, chunks)

    def _idxs(self, b):
        res = [*self._replay([b] if self.batch_sampler is None else b)]
        return torch.as_tensor(np.array(res[0] if self.batch_sampler is None else res))

    def _batches(self): return map(self._batch, self.epoch_idxs())   # torch draws when `iter` is called
    def _batch(self, idxs): return self._cache.batch(self, idxs)
    def _state(self): return [self.dataset,self.collate_fn,self.batch_sampler is None]
    def _collate(self, items): return self.collate_fn(items)
    def _collates_plainly(self):
        return self.collate_fn is default_collate and self.batch_sampler is not None
    def _to_device(self, b): return b
    def _batch_tfms(self): return []
    def _take(self, idxs):
        if hasattr(self.dataset, '__getitems__'): return self.dataset.__getitems__(idxs)
        return [self.dataset[i] for i in idxs]

def _tab_loader():
    "fastai's `TabDataLoader`, if somebody has imported it"
    return getattr(sys.modules.get('fastai.tabular.core'), 'TabDataLoader', ())

def _base(cls):
    if issubclass(cls, _tab_loader()): return _CachedTab
    return _CachedFastai if issubclass(cls, DataLoader) else _CachedTorch

@lru_cache(None)
def _cached_class(cls): return type(f'Cached{cls.__name__}', (_base(cls),cls), {'_plain':cls})
def _new_cached(cls): return object.__new__(_cached_class(cls))   # for pickle, too

def _wrap(dl, cache=None, built=None):
    "A shallow copy of `dl` that is a cached loader"
    res = _new_cached(type(dl))
    own = vars(res)
    own.update(vars(dl), _cache=cache, _built=built)
    for k,v in vars(dl).items():   # `dl` may hold methods of its own, as after `show_batch(unique=True)`
        if isinstance(v, MethodType) and v.__self__ is dl: own[k] = MethodType(v.__func__, res)
    if 'rng' in own: own['rng'] = copy(dl.rng)
    if 'fake_l' in own:
        own['fake_l'] = fake = copy(dl.fake_l)
        fake.d,fake.dataset = res,fake
    if '_iterator' in own: own['_iterator'] = None   # of torch's persistent workers
    return res

_own_ways = '__iter__','create_batches','sample','chunkify','create_item','do_item'

def _check_class(dl):
    "Raise a `ValueError` for a loader that makes its batches in a way of its own, or has no items to pick"
    if isinstance(dl, TorchLoader):
        ways = _overridden(type(dl), TorchLoader, ('__iter__',))
        iterable = isinstance(dl.dataset, IterableDataset)
    else:
        base = next((o for o in [_tab_loader()] if o and isinstance(dl, o)), DataLoader)
        ways = _overridden(type(dl), base, _own_ways)
        iterable = not dl.indexed
        ways += [o for o in ('create_batches','sample') if o in vars(dl)]
    if iterable: raise ValueError('its set can only be iterated over: use a list of the items')
    if not ways: return
    raise ValueError(f'{type(dl).__name__} has its own {ways[0]}, so its items may change from epoch to '
                     'epoch: use it as it is')

def _item_tfms(dl):
    "The transforms that make an item"
    ds = dl.dataset
    lists = getattr(ds, 'tls', None) or [ds]
    pipes = [getattr(o, 'tfms', None) for o in lists]
    return [f for o in [*pipes,vars(dl).get('after_item')] if isinstance(o, Pipeline) for f in o.fs]

def _check_random(dl):
    "Raise a `ValueError` for a transform that is known to change an item at random"
    split_idx = getattr(dl.dataset, 'split_idx', None)
    augment = sys.modules.get('fastai.vision.augment')
    for f in _item_tfms(dl) if augment else ():
        if not isinstance(f, augment.RandTransform) or isinstance(f, augment.Resize): continue
        if f.split_idx not in (None,split_idx) or (f.p==1. and split_idx==1): continue
        raise ValueError(f'{type(f).__name__} changes its items at random: {_random_hint}')

def _free_bytes():
    "How much memory is free, as far as the system tells"
    try:
        lines = Path('/proc/meminfo').read_text().splitlines()
        return next(int(l.split()[1])*1024 for l in lines if l.startswith('MemAvailable'))
    except (OSError,StopIteration): pass
    try: return os.sysconf('SC_PHYS_PAGES')*os.sysconf('SC_PAGE_SIZE')
    except (AttributeError,ValueError,OSError): return 2**63

def _check_bytes(n_bytes, limit):
    if n_bytes<=limit: return
    raise ValueError(f'its items need {n_bytes:,} bytes of the {limit:,} that they may take: make them '
                     'smaller, cache a part of the set, or give max_bytes')

def _n_bytes(pack): return sum(v.nbytes+s.nbytes for _,v,s,_ in pack)

@patch
def _pack_all(self:_CachedLoader, limit, show):
    "The packed items, part by part, and what each draws from `random`"
    n,like = len(self.dataset),self._like()
    self._check_item(0, like, _form(like))
    chunks = _Chunks(self, like, n)
    loader = TorchLoader(chunks, batch_size=None, num_workers=self._workers, collate_fn=_as_is)
    packs,draws = [],[]
    for o in Progress(loader, show):
        if isinstance(o, ValueError): raise o
        if not packs: _check_bytes(_n_bytes(o[0])*n//len(o[1]), limit)
        pack,drawn = deepcopy(o) if self._workers else o   # another process's tensor holds a file open
        packs.append(pack)
        draws += drawn
    return [*zip(*packs)],draws if any(draws) else None

def _as_is(o): return o

@patch
def _fill(self:_CachedLoader, packs, draws):
    "Make the cache of packed items, and check a sample of it against new items"
    n,like = len(self.dataset),self._like()
    columns = [_Column(p, type(o)) for p,o in zip(packs, _parts(like))]
    sample = torch.linspace(0, n-1, min(n, 64)).long().unique()
    items = self._take(sample.tolist())
    if self._collates_plainly() and all(c.rows() is not None for c in columns):
        if self._fill_rows(columns, draws, sample, self._to_device(self._collate(items))): return columns
    cache = _ItemCache(columns, like, draws)
    for i,o in zip(sample.tolist(), items):
        if not _same(cache.item(i), o): raise ValueError(_changes(i))
    vars(self).update(_cache=cache, _built=self._state())
    return columns

@patch
def _fill_rows(self:_CachedLoader, columns, draws, sample, batch):
    "Make the cache of rows; False if that doesn't give `batch` for `sample`"
    if not all(memory_order(o) or not o.numel() for o in _parts(batch)): return False
    cache = _RowCache(columns, batch, draws)
    vars(self).update(_cache=cache, _built=self._state())
    self._ready()
    return _same(cache.batch(self, sample.to(cache.device)), batch)

def _code_key(c):
    "What a function's code says, whichever file and line it stands in"
    consts = [_code_key(o) if isinstance(o, CodeType) else sorted(map(repr, o)) if isinstance(o, frozenset)
              else repr(o) for o in c.co_consts]
    return [c.co_code.hex(),*c.co_names,*c.co_varnames,consts]

def _file_key(path):
    "Name, size and time of a file; other strings are themselves"
    try: s = os.stat(path)
    except (OSError,ValueError): return str(path)
    return [str(path),s.st_size,s.st_mtime_ns] if stat.S_ISREG(s.st_mode) else str(path)

def _array_key(o):
    if o.dtype==object: return repr(o.tolist())
    return tensor_hash(f'{o.dtype}{o.shape}', torch.from_numpy(np.frombuffer(o.tobytes(), np.uint8).copy()))

def _is_table(o):
    pd = sys.modules.get('pandas')
    return pd and isinstance(o, (pd.DataFrame,pd.Series,pd.Index))

def _table_key(o):
    from pandas.util import hash_pandas_object
    names = o.columns if o.ndim==2 else [o.name]
    try: hashes = hash_pandas_object(o)
    except TypeError: hashes = hash_pandas_object(o.astype(str))   # cells that are lists
    return [*map(str, names),_array_key(hashes.values)]

class _Key:
    "Describes what decides the items of a set: files with sizes and times, values, transforms, code"
    def __init__(self): self.seen = {}
    def __call__(self, o):
        if isinstance(o, (str,Path)): return _file_key(o)
        if isinstance(o, (*_plain,bytes,type)): return repr(o)
        if isinstance(o, Tensor): return tensor_hash(o)
        if isinstance(o, np.ndarray): return _array_key(o)
        if id(o) in self.seen: return '…'
        self.seen[id(o)] = o   # which also keeps its id from being used again
        return self.nested(o)

    def nested(self, o):
        if isinstance(o, dict): return [[self(k),self(v)] for k,v in o.items()]
        if isinstance(o, (list,tuple)) or type(o) is L: return [self(x) for x in o]
        if isinstance(o, (set,frozenset)): return sorted(map(repr, o))
        if _is_table(o): return _table_key(o)
        if isinstance(o, FunctionType): return self.func(o)
        if isinstance(o, partial): return self([o.func,o.args,o.keywords])
        if isinstance(o, MethodType): return self([o.__func__,o.__self__])
        if hasattr(o, 'dispatch'): return [self(m.implementation) for m in o.methods]   # a transform's
        return self.attrs(o)

    def func(self, f):
        cells = [c.cell_contents for c in f.__closure__ or ()]
        return [f.__qualname__,_code_key(f.__code__),self(f.__defaults__),self(cells)]

    def attrs(self, o):
        "An object by its class, the code of its methods, and its attributes"
        own = getattr(o, '__dict__', {})
        if hasattr(o, 'before_call'): own = own.get('__stored_args__', {})   # the rest is what it drew last
        methods = sorted(vars(type(o)).items())
        code = [self(f) for k,f in methods if isinstance(f, FunctionType) or k=='encodes']
        return [type(o).__qualname__,code,[[k,self(v)] for k,v in own.items() if k[:1]!='_']]

_version = 1   # of the file, and of how items are taken

def _cache_key(loaders):
    "Changes when files, transforms, data or versions do"
    import PIL
    key = _Key()
    own = 'dataset','after_item','create_item'
    parts = [[type(o).__qualname__,*(key(_fs(vars(o).get(k))) for k in own)] for o in loaders]
    versions = [_version,torch.__version__,fastai.__version__,np.__version__,PIL.__version__]
    return tensor_hash(json.dumps([versions,parts]))

def _tag(o):
    "Tuples, which JSON doesn't have, as lists that begin with 'tuple'"
    if isinstance(o, dict): return {k:_tag(v) for k,v in o.items()}
    if not isinstance(o, (list,tuple)): return o
    return ['list' if isinstance(o, list) else 'tuple',*map(_tag, o)]

def _untag(o):
    if isinstance(o, dict): return {k:_untag(v) for k,v in o.items()}
    if not isinstance(o, list): return o
    return [*map(_untag, o[1:])] if o[0]=='list' else tuple(map(_untag, o[1:]))

def _write(path, key, built):
    "Keep the columns and draws of all loaders in the file `path`"
    arrays,header = {},[]
    for i,(columns,draws) in enumerate(built):
        header.append([[str(c.values.dtype)[6:],c.order,_tag(c.metas)] for c in columns])
        arrays[f'draws{i}'] = np.array(draws or [], np.int64)
        for j,c in enumerate(columns):
            arrays[f'values{i}_{j}'] = _bits(c.values).cpu().numpy()
            arrays[f'shapes{i}_{j}'] = c.shapes.numpy()
    buf = io.BytesIO()
    np.savez(buf, header=np.array(json.dumps([key,header])), **arrays)
    buf.write(_digest(buf.getbuffer()))
    try: atomic_write(path, buf.getbuffer(), overwrite=True)
    except OSError as e: print(f'note: {e}; the items are kept in memory only')

def _digest(data): return hashlib.sha256(data).hexdigest().encode()

def _unpack(z, i, j, spec):
    dtype,order,metas = spec
    values = torch.empty(z[f'values{i}_{j}'].size, dtype=torch.uint8).view(getattr(torch, dtype))
    _bits(values).copy_(torch.from_numpy(z[f'values{i}_{j}']))
    return [(tuple(order),values,torch.from_numpy(z[f'shapes{i}_{j}']),_untag(metas))]

def _read(path, key):
    "The packed items and draws of all loaders, if the file `path` has them under `key`, else None"
    try:
        data = memoryview(path.read_bytes())
        if _digest(data[:-64])!=data[-64:]: raise ValueError('its checksum is another one')
        with np.load(io.BytesIO(data[:-64]), allow_pickle=False) as z:
            found,header = json.loads(str(z['header']))
            if found!=key: return None
            return [([_unpack(z, i, j, c) for j,c in enumerate(o)],z[f'draws{i}'].tolist() or None)
                    for i,o in enumerate(header)]
    except FileNotFoundError: return None
    except Exception as e: print(f"note: '{path}' is damaged ({e}): it is made again")

def _cache_file(path):
    "The file to keep the items in. Raises an `OSError` if it can't be written, or isn't one of ours"
    path = Path(path)
    if path.is_dir(): path = path/'cached.npz'
    path = check_path(path, overwrite=True)
    if not path.exists(): return path
    try:
        with np.load(path, allow_pickle=False) as z: ours = 'header' in z.files
    except Exception: ours = path.suffix in ('','.npz')   # damaged
    if ours: return path
    raise FileExistsError(f"path='{path}' exists already and is no cache of cached(): give another name")

def _needs_cache(dl):
    "Is there anything to cache? Raises a `TypeError` for what is no loader"
    if not isinstance(dl, (DataLoader,TorchLoader)):
        name = type(dl).__name__
        raise TypeError(f"dls must be DataLoaders with loaders of fastai's or torch's, not {name}")
    if isinstance(dl, (TensorDataLoader,_CachedLoader)): return False
    _check_class(dl)
    _check_random(dl)
    return len(dl.dataset)>0

def _named_errors(name, f, *args):
    "`f(*args)`, with the loader's name in what it raises as a `ValueError`"
    try: return f(*args)
    except ValueError as e: raise ValueError(f"{name} can't be cached: {e}") from e

@patch
def _build(self:_CachedLoader, limit, show, saved):
    "Make the cache, from `saved` if it is given; the columns and draws, and what is left of `limit`"
    self._begin()
    packs,draws = saved or self._pack_all(limit, show)
    columns = self._fill(packs, draws)
    return columns,draws,limit-sum(c.values.nbytes+c.shapes.nbytes for c in columns)

def _build_all(loaders, limit, show, saved=None):
    built = []
    for i,(name,dl) in enumerate(loaders.items()):
        columns,draws,limit = _named_errors(name, dl._build, limit, show, saved and saved[i])
        built.append((columns,draws))
    return built

def _build_or_read(loaders, path, limit, show):
    "Fill the caches of `loaders`, from the file `path` if that can be done"
    key = path and _cache_key(loaders.values())
    saved = path and _read(path, key)
    try:
        if saved: return _build_all(loaders, limit, show, saved)
    except ValueError: print(f"note: '{path}' doesn't fit the data any more: it is made again")
    built = _build_all(loaders, limit, show)
    if path: _write(path, key, built)

def cached(
    dls:DataLoaders,         # fastai's `DataLoaders`, of fastai's or torch's loaders; or one such loader
    path:str|Path|None=None, # a file to keep the items in, such as 'pets.npz'; None: only in memory
    max_bytes:int|None=None, # the most that the items may take; None: a third of the free memory
    progress:bool=True       # show a bar?
)->DataLoaders: # of the same kind; `dls` stays as it is
    "The same batches, to the bit, from items made only once. Raises a `ValueError` where that can't be."
    loaders = dls.loaders if isinstance(dls, DataLoaders) else [dls]
    names = [f'dls[{i}]' if i>1 else ('dls.train','dls.valid')[i] for i in range(len(loaders))]
    path = None if path is None else _cache_file(path)
    limit = _free_bytes()//3 if max_bytes is None else check_int('max_bytes', max_bytes)
    todo = {k:_wrap(o) for k,o in zip(names, loaders) if _named_errors(k, _needs_cache, o)}
    states = [RandomState(SimpleNamespace(train=o, valid=o)) for o in loaders]
    try: _build_or_read(todo, path, limit, progress)
    finally:
        for o in states: o.restore()
    return _with_loaders(dls, [todo.get(k, o) for k,o in zip(names, loaders)])

def _with_loaders(dls, loaders):
    if not isinstance(dls, DataLoaders): return loaders[0]
    res = object.__new__(type(dls))
    vars(res).update(vars(dls), loaders=loaders)
    return res
