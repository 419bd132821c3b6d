"""fnx: functional transformations of Python programs, with a compiler of its own."""

from fnx import data as data
from fnx import lax as lax
from fnx import nn as nn
from fnx import numpy as numpy
from fnx import optim as optim
from fnx import random as random
from fnx import tree as tree
from fnx.api import eval_shape as eval_shape
from fnx.api import grad as grad
from fnx.api import hessian as hessian
from fnx.api import jacfwd as jacfwd
from fnx.api import jacrev as jacrev
from fnx.api import jvp as jvp
from fnx.api import linearize as linearize
from fnx.api import make_jaxpr as make_jaxpr
from fnx.api import value_and_grad as value_and_grad
from fnx.api import vjp as vjp
from fnx.api import vmap as vmap
from fnx.core.array import Array as Array
from fnx.lowering.jit import jit as jit
from fnx.lowering.threads import get_threads as get_threads
from fnx.lowering.threads import set_threads as set_threads

__version__ = "0.1.0"
