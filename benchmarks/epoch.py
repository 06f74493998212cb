"""What an epoch of chapter 4's training costs: `python benchmarks/epoch.py [--model linear|simple_net] [--peers] [--save FILE.json]`

Everybody trains the same model on the same MNIST_SAMPLE (digits where it is not on disk), shuffled, at batch size 256 and learning rate 1. Only training is clocked, some epochs at a
time, all in turn. `--peers` adds what `pip install -e '.[bench]'` brings. In the end each must have reached the accuracy of fastai's `Learner`, or the script fails."""
import io,time
from contextlib import redirect_stdout
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
from fastai.callback.progress import ProgressCallback   # importing it makes it one of the default callbacks
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.optimizer import SGD

class FlatOptim(Flat, BasicOptim): pass

def by_hand(dls, model, lr, opt_func=BasicOptim, kind='eager'):
    opt = opt_func(list(model.parameters()), lr=lr)
    step = make_step(model, mnist_loss, opt, kind)
    return (lambda: clock(lambda: train_epoch(model, dls.train, opt, mnist_loss, step), dls.device)), lambda: evaluate(model, dls.valid, mnist_loss, batch_accuracy)[1]

def by_learner(dls, model, lr, cls=Learner, valid=None):
    class Clocked(cls):
        def _do_epoch_train(self): self.secs = clock(super()._do_epoch_train, self.dls.device)
        def _do_epoch_validate(self, *args, **kwargs): pass
    learn = Clocked(dls, model, loss_func=mnist_loss, opt_func=SGD, metrics=batch_accuracy)
    def epoch():
        with learn.no_logging(), learn.no_mbar(), redirect_stdout(io.StringIO()): learn.fit(1, lr)   # the progress bar works, but nobody sees it
        return learn.secs
    return epoch, lambda: evaluate(model, (valid or dls).valid, mnist_loss, batch_accuracy)[1]

def books_loaders(dls, bs):
    "The book's loaders: lists of pairs"
    return DataLoaders(*[DataLoader(list(zip(d.x, d.y)), bs=bs, shuffle=s) for d,s in ((dls.train_ds,True), (dls.valid_ds,False))], device=dls.device)

def by_jax(dls, model, lr, bs):
    "The same step in JAX, jitted: one call for each batch, which takes the batch out of the whole set"
    import jax,jax.numpy as jnp
    ws = [jnp.asarray(p.detach().cpu().numpy().T) for p in model.parameters()]
    x,y,vx,vy = (jnp.asarray(t.cpu().numpy()) for d in (dls.train_ds,dls.valid_ds) for t in (d.x,d.y))
    def predict(ws, x): return x@ws[0]+ws[1] if len(ws)==2 else jax.nn.relu(x@ws[0]+ws[1])@ws[2]+ws[3]
    def loss(ws, x, y):
        p = jax.nn.sigmoid(predict(ws, x))
        return jnp.where(y==1, 1-p, p).mean()
    @jax.jit
    def step(ws, idxs): return [w-lr*g for w,g in zip(ws, jax.grad(loss)(ws, x[idxs], y[idxs]))]
    state,gen = dict(ws=ws),np.random.default_rng(0)
    def epoch():
        start,ws = time.perf_counter(),state['ws']
        order = gen.permutation(len(x))
        for i in range(0, len(x), bs): ws = step(ws, order[i:i+bs])
        state['ws'] = jax.block_until_ready(ws)
        return time.perf_counter()-start
    return epoch, lambda: float(((predict(state['ws'], vx)>0)==(vy==1)).mean())

def main():
    p = parser(__doc__, 9)
    p.add_argument('--n_epoch', type=int, default=5, help='epochs in a turn')
    p.add_argument('--data', default='auto')
    p.add_argument('--model', default='linear', choices=['linear','simple_net'])
    p.add_argument('--bs', type=int, default=256)
    p.add_argument('--peers', action='store_true', help='with JAX')
    p.add_argument('--lr', type=float, default=1.)
    args = p.parse_args()
    device,data = pick_device(args.device),get_data(args.data)
    make = dict(linear=linear_model, simple_net=simple_net)[args.model]
    torch.manual_seed(42)
    dls,start = get_dls(data, bs=args.bs, device=device),make().to(device)
    def new(): # a model with the same start
        m = make().to(device); m.load_state_dict(start.state_dict()); return m
    def ours(): return get_dls(data, bs=args.bs, device=device)   # everybody has a loader of its own
    who = {"Learner, the book's loaders":by_learner(books_loaders(dls, args.bs), new(), args.lr, valid=dls), 'Learner':by_learner(ours(), new(), args.lr),
           'FastLearner':by_learner(ours(), new(), args.lr, FastLearner), 'hand':by_hand(ours(), new(), args.lr), 'hand, Flat':by_hand(ours(), new(), args.lr, FlatOptim),
           'compiled':by_hand(ours(), new(), args.lr, kind='compiled')}
    if device.type=='cuda': who['graphed'] = by_hand(ours(), new(), args.lr, kind='graphed')
    if args.peers: who['JAX'] = by_jax(dls, new(), args.lr, args.bs)
    secs = in_turn({k:(lambda f=f: sum(f() for _ in range(args.n_epoch))/args.n_epoch) for k,(f,_) in who.items()}, args.reps)
    accs = {k:float(acc()) for k,(_,acc) in who.items()}
    speed = ratios(secs, 'Learner')
    print(f'{data.name}, {args.model}, bs {args.bs}, {args.reps} turns of {args.n_epoch} epochs')
    print(text_table([{**row(f'{k}, ms', spread(v), lambda o: f'{o*1e3:.1f}'), 'times as fast as Learner':f"{speed[k]['median']:.2f}", 'accuracy':f'{accs[k]:.4f}'} for k,v in secs.items()]))
    save(args.save, 'epoch', device, config=dict(data=data.name, hash=data.hash, n_train=len(dls.train_ds), model=args.model, bs=args.bs, lr=args.lr, reps=args.reps, n_epoch=args.n_epoch),
         seconds={k:spread(v) for k,v in secs.items()}, times_as_fast_as_learner=speed, accuracy=accs)
    if bad:={k:a for k,a in accs.items() if a<accs['Learner']-.01}: raise SystemExit(f'these did not learn as well as Learner ({accs["Learner"]:.4f}): {bad}')

if __name__=='__main__': main()
