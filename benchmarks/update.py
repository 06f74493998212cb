"""What an update costs by itself: `python benchmarks/update.py [--save FILE.json]`

The gradients are there already, and `opt.step()` is clocked. There are three lists of parameters: those of
`simple_net`, 1000 tensors of 1000 numbers, and those of resnet18. The floor is the time to move the numbers:
a plain step reads p and g and writes p, momentum also reads and writes v. It is scaled from one addition."""
from functools import partial
import torch
from bench import clock,in_turn,parser,ratios,row,save,spread,text_table
from fastsgd.core import pick_device
from fastsgd.models import simple_net
from fastsgd.optim import BasicOptim,Momentum
from fastsgd.forms import Flat,Foreach
from fastai.optimizer import SGD

class ForeachOptim(Foreach, BasicOptim): pass
class FlatOptim(Flat, BasicOptim): pass
class ForeachMomentum(Foreach, Momentum): pass
class FlatMomentum(Flat, Momentum): pass

def params_of(name):
    if name=='simple_net': return list(simple_net().parameters())
    if name=='1000 x 1000': return [torch.randn(1000).requires_grad_() for _ in range(1000)]
    from torchvision.models import resnet18
    return list(resnet18().parameters())

def contestants(mom):
    "Names and opt_funcs, with or without momentum"
    ours = (Momentum,ForeachMomentum,FlatMomentum) if mom else (BasicOptim,ForeachOptim,FlatOptim)
    torchs = partial(torch.optim.SGD, momentum=mom)
    return {"fastai's SGD":partial(SGD, mom=mom), **dict(zip(('plain','Foreach','Flat'), ours)),
            'torch, loop':partial(torchs, foreach=False), 'torch, foreach':partial(torchs, foreach=True),
            'torch, fused':partial(torchs, fused=True)}

def stepper(name, opt_func, device, n):
    "A function that clocks `opt.step()`, the mean of `n`"
    ps = [p.detach().to(device).requires_grad_() for p in params_of(name)]
    for p in ps: p.grad = torch.randn_like(p)
    opt = opt_func(ps, lr=1e-6)
    opt.step()
    return lambda: clock(opt.step, device, n)

def floor(name, mom, device, n):
    "The time of an addition that moves as many bytes as the update must"
    size = sum(p.numel() for p in params_of(name))
    a,b = (torch.randn(size, device=device) for _ in range(2))
    moves = 5 if mom else 3   # an addition reads two numbers and writes one: 3
    return lambda: clock(lambda: a.add_(b, alpha=1e-6), device, n)*moves/3

def table(secs, speed):
    "A row for each optimizer: median and spread in microseconds, and its speed relative to fastai's"
    rows = [row(f'{k}, µs', spread(v), lambda o: f'{o*1e6:,.1f}') for k,v in secs.items()]
    for r,k in zip(rows, secs): r["times as fast as fastai's"] = f"{speed[k]['median']:.1f}"
    return text_table(rows)

def measure(name, mom, device, n, reps):
    "Clock all optimizers in turn on one list of parameters; print the table, return what to save"
    tasks = {k:stepper(name, f, device, n) for k,f in contestants(mom).items()}
    secs = in_turn({**tasks, 'floor':floor(name, mom, device, n)}, reps)
    speed = ratios(secs, "fastai's SGD")
    print(f"\n{name}{', momentum' if mom else ''}\n{table(secs, speed)}")
    over_floor = {k:spread([a/b for a,b in zip(v, secs['floor'])]) for k,v in secs.items()}
    seconds = {k:spread(v) for k,v in secs.items()}
    return dict(momentum=mom, seconds=seconds, times_as_fast_as_fastai=speed, times_the_floor=over_floor)

def main():
    args = parser(__doc__, 11).parse_args()
    device = pick_device(args.device)
    lists = (('simple_net',0,200), ('1000 x 1000',0,10), ('resnet18',.9,5))
    res = {name:measure(name, mom, device, n, args.reps) for name,mom,n in lists}
    save(args.save, 'update', device, config=dict(reps=args.reps), lists=res)

if __name__=='__main__': main()
