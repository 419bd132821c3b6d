"""Algebraic simplification: identities that hold for every value, NaN and zeros included.

The identities stand in `passes/identities/`. Beside them, elementwise work moves in front of
broadcasts of scalars.
"""

from __future__ import annotations

import numpy as np

from fnx_xla_lite.hlo.ir import HloModule, Instruction, TensorType, Value
from fnx_xla_lite.hlo.opset import SCALAR_OPS
from fnx_xla_lite.passes.base import Context, rewrite
from fnx_xla_lite.passes.identities.arithmetic import ARITHMETIC
from fnx_xla_lite.passes.identities.logic import LOGIC


def algebraic(module: HloModule) -> HloModule:
    """Apply exact identities, and move elementwise work in front of broadcasts of scalars."""
    return rewrite(module, _RULES)


def _before_broadcast(context: Context, instr: Instruction) -> Value | None:
    """``op(broadcast(a), broadcast(b)) = broadcast(op(a, b))`` for scalars a, b and constants."""
    shape = instr.result.type.shape
    if not shape or instr.op == "bitcast_convert":
        return None
    scalars: list[Value] = []
    splats: list[tuple[int, np.ndarray]] = []
    for position, operand in enumerate(instr.operands):
        inner = context.producer(operand, "broadcast_in_dim")
        if inner is not None and inner.operands[0].type.rank == 0:
            scalars.append(inner.operands[0])
            continue
        number = context.splat(operand)
        if number is None:
            return None
        splats.append((position, number))
    if not scalars:
        return None  # constants alone are constant_fold's
    b = context.builder
    for position, number in splats:
        scalars.insert(position, b.constant(number))
    given = (TensorType((), instr.result.type.dtype),)
    small = b.apply(instr.op, scalars, dict(instr.attributes), given=given)[0]
    return b.broadcast_in_dim(small, shape, ())


_LOCAL = ARITHMETIC | LOGIC
_RULES = {
    op: (_LOCAL[op], _before_broadcast) if op in _LOCAL else (_before_broadcast,)
    for op in SCALAR_OPS
}
