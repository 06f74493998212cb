"""Do processes agree to the bit? Do kills break files? `python tools/stress.py --determinism 50 --kills 100`

`--determinism N` runs the main comparison on digits in N processes: all weights and losses must be equal.
`--kills N` starts N processes that write and kills each at a random moment. No file may be broken then; the
next run must work, and leave no temporary file. `--cached N` does so with the file of `cached(dls, path=…)`.
`--lost N` kills one of two processes that train together, N times: the other must end within 30 seconds, with
one line that says why. Two processes run at a time."""
import argparse,os,random,socket,subprocess,sys,tempfile,time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root))
env = os.environ | dict(PYTHONPATH=os.pathsep.join(sys.path), OMP_NUM_THREADS='1')
levels = [i*6 for i in range(40)]   # a gray image of each

@cache
def compare(n_epoch):
    import fastsgd.all as f
    f.torch.manual_seed(42)
    dls = f.get_dls(f.digits_sample(), bs=64, device='cpu')
    learn = f.CompareLearner(dls, f.simple_net(), loss_func=f.mnist_loss, metrics=f.batch_accuracy)
    return learn.fit(n_epoch, lr=1., reps=0, progress=False)

def print_result():
    from fastsgd.core import tensor_hash
    res = compare(10)
    for arm,model in res.models.items():
        losses = [float(o).hex() for o in (res[arm].train_loss, res[arm].valid_loss, res[arm].metric)]
        print(arm, tensor_hash(*model.state_dict().values()), *losses)

def write_cache(folder):
    "Make the cache stale by an image with a new date, and let `image_folder` write it"
    from fastsgd.data import image_folder
    os.utime(next(folder.rglob('*.png')))
    image_folder(folder)

def write_result(folder): compare(1).save(folder/'res.json', overwrite=True)

def write_command(folder):
    from fastsgd.cli import fastsgd_compare
    options = '--data digits --n_epoch 1 --reps 0 --quiet --force --save'.split()
    assert fastsgd_compare([*options, str(folder/'res.json')]) == 0

def cached_dls(folder):
    import fastsgd.all as f
    from fastai.vision.data import ImageDataLoaders
    f.random.seed(0)
    dls = ImageDataLoaders.from_folder(folder, valid='valid', bs=8, num_workers=0, device='cpu')
    return dls,f.cached(dls, path=folder/'cached.npz', progress=False)

def write_cached(folder):
    "Make the file of `cached` stale by an image with a new date, and write it again"
    os.utime(next(folder.rglob('*.png')))
    cached_dls(folder)

writers = [write_cache,write_result,write_command]

def write_forever(name, folder):
    "Write until killed. Renaming takes a moment here, or few kills would come in the middle of a write"
    write,folder = globals()[name],Path(folder)
    write(folder)
    rename = os.replace
    os.replace = lambda *args: (time.sleep(.1), rename(*args))
    print('ready', file=sys.stderr, flush=True)
    while True:
        if random.random() < .5: written(folder).unlink()
        write(folder)

def write_once(name, folder): globals()[name](Path(folder))

def make_images(folder):
    from PIL import Image
    for i,level in enumerate(levels):
        path = folder/('train','valid')[i%2]/('3','7')[i//2%2]/f'{i}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('L', (28,28), level).save(path)

files = 'fastsgd.npz','res.json','cached.npz'

def written(folder): return next((folder/o for o in files if (folder/o).exists()), None)

def is_cached(folder):
    "Does the file of `cached` hold the images, unharmed and up to date?"
    import fastsgd.cached as c
    before = (folder/'cached.npz').stat().st_mtime_ns
    dls,fast = cached_dls(folder)
    same = all(a.equal(b) for x,y in zip(dls.valid, fast.valid) for a,b in zip(x, y))
    return same and (folder/'cached.npz').stat().st_mtime_ns==before

def opens_cached(path):
    "Is the file of `cached` whole, whichever images it was made of?"
    import hashlib
    data = path.read_bytes()
    return hashlib.sha256(data[:-64]).hexdigest().encode()==data[-64:]

def is_whole(path):
    "Can the cache or the result at `path` be read, and is all in it?"
    import numpy as np
    from fastsgd.report import Comparison
    try:
        if path.name=='cached.npz': return opens_cached(path)
        if path.suffix=='.json': return len(Comparison.load(path)['hand'].epochs)==1
        with np.load(path) as z: return sorted(z['images'][:,0,0])==levels
    except Exception as e: return print(f'{path}: {e!r}')

def start(task, *args):
    "A new process that calls the function `task` of this script"
    cmd = [sys.executable, __file__, '--task', task.__name__, *map(str, args)]
    return subprocess.Popen(cmd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

def kill_one(write):
    "Kill a process that writes at a random moment, and run it again; what was found, as counts"
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        make_images(folder)
        ours = {*(folder/o for o in files), *folder.rglob('*')}
        p = start(write_forever, write.__name__, folder)
        while p.stderr.readline() not in ('ready\n',''): pass
        time.sleep(random.uniform(0, 2. if write is write_cached else .5))   # it takes longer
        died = p.poll() is not None
        p.kill()
        error = p.communicate()[1]
        if died: print(error)
        path,temps = written(folder),{*folder.rglob('*')}-ours
        res = {'kills':1, 'died before':died, 'in the middle of a write':bool(temps)}
        res['broken'] = bool(path) and not is_whole(path)
        p = start(write_once, write.__name__, folder)
        error,path = p.communicate()[1],written(folder)
        if p.returncode: print(error)
        res['not healed'] = p.returncode!=0 or not (path and is_whole(path))
        if write is write_cached: res['not healed'] |= not is_cached(folder)
        return res | {'files left':len({*folder.rglob('*')}-ours)}

def kills(n, writers=writers):
    "Kill `n` processes that run `writers` in turn; True if nothing was broken or left"
    m = len(writers)
    with ThreadPoolExecutor(2) as pool: found = list(pool.map(kill_one, [writers[i%m] for i in range(n)]))
    for i,write in enumerate(writers[:n]):
        print(f'{write.__name__}:', ', '.join(f'{sum(o[k] for o in found[i::m])} {k}' for k in found[0]))
    return not any(o[k] for o in found for k in ('died before','broken','not healed','files left'))

def determinism(n):
    "Run the comparison in `n` processes; True if all results are equal"
    def result(_):
        out,error = start(print_result).communicate()
        return out or error
    with ThreadPoolExecutor(2) as pool: found = Counter(pool.map(result, range(n)))
    print(f'determinism: {n} processes, {len(found)} different results', *found, sep='\n')
    return len(found)==1 and [*found][0].startswith('hand')

def start_pair(folder):
    "Two processes that train together, each the other's only company; they run until they are stopped"
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    cmd = f'-m fastsgd compare --data digits --device cpu --n_epoch 100000 --save {folder}/res.json'.split()
    def started(rank):
        there = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), RANK=str(rank), WORLD_SIZE='2')
        return subprocess.Popen([sys.executable, *cmd], env=env|there, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
    return started(0),started(1)

def lose_one(i):
    "Kill one of two processes in the middle of training; what the other one did"
    with tempfile.TemporaryDirectory() as folder:
        pair = start_pair(folder)
        while not (line := pair[0].stderr.readline()).startswith('check') and line: pass
        time.sleep(random.uniform(0, 3))
        died = any(p.poll() is not None for p in pair)
        pair[i%2].kill()
        other,begin = pair[1-i%2],time.monotonic()
        try: said = other.communicate(timeout=30)[1].splitlines()
        except subprocess.TimeoutExpired: said = other.kill() or []
        errors = [o for o in said if not o.startswith('check ')]   # that is progress
        seconds = time.monotonic()-begin
        pair[i%2].communicate()
        clear = len(errors)==1 and errors[0].startswith('fastsgd_compare: ') and other.returncode==1
        if not clear: print(f'status {other.returncode} after {seconds:.1f} s:', *errors, sep='\n')
        return dict(lost=1, died=died, unclear=not clear, left=len(os.listdir(folder)))

def lost(n):
    "Kill one of two processes, `n` times; True if the other one ended as it should"
    found = [lose_one(i) for i in range(n)]
    print('lost:', ', '.join(f'{sum(o[k] for o in found)} {k}' for k in found[0]))
    return not any(o[k] for o in found for k in ('died','unclear','left'))

def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('--determinism', type=int, default=0, metavar='N', help='run the same comparison N times')
    p.add_argument('--kills', type=int, default=0, metavar='N', help='kill N processes while they write')
    p.add_argument('--cached', type=int, default=0, metavar='N', help="kill N that write cached's file")
    p.add_argument('--lost', type=int, default=0, metavar='N', help='kill one of two, N times')
    args = p.parse_args()
    good = [not args.determinism or determinism(args.determinism), not args.kills or kills(args.kills),
            not args.cached or kills(args.cached, [write_cached]), not args.lost or lost(args.lost)]
    sys.exit(not all(good))

if __name__ == '__main__':
    if sys.argv[1:2]==['--task']: globals()[sys.argv[2]](*sys.argv[3:])
    else: main()
