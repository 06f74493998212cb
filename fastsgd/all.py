"""Everything, in the way of `from fastai.basics import *`. Written by hand: an exported module would star-export nothing."""
import fastsgd.core  # first: it silences the warnings that importing fastai gives
from fastai.basics import *
from fastai.callback.progress import *
from fastai.callback.schedule import *
from .core import *
from .plots import *
from .data import *
from .losses import *
from .models import *
from .optim import *
from .loop import *
from .step import *
from .learner import *
from .parity import *
from .compare import *
from .rates import *
