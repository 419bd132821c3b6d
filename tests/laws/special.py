"""Special numbers of each element type, and patterns of operands that algebra knows about."""

from __future__ import annotations

import numpy as np

from fnx_xla_lite.hlo.ir import TensorType
from fnx_xla_lite.hlo.opset import OPS

SPECIAL = {
    "f32": (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0, -7.0, np.inf, -np.inf, np.nan),
    "f64": (0.0, -0.0, 1.0, -1.0, 2.0, 0.25, 1e-300, np.inf, -np.inf, np.nan),
    "i32": (0, 1, -1, 2, 31, 33, -(2**31), 2**31 - 1),
    "ui8": (0, 1, 2, 7, 9, 255),
    "i1": (False, True),
}


def patterns(op, x, y, operands, flags, b):
    """Operands for ``op``."""
    if op == "select":
        inverted = [b.not_(flag) for flag in flags]
        return [(p, u, v) for p in (*flags, *inverted) for u, v in ((x, y), (x, x), (y, x))]
    if OPS[op].arity == 1:
        return [(v,) for v in operands]
    if OPS[op].arity == 2:
        return [pair for v in operands for pair in ((x, v), (v, x), (v, v))]
    return [(x, y, x), (x, x, y), (y, x, x)]


def attempt(b, op, operands, dtype):
    """The result, or None where the op table refuses these operands."""
    attributes, given = {}, ()
    if op == "compare":
        attributes = {"comparison_direction": "LE"}
    if op in ("convert", "bitcast_convert"):
        other = {"f32": "i32", "i32": "f32"}.get(dtype, dtype)
        given = (TensorType(operands[0].type.shape, other),)
    try:
        return b.apply(op, operands, attributes, given=given)[0]
    except ValueError:
        return None
