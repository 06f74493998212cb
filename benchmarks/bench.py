"""What all benchmarks share: clocking in turn, medians with their spread, JSON."""
import argparse,json,os,statistics,time
from pathlib import Path
from fastsgd.core import env_info,sync,text_table,atomic_write

def parser(doc, reps):
    p = argparse.ArgumentParser(description=doc.split('\n')[0])
    p.add_argument('--device', help='default: the best device there is')
    p.add_argument('--reps', type=int, default=reps, help=f'repetitions (default: {reps})')
    p.add_argument('--save', type=Path, help='write the numbers as JSON')
    return p

def clock(f, device, n=1):
    "Seconds of one call of `f`, by the mean of `n`"
    sync(device)
    start = time.perf_counter()
    for _ in range(n): f()
    sync(device)
    return (time.perf_counter()-start)/n

def in_turn(jobs, reps): # jobs: name: function that gives seconds
    "The seconds of each job, `reps` times, all in turn, so that what else the machine does meets all alike; a first time does not count"
    for f in jobs.values(): f()
    secs = {k:[] for k in jobs}
    for _ in range(reps):
        for k,f in jobs.items(): secs[k].append(f())
    return secs

def spread(vals):
    q = statistics.quantiles(vals, n=4, method='inclusive') if len(vals)>1 else vals*3
    return dict(median=q[1], q1=q[0], q3=q[2], min=min(vals), max=max(vals))

def ratios(secs, ref): # how many times as fast as `ref`, repetition by repetition
    return {k:spread([b/a for a,b in zip(v, secs[ref])]) for k,v in secs.items()}

def row(what, d, f): # a line of a table; f: how to write a number
    return {'what':what, 'median':f(d['median']), 'quartiles':f"{f(d['q1'])} to {f(d['q3'])}", 'range':f"{f(d['min'])} to {f(d['max'])}"}

load_before = os.getloadavg() if hasattr(os, 'getloadavg') else None   # was the machine busy?

def save(path, question, device, **parts):
    d = dict(schema=f'fastsgd.bench.{question}/1', env=env_info(device), load_before=load_before, **parts)
    if path: print('saved:', atomic_write(path, json.dumps(d, indent=1)+'\n', overwrite=True))
    return d
