"""How much does `cached` give? `python benchmarks/cached.py [--folder FOLDER] [--rows N] [--reps N]`

Prints, as JSON, the median seconds of loading an epoch and of a whole `fit(1)`: with fastai's loaders,
cached, and cached in a `FastLearner`; and of the first epoch, in which the cache is built. All three train
to the same weights."""
import argparse,json,random,time,warnings
from statistics import median
import numpy as np
from fastsgd.all import *
from fastai.vision.all import *
from fastai.tabular.all import *
warnings.filterwarnings('ignore')

def seed_all():
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)
def image_dls(path, **kw):
    return ImageDataLoaders.from_folder(path, valid='valid', bs=64, num_workers=0, device='cpu', **kw)
def table_dls(n):
    r = np.random.RandomState(0)
    nums,cats = [f'a{i}' for i in range(6)],[f'c{i}' for i in range(6)]
    df = pd.DataFrame({k:r.randn(n) for k in nums} | {k:r.choice(9, n) for k in cats})
    df['y'] = np.where(df.a0+df.c0/9>.5, 'yes', 'no')
    return TabularDataLoaders.from_df(df, procs=[Categorify,Normalize], cat_names=cats, cont_names=nums,
        y_names='y', bs=64, valid_idx=range(n*4//5, n), device='cpu')
def cnn():
    def conv(i, o): return nn.Sequential(nn.Conv2d(i, o, 3, stride=2, padding=1), nn.ReLU())
    return nn.Sequential(conv(3, 8), conv(8, 16), conv(16, 32), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(32, 2))
def learner(cls, dls):
    seed_all()
    if isinstance(dls, TabularDataLoaders):
        learn = tabular_learner(dls, layers=[200,100], metrics=accuracy)
        return learn.to_fast() if cls is FastLearner else learn
    return cls(dls, cnn(), metrics=accuracy)
def seconds(f):
    start = time.perf_counter()
    f()
    return time.perf_counter()-start
def weights(learn): return tensor_hash(*learn.model.state_dict().values())

def measure(make, reps):
    "Seconds of loading and of `fit(1)`, for the original, cached, cached with FastLearner"
    seed_all()
    dls = make()
    seed_all()
    first = {}
    def build_and_fit():
        first['dls'] = fast = cached(make(), progress=False)
        learn = learner(Learner, fast)
        with learn.no_bar(), learn.no_logging(): learn.fit(1)
    first_seconds = seconds(build_and_fit)
    fast = first['dls']
    times,results = {},set()
    kinds = ('original',Learner,dls),('cached',Learner,fast),('with FastLearner',FastLearner,fast)
    for _ in range(reps):
        for name,cls,d in kinds:
            load = seconds(lambda: [None for b in d.train])
            with RandomState(d):
                d.train.rng = random.Random(7)
                learn = learner(cls, d)
                with learn.no_bar(), learn.no_logging(): fit = seconds(lambda: learn.fit(1))
            results.add((weights(learn),learn.recorder.values[-1][-1]))
            times.setdefault(name, []).append((load,fit))
    assert len(results)==1, 'the weights differ'
    med = {k:[median(o) for o in zip(*v)] for k,v in times.items()}
    return dict(med, first=first_seconds)

def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('--folder', help='images in train/<class>/ and valid/<class>/; none: only the table')
    p.add_argument('--rows', type=int, default=16_000, help='of the table')
    p.add_argument('--reps', type=int, default=3, help='measurements of each')
    args = p.parse_args()
    tfms = aug_transforms(do_flip=False)
    makers = {'a table': lambda: table_dls(args.rows)}
    if args.folder:
        makers = {'images': lambda: image_dls(args.folder),
                  'images, augmented': lambda: image_dls(args.folder, batch_tfms=tfms), **makers}
    print(json.dumps({k:measure(f, args.reps) for k,f in makers.items()}))

if __name__ == '__main__': main()
