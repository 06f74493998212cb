"""What an update costs by itself: `python benchmarks/update.py [--save FILE.json]`

The gradients are there already; what is clocked is `opt.step()`. Three lists of parameters: `simple_net`'s, 1000 tensors of 1000 numbers, resnet18's. The floor is
what moving the numbers costs: a plain step reads p and g and writes p, momentum reads and writes v as well; the rate is measured on one addition of the same size."""
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
    tsgd = partial(torch.optim.SGD, momentum=mom)
    ours = dict(plain=Momentum, Foreach=ForeachMomentum, Flat=FlatMomentum) if mom else dict(plain=BasicOptim, Foreach=ForeachOptim, Flat=FlatOptim)
    return {"fastai's SGD":partial(SGD, mom=mom), **ours, 'torch, loop':partial(tsgd, foreach=False), 'torch, foreach':partial(tsgd, foreach=True), 'torch, fused':partial(tsgd, fused=True)}

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
    return lambda: clock(lambda: a.add_(b, alpha=1e-6), device, n)*((5 if mom else 3)/3)   # add_ reads two and writes one

def main():
    args = parser(__doc__, 11).parse_args()
    device,parts = pick_device(args.device),{}
    for name,mom,n in (('simple_net',0,200), ('1000 x 1000',0,10), ('resnet18',.9,5)):
        jobs = {k:stepper(name, f, device, n) for k,f in contestants(mom).items()}
        secs = in_turn({**jobs, 'floor':floor(name, mom, device, n)}, args.reps)
        speed = ratios(secs, "fastai's SGD")
        print(f"\n{name}{', momentum' if mom else ''}")
        print(text_table([{**row(f'{k}, µs', spread(v), lambda o: f'{o*1e6:,.1f}'), "times as fast as fastai's":f"{speed[k]['median']:.1f}"} for k,v in secs.items()]))
        parts[name] = dict(momentum=mom, seconds={k:spread(v) for k,v in secs.items()}, times_as_fast_as_fastai=speed, times_the_floor={k:spread([a/b for a,b in zip(v, secs['floor'])]) for k,v in secs.items()})
    save(args.save, 'update', device, config=dict(reps=args.reps), lists=parts)

if __name__=='__main__': main()
