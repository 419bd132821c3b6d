"""Constant folding: compute what depends on constants alone, if the result stays small.

Splats are folded symbolically whatever their shape: an elementwise operation on splats gives a
splat, moving a splat gives a splat. Other results are folded up to ``LIMIT`` elements. Iotas and
broadcasts are never expanded.
"""

from __future__ import annotations

import numpy as np

from fnx_xla_lite.hlo.constants import as_constant, make_splat, splat_of
from fnx_xla_lite.hlo.ir import HloModule, Instruction, TensorType, Value
from fnx_xla_lite.hlo.opset import OPS, SCALAR_OPS
from fnx_xla_lite.passes.base import Context, rewrite

LIMIT = 256  # elements of a folded result; its operands together may have four times as many
_MOVES = ("broadcast_in_dim", "reshape", "transpose", "reverse", "slice")
_FOLDED = (
    "concatenate",
    "pad",
    "dot_general",
    "gather",
    "dynamic_slice",
    "dynamic_update_slice",
    *_MOVES,
)


def constant_fold(module: HloModule) -> HloModule:
    """Replace operations on constants by constants."""
    return rewrite(module, _RULES)


def _fold_scalar_op(context: Context, instr: Instruction) -> Value | None:
    """``op(c, ...) = constant``."""
    arrays = _constants(context, instr)
    if arrays is None:
        return None
    shape = instr.result.type.shape
    scalars = [s for s in map(splat_of, arrays) if s is not None]
    if shape and len(scalars) == len(arrays) and instr.op != "bitcast_convert":
        type_ = TensorType((), instr.result.type.dtype)
        small = Instruction(instr.op, (), (Value(type_),), instr.attributes)
        return context.builder.constant(make_splat(_compute(small, *scalars), shape))
    return _fold(context, instr)


def _fold_move(context: Context, instr: Instruction) -> Value | None:
    """A moved splat is a splat."""
    scalar = context.splat(instr.operands[0])
    shape = instr.result.type.shape
    if scalar is not None:
        return context.builder.constant(make_splat(scalar, shape))
    return None if instr.op == "broadcast_in_dim" else _fold(context, instr)


def _fold(context: Context, instr: Instruction) -> Value | None:
    arrays = _constants(context, instr)
    if arrays is None or instr.result.type.size > LIMIT or sum(x.size for x in arrays) > 4 * LIMIT:
        return None
    return context.builder.constant(as_constant(_compute(instr, *arrays)))


def _compute(instr: Instruction, *arrays: np.ndarray) -> np.ndarray:
    meaning = OPS[instr.op].numpy
    assert meaning is not None, f"{instr.op} is folded but has no meaning"
    with np.errstate(all="ignore"):
        return np.asarray(meaning(instr, *arrays), order="C")


def _constants(context: Context, instr: Instruction) -> list[np.ndarray] | None:
    arrays = []
    for operand in instr.operands:
        array = context.constant(operand)
        if array is None:
            return None
        arrays.append(array)
    return arrays


def _fold_case(context: Context, instr: Instruction) -> tuple[Value, ...] | None:
    """A branch that is known, or the only one, runs in place."""
    index = context.constant(instr.operands[0])
    if index is None and len(instr.regions) > 1:
        return None
    last = len(instr.regions) - 1
    chosen = last if index is None or not 0 <= int(index) <= last else int(index)
    region = instr.regions[chosen]
    for inner in region.instructions:
        context.builder.append(inner)
    return region.results


_RULES = (
    {op: (_fold_scalar_op,) for op in SCALAR_OPS}
    | {op: (_fold,) for op in _FOLDED}
    | {op: (_fold_move,) for op in _MOVES}
    | {"case": (_fold_case,)}
)
