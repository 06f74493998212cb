"""What a sweep costs: `python benchmarks/sweep.py [--data mnist_sample] [--runs 64] [--save FILE.json]`

Clocks whole calls, from the making of the models to the last validation: one run by hand (`train_model` with `BasicOptim`) and
`sweep` with many runs, of the linear model and of `simple_net`, and between them the machine's float32 matrix product. All are
interleaved, so that what else the machine does meets all alike. Two numbers are wanted: for the linear model, how many times as long
as one run the sweep takes; for `simple_net`, which the matrix units bound, what share of the machine's matrix rate it reaches."""
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
    "Multiplications and additions of the matrix products of one `simple_net` run: forward, and backward but for the inputs of the first layer"
    layer1,layer2 = 2*n_in*n_hidden,2*n_hidden
    return n_epoch*(len(dls.train_ds)*(2*layer1+3*layer2) + len(dls.valid_ds)*(layer1+layer2))

def main():
    p = parser(__doc__, 7)
    p.add_argument('--data', default='mnist_sample', choices=['digits','mnist_sample'])
    p.add_argument('--runs', type=int, default=64, help='runs in a sweep')
    p.add_argument('--n_epoch', type=int, default=10)
    p.add_argument('--bs', type=int, default=256)
    args = p.parse_args()
    device = pick_device(args.device)
    dls = get_dls(get_data(args.data), bs=args.bs, device=device)

    # the shapes of the sweep's own products (forward and backward of the first layer), and a big square one
    shapes = {f'[{m},{k}]x[{k},{n}]':(m,k,n) for m,k,n in ((30*args.runs,784,args.bs), (30*args.runs,args.bs,784), (2048,2048,2048))}
    mats = {k:(torch.randn(m,k_,device=device),torch.randn(k_,n,device=device)) for k,(m,k_,n) in shapes.items()}
    def products(name, n=20): # one clock reading for n products
        a,b = mats[name]
        for _ in range(n): a@b
    jobs = {'linear_model by hand': lambda: by_hand(dls, linear_model, args.n_epoch),
            'linear_model sweep':   lambda: many(dls, linear_model, args.n_epoch, args.runs),
            'simple_net by hand':   lambda: by_hand(dls, simple_net, args.n_epoch),
            'simple_net sweep':     lambda: many(dls, simple_net, args.n_epoch, args.runs),
            **{k:(lambda k=k: products(k)) for k in mats}}
    secs = in_turn({k:(lambda f=f: clock(f, device)) for k,f in jobs.items()}, args.reps)

    ratio = {m:[b/a for a,b in zip(secs[f'{m} by hand'], secs[f'{m} sweep'])] for m in ('linear_model','simple_net')}
    flops = args.runs*net_flops(dls, args.n_epoch)
    gflops = {k:[20*2*m*k_*n/s/1e9 for s in secs[k]] for k,(m,k_,n) in shapes.items()}
    gflops['simple_net sweep'] = [flops/s/1e9 for s in secs['simple_net sweep']]
    top = [max(gflops[k][i] for k in shapes) for i in range(args.reps)]   # the best product of that repetition
    share = [a/b for a,b in zip(gflops['simple_net sweep'], top)]
    res = save(args.save, 'sweep', device,
        config=dict(data=args.data, runs=args.runs, n_epoch=args.n_epoch, bs=args.bs, reps=args.reps, n_train=len(dls.train_ds), n_valid=len(dls.valid_ds)),
        seconds={k:spread(v) for k,v in secs.items() if k not in shapes}, times_one_run={k:spread(v) for k,v in ratio.items()},
        gflops={k:spread(v) for k,v in gflops.items()}, share_of_matrix_rate=spread(share))
    print(f"{args.data}, {args.n_epoch} epochs, bs {args.bs}, {args.runs} runs in a sweep, {args.reps} repetitions; {res['env']['device_name']}, {res['env']['threads']} threads")
    print(text_table([*(row(f'{k}, s', v, '{:.3f}'.format) for k,v in res['seconds'].items()),
                      *(row(f'{k} sweep / one run', v, '{:.2f}'.format) for k,v in res['times_one_run'].items()),
                      *(row(f'{k}, GFLOP/s', v, '{:.0f}'.format) for k,v in res['gflops'].items()),
                      row('simple_net sweep / best product', res['share_of_matrix_rate'], '{:.2f}'.format)]))

if __name__=='__main__': main()
