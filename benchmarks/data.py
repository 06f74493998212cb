"""What it costs to get an epoch of shuffled batches: `python benchmarks/data.py [--save FILE.json]`

Random numbers of the size of MNIST_SAMPLE's training set: the pixels don't matter here."""
import torch
from bench import clock,in_turn,parser,ratios,row,save,spread,text_table
from fastsgd.core import pick_device
from fastsgd.loaders import TensorDataLoader,TensorSet
from fastai.data.load import DataLoader
from torch.utils.data import TensorDataset,DataLoader as TorchLoader

def drain(batches):
    for _ in batches: pass

def make_jobs(n, bs, device):
    "Ways to get an epoch of batches, as functions to clock"
    gen = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (n,784), dtype=torch.uint8, generator=gen).to(device)
    x,y = pixels.float()/255,torch.ones(n, 1, device=device)
    ready = torch.empty_like(x)
    ours = TensorDataLoader(TensorSet(x, y), bs=bs, shuffle=True)
    torchs = TorchLoader(TensorDataset(x, y), batch_size=bs, shuffle=True)
    books = DataLoader(list(zip(x, y)), bs=bs, shuffle=True)
    def order(): return torch.randperm(n).to(device)
    def as_bytes(): # reads a quarter of the memory, and makes the floats batch by batch
        for i in order().split(bs): yield pixels.index_select(0,i).float().div_(255),y.index_select(0,i)
    def whole_epoch(): # one gather, then views of it
        i = order()
        yield from zip(x.index_select(0,i).split(bs), y.index_select(0,i).split(bs))
    return {
        'TensorDataLoader': lambda: drain(ours),
        'pixels kept as bytes': lambda: drain(as_bytes()),
        'one gather for the epoch': lambda: drain(whole_epoch()),
        'index_select into a ready buffer': lambda: torch.index_select(x, 0, order(), out=ready),
        'torch DataLoader, TensorDataset': lambda: drain(torchs),
        "fastai's DataLoader, list(zip(x,y))": lambda: drain(books)}

def main():
    p = parser(__doc__, 11)
    p.add_argument('--n', type=int, default=12396, help='images')
    p.add_argument('--bs', type=int, default=256)
    args = p.parse_args()
    device = pick_device(args.device)
    jobs = make_jobs(args.n, args.bs, device)
    secs = in_turn({k:(lambda f=f: clock(f, device)) for k,f in jobs.items()}, args.reps)
    secs_by_name,speed = {k:spread(v) for k,v in secs.items()},ratios(secs, 'TensorDataLoader')
    print(text_table([row(f'{k}, ms', v, lambda o: f'{o*1e3:.3g}') for k,v in secs_by_name.items()]))
    what = 'times as fast as TensorDataLoader'
    print(text_table([row(f'{k}: {what}', v, '{:.2f}'.format) for k,v in speed.items()]))
    config = dict(n=args.n, bs=args.bs, reps=args.reps)
    save(args.save, 'data', device, config=config, seconds=secs_by_name, times_as_fast_as_ours=speed)

if __name__=='__main__': main()
