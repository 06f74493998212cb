"""What the benchmarks share: interleaved timing, medians with their spread, JSON."""
import argparse,json,os,statistics,time
from pathlib import Path
from fastsgd.core import env_info,sync,text_table,atomic_write

def parser(doc, reps):
    p = argparse.ArgumentParser(description=doc.split('\n')[0])
    p.add_argument('--device', help='default: the best one available')
    p.add_argument('--reps', type=int, default=reps, help=f'repetitions (default: {reps})')
    p.add_argument('--save', type=Path, help='write the numbers as JSON')
    return p

def clock(f, device, n=1):
    "Seconds per call of `f`, the mean of `n` calls"
    sync(device)
    start = time.perf_counter()
    for _ in range(n): f()
    sync(device)
    return (time.perf_counter()-start)/n

def in_turn(jobs, reps):
    "`reps` readings of each job, a dict of functions that return seconds, interleaved so that load hits all alike"
    for f in jobs.values(): f()   # a warm-up, which doesn't count
    secs = {k:[] for k in jobs}
    for _ in range(reps):
        for k,f in jobs.items(): secs[k].append(f())
    return secs

def spread(vals):
    "Median, quartiles and range of `vals`"
    q = statistics.quantiles(vals, n=4, method='inclusive') if len(vals)>1 else vals*3
    return dict(median=q[1], q1=q[0], q3=q[2], min=min(vals), max=max(vals))

def ratios(secs, ref):
    "How many times as fast as `ref` each job is, repetition by repetition"
    return {k:spread([b/a for a,b in zip(v, secs[ref])]) for k,v in secs.items()}

def row(what, d, fmt):
    "A row of a table: the spread `d`, each number written by `fmt`"
    q1,q3,low,high = (fmt(d[k]) for k in ('q1','q3','min','max'))
    return {'what':what, 'median':fmt(d['median']), 'quartiles':f'{q1} to {q3}', 'range':f'{low} to {high}'}

load_before = os.getloadavg() if hasattr(os, 'getloadavg') else None   # was the machine busy?

def save(path, question, device, **parts):
    "What was measured, with the environment; written to `path` as JSON, if there is one"
    d = dict(schema=f'fastsgd.bench.{question}/1', env=env_info(device), load_before=load_before, **parts)
    if path: print('saved:', atomic_write(path, json.dumps(d, indent=1)+'\n', overwrite=True))
    return d
