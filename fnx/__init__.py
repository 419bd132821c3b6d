"""fnx: functional transformations of Python programs, with a compiler of its own.

Names that need the compiler, and the libraries of layers, optimisers and data, are imported when
they are first used: ``import fnx`` takes no longer than it must.
"""

import importlib
from typing import TYPE_CHECKING, Any

from fnx import debug as debug
from fnx import errors as errors
from fnx import numpy as numpy
from fnx import tree as tree
from fnx.api import checkpoint as checkpoint
from fnx.api import checkpoint_name as checkpoint_name
from fnx.api import custom_jvp as custom_jvp
from fnx.api import custom_vjp as custom_vjp
from fnx.api import custom_vmap as custom_vmap
from fnx.api import eval_shape as eval_shape
from fnx.api import grad as grad
from fnx.api import hessian as hessian
from fnx.api import io_callback as io_callback
from fnx.api import jacfwd as jacfwd
from fnx.api import jacrev as jacrev
from fnx.api import jvp as jvp
from fnx.api import linear_transpose as linear_transpose
from fnx.api import linearize as linearize
from fnx.api import make_jaxpr as make_jaxpr
from fnx.api import pure_callback as pure_callback
from fnx.api import sequential_vmap as sequential_vmap
from fnx.api import value_and_grad as value_and_grad
from fnx.api import vjp as vjp
from fnx.api import vmap as vmap
from fnx.control.call import load_compiler_by as _load_compiler_by
from fnx.control.checkpoints import checkpoint_policies as checkpoint_policies
from fnx.control.checkpoints.checkpoint import remat as remat
from fnx.core.array import Array as Array
from fnx.core.attributes import no_function as _no_function
from fnx.core.avals import ShapeDtypeStruct as ShapeDtypeStruct
from fnx.core.tracebacks import boundary as _boundary
from fnx.core.tracebacks import publish as _publish

if TYPE_CHECKING:
    from fnx import checkify as checkify
    from fnx import data as data
    from fnx import extend as extend
    from fnx import lax as lax
    from fnx import nn as nn
    from fnx import optim as optim
    from fnx import random as random
    from fnx.lowering.jit import jit as jit
    from fnx.lowering.threads import get_threads as get_threads
    from fnx.lowering.threads import set_threads as set_threads

__version__ = "0.1.0"
__all__ = [
    "Array",
    "ShapeDtypeStruct",
    "checkify",
    "checkpoint",
    "checkpoint_name",
    "checkpoint_policies",
    "custom_jvp",
    "custom_vjp",
    "custom_vmap",
    "data",
    "debug",
    "errors",
    "eval_shape",
    "extend",
    "get_threads",
    "grad",
    "hessian",
    "io_callback",
    "jacfwd",
    "jacrev",
    "jit",
    "jvp",
    "lax",
    "linear_transpose",
    "linearize",
    "make_jaxpr",
    "nn",
    "numpy",
    "optim",
    "pure_callback",
    "random",
    "remat",
    "sequential_vmap",
    "set_threads",
    "tree",
    "value_and_grad",
    "vjp",
    "vmap",
]

_LATER = {
    "checkify": "fnx.checkify",
    "data": "fnx.data",
    "extend": "fnx.extend",
    "lax": "fnx.lax",
    "nn": "fnx.nn",
    "optim": "fnx.optim",
    "random": "fnx.random",
    "get_threads": "fnx.lowering.threads",
    "jit": "fnx.lowering.jit",
    "set_threads": "fnx.lowering.threads",
}


@_boundary
def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise _no_function("fnx", name, __all__)
    module = importlib.import_module(_LATER[name])
    is_module = _LATER[name] == f"fnx.{name}"
    globals()[name] = value = module if is_module else _boundary(getattr(module, name), "fnx")
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


_load_compiler_by(lambda: importlib.import_module("fnx.lowering.checked"))

for _namespace in (globals(), tree.__dict__):
    _publish(_namespace)
