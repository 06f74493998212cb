"`python -m fastsgd compare …` is `fastsgd_compare …`; under torchrun it runs on N processes. Handwritten."
import sys
from fastsgd import cli

def main(argv):
    commands = {o.removeprefix('fastsgd_'):getattr(cli, o) for o in cli.__all__ if o.startswith('fastsgd_')}
    name,*args = argv or ['--help']
    if name in commands: return commands[name](args)
    if name in ('-h','--help'): return print(*(f'python -m fastsgd {o} --help' for o in commands), sep='\n')
    print(f"python -m fastsgd: {name!r} must be one of {', '.join(commands)}", file=sys.stderr)
    return 2

if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
