"""What it costs to read MNIST_SAMPLE's 14,434 files: `python benchmarks/decode.py [--save FILE.json]`

The ways of calling PIL: into one array that is ready (what `fastsgd.data` does, once), into a list of tensors that are stacked (the book's way), and the first by two
processes (new ones, as a process that has torch's threads must not be forked, and forked ones, which is what one must not do). And the decoded set from its cache."""
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
import numpy as np,torch
from PIL import Image
from bench import clock,in_turn,parser,ratios,row,save,spread,text_table
from fastsgd.data import _decode,mnist_sample
from fastai.data.external import untar_data,URLs

def read(files): return _decode(files, '')

def main():
    args = parser(__doc__, 5).parse_args()
    path = untar_data(URLs.MNIST_SAMPLE)
    files = sorted(Path(path).glob('*/*/*.png'))
    def books(): return torch.stack([torch.tensor(np.array(Image.open(f))) for f in files])
    def two(how):
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(how)) as pool: return np.concatenate(list(pool.map(read, (files[::2], files[1::2]))))
    jobs = {'one ready array': lambda: read(files), 'a list of tensors': books, 'two new processes': lambda: two('spawn'), 'two forked processes': lambda: two('fork'), 'from the cache': mnist_sample}
    secs = in_turn({k:(lambda f=f: clock(f, 'cpu')) for k,f in jobs.items()}, args.reps)
    print(text_table([row(f'{k}, ms', spread(v), lambda o: f'{o*1e3:.0f}') for k,v in secs.items()]))
    save(args.save, 'decode', 'cpu', config=dict(files=len(files), reps=args.reps), seconds={k:spread(v) for k,v in secs.items()}, times_as_fast_as_ours=ratios(secs, 'one ready array'))

if __name__=='__main__': main()
