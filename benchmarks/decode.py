"""What it costs to read MNIST_SAMPLE's 14,434 files: `python benchmarks/decode.py [--save FILE.json]`

Ways to call PIL: into one ready array (what `fastsgd.data` does, once), into a list of tensors that are
stacked (the book's way), and the first in two processes. These are new ones, because a process with torch's
threads must not be forked, and for comparison forked ones all the same. Last, the set from its cache."""
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
import numpy as np,torch
from PIL import Image
from bench import clock,in_turn,parser,ratios,row,save,spread,text_table
from fastsgd.data import decode_image_files,mnist_sample
from fastai.data.external import untar_data,URLs

def stacked(files): return torch.stack([torch.tensor(np.array(Image.open(f))) for f in files])

def two_processes(files, how): # how: 'spawn' or 'fork'
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(how)) as pool:
        return np.concatenate(list(pool.map(decode_image_files, (files[::2], files[1::2]))))

def main():
    args = parser(__doc__, 5).parse_args()
    files = sorted(Path(untar_data(URLs.MNIST_SAMPLE)).glob('*/*/*.png'))
    jobs = {
        'one ready array': lambda: decode_image_files(files),
        'a list of tensors': lambda: stacked(files),
        'two new processes': lambda: two_processes(files, 'spawn'),
        'two forked processes': lambda: two_processes(files, 'fork'),
        'from the cache': mnist_sample}
    secs = in_turn({k:(lambda f=f: clock(f, 'cpu')) for k,f in jobs.items()}, args.reps)
    secs_by_name = {k:spread(v) for k,v in secs.items()}
    print(text_table([row(f'{k}, ms', v, lambda o: f'{o*1e3:.0f}') for k,v in secs_by_name.items()]))
    config = dict(files=len(files), reps=args.reps)
    save(args.save, 'decode', 'cpu', config=config, seconds=secs_by_name,
         times_as_fast_as_ours=ratios(secs, 'one ready array'))

if __name__=='__main__': main()
