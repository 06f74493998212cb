"""What a sweep costs: `python benchmarks/sweep.py [--data mnist_sample] [--runs 64] [--save FILE.json]`

Clocks whole calls, from making the models to the last validation: one run by hand (`train_model` with
`BasicOptim`) and `sweep` with many runs, of the linear model and of `simple_net`, and between them the
machine's float32 matrix product. All are interleaved, so that other work on the machine affects all alike.
We want two numbers: for the linear model, how many times as long as one run the sweep takes; for
`simple_net`, which the matrix units bound, what fraction of the matrix product's speed it reaches."""
from functools import partial
import torch
from bench import clock,in_turn,parser,row,save,spread,text_table
from fastsgd.core import pick_device
from fastsgd.data import get_data
from fastsgd.loaders import get_dls
from fastsgd.loop import train_model
from fastsgd.models import linear_model,simple_net
from fastsgd.optim import BasicOptim
from fastsgd.sweep import sweep

def by_hand(dls, make, n_epoch):
    torch.manual_seed(42)
    model = make().to(dls.device)
    train_model(model, dls, n_epoch, BasicOptim(model.parameters(), lr=.1), progress=False)

def many(dls, make, n_epoch, n_runs):
    lrs = torch.logspace(-3, 0, n_runs)
    sweep(dls, make, lrs, n_epoch=n_epoch, chunk=n_runs, progress=False)

def net_flops(dls, n_epoch, n_in=784, n_hidden=30):
    "Multiplications and additions in the matrix products of one `simple_net` run"
    layer1,layer2 = 2*n_in*n_hidden,2*n_hidden
    forward = layer1+layer2
    train = 2*layer1+3*layer2   # forward and backward, but nobody wants the gradient of the inputs
    return n_epoch*(len(dls.train_ds)*train + len(dls.valid_ds)*forward)

class Products:
    "Matrix products of the shapes that the sweep's first layer has, and a big square one"
    n = 20   # products in one clock reading
    def __init__(self, n_runs, bs, device):
        self.shapes = {self.name(*o):o for o in ((30*n_runs,784,bs), (30*n_runs,bs,784), (2048,2048,2048))}
        self.mats = {k:self.pair(*o, device) for k,o in self.shapes.items()}
    def name(self, m, k, n): return f'[{m},{k}]x[{k},{n}]'
    def pair(self, m, k, n, device): return torch.randn(m,k,device=device),torch.randn(k,n,device=device)
    def run(self, name):
        a,b = self.mats[name]
        for _ in range(self.n): a@b
    def gflops(self, name, secs):
        m,k,n = self.shapes[name]
        return self.n*2*m*k*n/secs/1e9

def arguments():
    p = parser(__doc__, 7)
    p.add_argument('--data', default='mnist_sample', choices=['digits','mnist_sample'])
    p.add_argument('--runs', type=int, default=64, help='runs in a sweep')
    p.add_argument('--n_epoch', type=int, default=10)
    p.add_argument('--bs', type=int, default=256)
    return p.parse_args()

def clock_all(args, dls, products):
    "The seconds of each task, repetition by repetition"
    tasks = {}
    for make in (linear_model,simple_net):
        tasks[f'{make.__name__} by hand'] = partial(by_hand, dls, make, args.n_epoch)
        tasks[f'{make.__name__} sweep'] = partial(many, dls, make, args.n_epoch, args.runs)
    tasks |= {k:partial(products.run, k) for k in products.shapes}
    return in_turn({k:partial(clock, f, dls.device) for k,f in tasks.items()}, args.reps)

def ratios_of(secs, model): return [b/a for a,b in zip(secs[f'{model} by hand'], secs[f'{model} sweep'])]

def main():
    args = arguments()
    device = pick_device(args.device)
    dls = get_dls(get_data(args.data), bs=args.bs, device=device)
    products = Products(args.runs, args.bs, device)
    secs = clock_all(args, dls, products)

    ratio = {m:ratios_of(secs, m) for m in ('linear_model','simple_net')}
    flops = args.runs*net_flops(dls, args.n_epoch)
    gflops = {k:[products.gflops(k, s) for s in secs[k]] for k in products.shapes}
    best = [max(o) for o in zip(*gflops.values())]   # the best product of each repetition
    gflops['simple_net sweep'] = [flops/s/1e9 for s in secs['simple_net sweep']]
    share = [a/b for a,b in zip(gflops['simple_net sweep'], best)]
    res = save(args.save, 'sweep', device,
        config=dict(data=args.data, runs=args.runs, n_epoch=args.n_epoch, bs=args.bs, reps=args.reps,
                    n_train=len(dls.train_ds), n_valid=len(dls.valid_ds)),
        seconds={k:spread(v) for k,v in secs.items() if k not in products.shapes},
        times_one_run={k:spread(v) for k,v in ratio.items()},
        gflops={k:spread(v) for k,v in gflops.items()},
        share_of_matrix_rate=spread(share))
    show(res)

def show(res):
    config,env = res['config'],res['env']
    print(f"{config['data']}, {config['n_epoch']} epochs, bs {config['bs']}, "
          f"{config['runs']} runs in a sweep, "
          f"{config['reps']} repetitions; {env['device_name']}, {env['threads']} threads")
    print(text_table([
        *(row(f'{k}, s', v, '{:.3f}'.format) for k,v in res['seconds'].items()),
        *(row(f'{k} sweep / one run', v, '{:.2f}'.format) for k,v in res['times_one_run'].items()),
        *(row(f'{k}, GFLOP/s', v, '{:.0f}'.format) for k,v in res['gflops'].items()),
        row('simple_net sweep / best product', res['share_of_matrix_rate'], '{:.2f}'.format)]))

if __name__=='__main__': main()
