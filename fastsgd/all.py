"Everything, as in `from fastai.basics import *`. Handwritten: an exported `all` would star-export nothing."
import fastsgd.core  # first: it silences the warnings that importing fastai gives
from fastai.basics import *
from fastai.callback.progress import *
from fastai.callback.schedule import *
from fastsgd.core import *
from fastsgd.plots import *
from fastsgd.data import *
from fastsgd.loaders import *
from fastsgd.cached import *
from fastsgd.losses import *
from fastsgd.models import *
from fastsgd.optim_base import *
from fastsgd.optim import *
from fastsgd.forms import *
from fastsgd.loop import *
from fastsgd.step import *
from fastsgd.parts import *
from fastsgd.learner import *
from fastsgd.parity import *
from fastsgd.report import *
from fastsgd.compare import *
from fastsgd.watch import *
from fastsgd.causes import *
from fastsgd.why import *
from fastsgd.sweep import *
from fastsgd.race_run import *
from fastsgd.race_report import *
from fastsgd.race import *
from fastsgd.distributed import *

# fastai's star import brings these two, which would take the place of Python's modules `copy` and `trace`
__all__ = [o for o in globals() if o[0]!='_' and o not in ('copy','trace')]
