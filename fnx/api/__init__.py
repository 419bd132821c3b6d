"""The transforms that users call: pytrees in, pytrees out.

Each flattens its arguments, runs a flat transform, and unflattens the result.

Functions that are not jitted run as they are traced: Python control flow, ``print`` and
data-dependent shapes work under `grad`, `vjp`, `jvp` and `linearize`, and on what is not mapped
also under `vmap`.
"""

from fnx.api.callbacks import io_callback as io_callback
from fnx.api.callbacks import pure_callback as pure_callback
from fnx.api.differentiation import grad as grad
from fnx.api.differentiation import jvp as jvp
from fnx.api.differentiation import linearize as linearize
from fnx.api.differentiation import value_and_grad as value_and_grad
from fnx.api.differentiation import vjp as vjp
from fnx.api.inspection import eval_shape as eval_shape
from fnx.api.inspection import make_jaxpr as make_jaxpr
from fnx.api.jacobians import hessian as hessian
from fnx.api.jacobians import jacfwd as jacfwd
from fnx.api.jacobians import jacrev as jacrev
from fnx.api.mapping import vmap as vmap
from fnx.api.transposition import linear_transpose as linear_transpose
from fnx.control.checkpoints.checkpoint import checkpoint as checkpoint
from fnx.control.checkpoints.checkpoint import checkpoint_name as checkpoint_name
from fnx.control.custom.jvp import custom_jvp as custom_jvp
from fnx.control.custom.vjp import custom_vjp as custom_vjp
from fnx.control.custom.vmap import custom_vmap as custom_vmap
from fnx.control.custom.vmap import sequential_vmap as sequential_vmap
