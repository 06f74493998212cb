"""How long an epoch of chapter 4's training takes: `python benchmarks/epoch.py [--model NAME] [--peers]`

All trainers train the same model on the same MNIST_SAMPLE (digits if it isn't on disk), shuffled, with
batches of 256 and a learning rate of 1. Only training is timed, a few epochs at a time, all taking turns.
`--peers` adds what `pip install -e '.[bench]'` installs. `--save FILE.json` writes the numbers.
The script fails unless every trainer reaches the accuracy of fastai's `Learner` in the end."""
import io,time
from contextlib import redirect_stdout
from functools import partial
import numpy as np,torch
from bench import clock,in_turn,parser,ratios,row,save,spread,text_table
from fastsgd.core import pick_device,sync
from fastsgd.data import get_data
from fastsgd.loaders import get_dls
from fastsgd.losses import batch_accuracy,mnist_loss
from fastsgd.loop import evaluate,train_epoch
from fastsgd.models import linear_model,simple_net
from fastsgd.optim import BasicOptim
from fastsgd.forms import Flat
from fastsgd.learner import FastLearner
from fastsgd.step import make_step
from fastai.callback.progress import ProgressCallback   # imported, it is one of the default callbacks
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.optimizer import SGD

class FlatOptim(Flat, BasicOptim): pass

def accuracy(model, dls): return evaluate(model, dls.valid, mnist_loss, batch_accuracy)[1]

# A trainer is two functions: one trains for an epoch and returns its seconds, one returns the accuracy

def by_hand(dls, model, lr, opt_func=BasicOptim, kind='eager'):
    opt = opt_func(list(model.parameters()), lr=lr)
    step = make_step(model, mnist_loss, opt, kind)
    train = partial(train_epoch, model, dls.train, opt, mnist_loss, step)
    return (lambda: clock(train, dls.device)), lambda: accuracy(model, dls)

def by_learner(dls, model, lr, cls=Learner, valid=None):
    class Clocked(cls):
        def _do_epoch_train(self): self.secs = clock(super()._do_epoch_train, self.dls.device)
        def _do_epoch_validate(self, *args, **kwargs): pass
    learn = Clocked(dls, model, loss_func=mnist_loss, opt_func=SGD, metrics=batch_accuracy)
    def epoch():
        with learn.no_logging(), learn.no_mbar(), redirect_stdout(io.StringIO()):
            learn.fit(1, lr)   # the progress bar runs, unseen
        return learn.secs
    return epoch, lambda: accuracy(model, valid or dls)

def books_loaders(dls, bs):
    "The book's loaders: lists of pairs"
    def loader(ds, shuffle): return DataLoader(list(zip(ds.x, ds.y)), bs=bs, shuffle=shuffle)
    return DataLoaders(loader(dls.train_ds, True), loader(dls.valid_ds, False), device=dls.device)

def by_jax(dls, model, lr, bs):
    "The same step in JAX, jitted: each call picks its batch out of the whole set"
    import jax,jax.numpy as jnp
    ws = [jnp.asarray(p.detach().cpu().numpy().T) for p in model.parameters()]
    x,y,vx,vy = (jnp.asarray(t.cpu().numpy()) for d in (dls.train_ds,dls.valid_ds) for t in (d.x,d.y))
    def predict(ws, x):
        x = x@ws[0]+ws[1]
        return x if len(ws)==2 else jax.nn.relu(x)@ws[2]+ws[3]
    def loss(ws, x, y):
        p = jax.nn.sigmoid(predict(ws, x))
        return jnp.where(y==1, 1-p, p).mean()
    @jax.jit
    def step(ws, idxs):
        grads = jax.grad(loss)(ws, x[idxs], y[idxs])
        return [w-lr*g for w,g in zip(ws, grads)]
    state,gen = dict(ws=ws),np.random.default_rng(0)
    def epoch():
        start,ws = time.perf_counter(),state['ws']
        order = gen.permutation(len(x))
        for i in range(0, len(x), bs): ws = step(ws, order[i:i+bs])
        state['ws'] = jax.block_until_ready(ws)
        return time.perf_counter()-start
    return epoch, lambda: float(((predict(state['ws'], vx)>0)==(vy==1)).mean())

def trainers(data, make, args, device):
    "All trainers by name, each with its own loaders and the same initial weights; and loaders for all"
    torch.manual_seed(42)
    dls,start = get_dls(data, bs=args.bs, device=device),make().to(device)
    def model():
        res = make().to(device)
        res.load_state_dict(start.state_dict())
        return res
    def hand(**kwargs): return by_hand(get_dls(data, bs=args.bs, device=device), model(), args.lr, **kwargs)
    def learner(cls): return by_learner(get_dls(data, bs=args.bs, device=device), model(), args.lr, cls)
    res = {"Learner, the book's loaders":by_learner(books_loaders(dls, args.bs), model(), args.lr, valid=dls),
           'Learner':learner(Learner), 'FastLearner':learner(FastLearner),
           'hand':hand(), 'hand, Flat':hand(opt_func=FlatOptim), 'compiled':hand(kind='compiled')}
    if device.type=='cuda': res['graphed'] = hand(kind='graphed')
    if args.peers: res['JAX'] = by_jax(dls, model(), args.lr, args.bs)
    return res,dls

def parse_args():
    p = parser(__doc__, 9)
    p.add_argument('--n_epoch', type=int, default=5, help='epochs in a turn')
    p.add_argument('--data', default='auto')
    p.add_argument('--model', default='linear', choices=['linear','simple_net'])
    p.add_argument('--bs', type=int, default=256)
    p.add_argument('--peers', action='store_true', help='with JAX')
    p.add_argument('--lr', type=float, default=1.)
    return p.parse_args()

def main():
    args = parse_args()
    device,data = pick_device(args.device),get_data(args.data)
    who,dls = trainers(data, dict(linear=linear_model, simple_net=simple_net)[args.model], args, device)
    def mean_seconds(epoch): return sum(epoch() for _ in range(args.n_epoch))/args.n_epoch
    secs = in_turn({k:partial(mean_seconds, epoch) for k,(epoch,_) in who.items()}, args.reps)
    accs = {k:float(acc()) for k,(_,acc) in who.items()}
    speed = ratios(secs, 'Learner')
    def line(k):
        times = row(f'{k}, ms', spread(secs[k]), lambda o: f'{o*1e3:.1f}')
        return {**times, 'times as fast as Learner':f"{speed[k]['median']:.2f}", 'accuracy':f'{accs[k]:.4f}'}
    print(f'{data.name}, {args.model}, bs {args.bs}, {args.reps} turns of {args.n_epoch} epochs')
    print(text_table([line(k) for k in secs]))
    config = dict(data=data.name, hash=data.hash, n_train=len(dls.train_ds), model=args.model, bs=args.bs,
                  lr=args.lr, reps=args.reps, n_epoch=args.n_epoch)
    save(args.save, 'epoch', device, config=config, seconds={k:spread(v) for k,v in secs.items()},
         times_as_fast_as_learner=speed, accuracy=accs)
    if bad:={k:a for k,a in accs.items() if a<accs['Learner']-.01}:
        raise SystemExit(f'these did not learn as well as Learner ({accs["Learner"]:.4f}): {bad}')

if __name__=='__main__': main()
