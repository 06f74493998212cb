"""What a new user sees: from a clone to a prediction of a picture of their own, on a machine without data.

`python tools/first_minutes.py`, in an environment that has fastsgd, runs three commands one after the other
in a terminal of 80 columns, with an empty home folder and without downloads. It prints what they print, each
line with its second, and checks that the first line comes within a second (`--patience` for slow machines),
that tables fit, that nothing looks like a traceback, and that all of them succeed."""
import argparse,fcntl,os,pty,re,select,struct,subprocess,sys,tempfile,termios,time
from pathlib import Path

digit = '''
from PIL import Image,ImageDraw
from fastsgd.all import *
im = Image.new('RGB', (300,200), 'lightyellow')
ImageDraw.Draw(im).line([(120,40),(190,40),(150,160)], fill='navy', width=12)
im.save('my_digit.png')
dls = get_dls(get_data('mnist_sample', fallback=True))
torch.manual_seed(42)
learn = Learner(dls, simple_net(), loss_func=mnist_loss, opt_func=SGD, metrics=batch_accuracy)
with learn.no_bar(),learn.no_logging(): learn.fit(20, lr=1.)
print(predict_image(learn, 'my_digit.png'))
'''

def transcript(cmd, cwd, env):
    "What `cmd` writes to a terminal, as (second, line), without what bars overwrite; and its exit status"
    ours,theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 80, 0, 0))
    start = time.perf_counter()
    p = subprocess.Popen(cmd, cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    lines,text = [],''
    while True:
        select.select([ours], [], [])
        try: new = os.read(ours, 2**16).decode(errors='replace')
        except OSError: break   # the terminal is closed
        if not new: break
        *done,text = (text+new).replace('\r\n', '\n').split('\n')
        lines += [(time.perf_counter()-start, o.split('\r')[-1].rstrip()) for o in done]
    if text.strip(): lines.append((time.perf_counter()-start, text))
    return lines,p.wait()

def check(name, cmd, cwd, env, patience, last):
    "Run `cmd`, print its transcript, and return what is wrong with it"
    print(f'$ {name}')
    lines,status = transcript(cmd, cwd, env)
    lines = [(s, o) for s,o in lines if o]
    for s,o in lines: print(f'{s:6.2f}  {o}')
    text = '\n'.join(o for _,o in lines)
    if status: yield f'exit status {status}'
    if not lines or lines[0][0]>patience: yield f'no sign of life within {patience:g} s'
    if 'Traceback' in text: yield 'a traceback'
    if any(len(o)>80 for _,o in lines if o[:1]=='|'): yield 'a table wider than 80 columns'
    if not re.search(last, text): yield f'its output lacks {last!r}'

def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('--patience', type=float, default=1., help='seconds until the first line (%(default)s)')
    args = p.parse_args()
    bin_dir,problems = Path(sys.executable).parent,[]
    with tempfile.TemporaryDirectory() as home:
        env = {k:v for k,v in os.environ.items() if k not in ('FASTAI_HOME','COLUMNS','LINES')}
        env |= dict(HOME=home, IN_TEST='1', TERM='xterm')   # IN_TEST: fastsgd downloads nothing
        (Path(home)/'digit.py').write_text(digit)
        for name,last in {'fastsgd_compare --version': r'^fastsgd_compare \d',
                          'fastsgd_compare': 'hand has the same weights as fastai, to the last bit'}.items():
            script,*rest = name.split()
            problems += check(name, [bin_dir/script, *rest], home, env, args.patience, last)
        cmd = [sys.executable, 'digit.py']
        problems += check('python digit.py', cmd, home, env, 60, r"\{'7': (1|0\.[5-9])")
    print(*problems or ['All as it should be.'], sep='\n')
    sys.exit(bool(problems))

if __name__ == '__main__': main()
