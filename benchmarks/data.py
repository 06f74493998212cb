"""What it costs to get an epoch of shuffled batches: `python benchmarks/data.py [--save FILE.json]`

MNIST_SAMPLE's training set, or random numbers of its size where that is not on disk (the pixels do not matter here)."""
import torch
from bench import clock,in_turn,parser,ratios,row,save,spread,text_table
from fastsgd.core import pick_device
from fastsgd.loaders import TensorDataLoader,TensorSet
from fastai.data.load import DataLoader

def main():
    p = parser(__doc__, 11)
    p.add_argument('--n', type=int, default=12396, help='images')
    p.add_argument('--bs', type=int, default=256)
    args = p.parse_args()
    device = pick_device(args.device)
    pixels = torch.randint(0, 256, (args.n,784), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).to(device)
    x,y = pixels.float()/255,torch.ones(args.n, 1, device=device)
    ours = TensorDataLoader(TensorSet(x, y), bs=args.bs, shuffle=True)
    torch_dl = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=args.bs, shuffle=True)
    books = DataLoader(list(zip(x, y)), bs=args.bs, shuffle=True)
    ready = torch.empty_like(x)
    def order(): return torch.randperm(args.n).to(device)
    def drain(batches):
        for _ in batches: pass
    def as_bytes(): # a quarter of the memory is read, and the numbers are made of it for each batch
        for i in order().split(args.bs): yield pixels.index_select(0,i).float().div_(255),y.index_select(0,i)
    def whole_epoch(): # one gather, then views of it
        i = order()
        yield from zip(x.index_select(0,i).split(args.bs), y.index_select(0,i).split(args.bs))
    jobs = {'TensorDataLoader': lambda: drain(ours), 'pixels kept as bytes': lambda: drain(as_bytes()), 'one gather for the epoch': lambda: drain(whole_epoch()),
            'index_select into a ready buffer': lambda: torch.index_select(x, 0, order(), out=ready), 'torch DataLoader, TensorDataset': lambda: drain(torch_dl),
            "fastai's DataLoader, list(zip(x,y))": lambda: drain(books)}
    secs = in_turn({k:(lambda f=f: clock(f, device)) for k,f in jobs.items()}, args.reps)
    speed = ratios(secs, 'TensorDataLoader')
    print(text_table([row(f'{k}, ms', spread(v), lambda o: f'{o*1e3:.3g}') for k,v in secs.items()]))
    print(text_table([row(f'{k}: times as fast as TensorDataLoader', v, '{:.2f}'.format) for k,v in speed.items()]))
    save(args.save, 'data', device, config=dict(n=args.n, bs=args.bs, reps=args.reps), seconds={k:spread(v) for k,v in secs.items()}, times_as_fast_as_ours=speed)

if __name__=='__main__': main()
