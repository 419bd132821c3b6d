"""Prepare: HloModule -> HloModule in the forms that fusion and the loop builders take.

* products whose axes do not merge get transposed operands; matrix-vector products become multiply
  and reduce, outer products a multiply;
* what is empty loses its loops: reductions over nothing, products with k = 0, updates of nothing;
* a reduce_window without base dilation; ``if`` as ``case``; transposes and broadcasts that move
  nothing as reshapes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fnx_xla_lite.fusion.access import accesses
from fnx_xla_lite.fusion.contractions import contraction, product_size
from fnx_xla_lite.hlo.constants import make_splat
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.ir import Computation, HloModule, Instruction, TensorType, Value
from fnx_xla_lite.hlo.opset import attribute


def prepare(module: HloModule) -> HloModule:
    """The entry function (and the regions of its control flow) in prepared form."""
    main = module.main
    body = prepare_computation(main.body)
    return replace(module, functions=(replace(main, body=body), *module.functions[1:]))


def prepare_computation(body: Computation) -> Computation:
    """One computation; values that instructions outside may read keep their identity."""
    writer = Writer()
    for instr in body.instructions:
        if instr.op in ("while", "case", "if"):
            regions = tuple(prepare_computation(r) for r in instr.regions)
            instr = replace(instr, regions=regions)
        rule = _RULES.get(instr.op)
        if rule is None or not rule(writer, instr):
            writer.instructions.append(instr)
    return Computation(body.parameters, tuple(writer.instructions), body.results)


class Writer:
    """Appends instructions; ``result`` says which existing value the last one defines."""

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []

    def add(
        self,
        instr: Instruction,
        op: str,
        operands: tuple[Value, ...],
        kind: TensorType | Value,
        **attributes,
    ) -> Value:
        """Append ``op``; ``kind`` is the type of its result, or the value that it defines."""
        result = kind if isinstance(kind, Value) else Value(kind)
        self.instructions.append(
            Instruction(op, operands, (result,), attributes, (), instr.location)
        )
        return result

    def scalar(self, instr: Instruction, value: float, dtype: str) -> Value:
        """A rank-0 constant."""
        array = np.array(value).astype(to_numpy(dtype))
        array.setflags(write=False)
        return self.add(instr, "constant", (), TensorType((), dtype), value=array)

    def convert(self, instr: Instruction, x: Value, dtype: str) -> Value:
        """``x`` as ``dtype``."""
        if x.type.dtype == dtype:
            return x
        return self.add(instr, "convert", (x,), TensorType(x.type.shape, dtype))


def _zeros(writer: Writer, instr: Instruction) -> bool:
    kind = instr.result.type
    zero = make_splat(np.zeros((), to_numpy(kind.dtype)), kind.shape)
    writer.add(instr, "constant", (), instr.result, value=zero)
    return True


def _dot(writer: Writer, instr: Instruction) -> bool:
    batch, m, n, k = product_size(instr)
    if not batch * m * n:
        return False
    if k == 0:
        return _zeros(writer, instr)
    if instr.result.type.dtype != "i1":
        if k == 1:
            return _outer_product(writer, instr)
        if (n == 1 and _matrix_vector(writer, instr, 0)) or (
            m == 1 and _matrix_vector(writer, instr, 1)
        ):
            return True
    if contraction(instr) is not None:
        return False
    _merge_axes(writer, instr)
    return True


def _sides(instr: Instruction) -> list[tuple[Value, tuple[int, ...], tuple[int, ...], list[int]]]:
    """For each operand: the value, its batch, contracted and free axes."""
    sides = []
    for operand, side in zip(instr.operands, ("lhs", "rhs"), strict=True):
        batch = tuple(attribute(instr, f"{side}_batching_dimensions"))
        contracted = tuple(attribute(instr, f"{side}_contracting_dimensions"))
        free = [d for d in range(operand.type.rank) if d not in batch and d not in contracted]
        sides.append((operand, batch, contracted, free))
    return sides


def _outer_product(writer: Writer, instr: Instruction) -> bool:
    """K = 1: out[b, m, n] = lhs[b, m] * rhs[b, n]."""
    shape, dtype = instr.result.type.shape, instr.result.type.dtype
    place, factors = len(_sides(instr)[0][1]), []
    for operand, batch, contracted, free in _sides(instr):
        axes = {d: i for i, d in enumerate(batch)} | {d: place + i for i, d in enumerate(free)}
        place += len(free)
        kept = [d for d in range(operand.type.rank) if d not in contracted]
        x = writer.convert(instr, operand, dtype)
        small = TensorType(tuple(operand.type.shape[d] for d in kept), dtype)
        x = writer.add(instr, "reshape", (x,), small)
        dimensions = tuple(axes[d] for d in kept)
        wide = TensorType(shape, dtype)
        factors.append(
            writer.add(instr, "broadcast_in_dim", (x,), wide, broadcast_dimensions=dimensions)
        )
    writer.add(instr, "multiply", tuple(factors), instr.result)
    return True


def _matrix_vector(writer: Writer, instr: Instruction, matrix: int) -> bool:
    """One side has no free axes: multiply it into the other, then sum the contracted axes."""
    sides = _sides(instr)
    (x, batch, contracted, free), (y, y_batch, y_contracted, y_free) = (
        sides[matrix],
        sides[1 - matrix],
    )
    kept = [d for d in range(x.type.rank) if d not in contracted]
    if kept != [*batch, *free]:
        return False
    dtype = instr.result.type.dtype
    wide = "f32" if dtype in ("bf16", "f16") else dtype
    place = dict(zip((*y_batch, *y_contracted), (*batch, *contracted), strict=True))
    order = [d for d in range(y.type.rank) if d not in y_free]
    y = writer.convert(instr, y, wide)
    y = writer.add(instr, "reshape", (y,), TensorType(tuple(y.type.shape[d] for d in order), wide))
    x = writer.convert(instr, x, wide)
    full = TensorType(x.type.shape, wide)
    dimensions = tuple(place[d] for d in order)
    y = writer.add(instr, "broadcast_in_dim", (y,), full, broadcast_dimensions=dimensions)
    product = writer.add(instr, "multiply", (x, y), full)
    total = Value(TensorType(tuple(x.type.shape[d] for d in kept), wide))
    zero = writer.scalar(instr, 0, wide)
    attributes = {"dimensions": tuple(contracted)}
    regions = (_sum_body(wide),)
    writer.instructions.append(
        Instruction("reduce", (product, zero), (total,), attributes, regions, instr.location)
    )
    total = writer.convert(instr, total, dtype)
    writer.add(instr, "reshape", (total,), instr.result)
    return True


def _sum_body(dtype: str) -> Computation:
    kind = TensorType((), dtype)
    x, y, total = Value(kind), Value(kind), Value(kind)
    return Computation((x, y), (Instruction("add", (x, y), (total,)),), (total,))


def _merge_axes(writer: Writer, instr: Instruction) -> None:
    """Transpose both operands to (batch, m, k) and (batch, k, n)."""
    sides, operands, attributes = _sides(instr), [], {}
    for number, (x, batch, contracted, free) in enumerate(sides):
        groups = (batch, free, contracted) if number == 0 else (batch, contracted, free)
        order = tuple(d for group in groups for d in group)
        if order != tuple(range(x.type.rank)):
            kind = TensorType(tuple(x.type.shape[d] for d in order), x.type.dtype)
            x = writer.add(instr, "transpose", (x,), kind, permutation=order)
        operands.append(x)
        first = len(batch) + (len(free) if number == 0 else 0)
        name = "lhs" if number == 0 else "rhs"
        attributes[f"{name}_batching_dimensions"] = tuple(range(len(batch)))
        attributes[f"{name}_contracting_dimensions"] = tuple(range(first, first + len(contracted)))
    writer.add(instr, "dot_general", tuple(operands), instr.result, **attributes)


def _reduce(writer: Writer, instr: Instruction) -> bool:
    if instr.operands[0].type.size:
        return False
    for init, result in zip(instr.operands[len(instr.results) :], instr.results, strict=True):
        writer.add(instr, "broadcast_in_dim", (init,), result, broadcast_dimensions=())
    return True


def _empty_update(writer: Writer, instr: Instruction) -> bool:
    update = instr.operands[2 if instr.op == "scatter" else 1]
    if update.type.size:
        return False
    writer.add(instr, "reshape", instr.operands[:1], instr.result)
    return True


def _still(writer: Writer, instr: Instruction) -> bool:
    """A transpose or broadcast whose elements stay in order is a reshape."""
    (access,) = accesses(instr)
    if not access.is_identity or instr.result.type.size != instr.operands[0].type.size:
        return False
    writer.add(instr, "reshape", instr.operands, instr.result)
    return True


def _reduce_window(writer: Writer, instr: Instruction) -> bool:
    dilation = instr.attributes["base_dilations"]
    x, start = instr.operands
    if not instr.result.type.size:
        return False
    if not x.type.size:
        writer.add(instr, "broadcast_in_dim", (start,), instr.result, broadcast_dimensions=())
        return True
    if all(d == 1 for d in dilation):
        return False
    shape = tuple((n - 1) * d + 1 for n, d in zip(x.type.shape, dilation, strict=True))
    none, spread = (0,) * len(shape), tuple(d - 1 for d in dilation)
    kind = TensorType(shape, x.type.dtype)
    edges = {"edge_padding_low": none, "edge_padding_high": none, "interior_padding": spread}
    padded = writer.add(instr, "pad", (x, start), kind, **edges)
    attributes = {**instr.attributes, "base_dilations": (1,) * len(shape)}
    writer.instructions.append(replace(instr, operands=(padded, start), attributes=attributes))
    return True


def _if(writer: Writer, instr: Instruction) -> bool:
    """True runs the first region: as a case, index 0."""
    zero, one = writer.scalar(instr, 0, "i32"), writer.scalar(instr, 1, "i32")
    operands = (instr.operands[0], zero, one)
    index = writer.add(instr, "select", operands, TensorType((), "i32"))
    writer.instructions.append(replace(instr, op="case", operands=(index,)))
    return True


_RULES: dict[str, Callable[[Writer, Instruction], bool]] = {
    "broadcast_in_dim": _still,
    "dot_general": _dot,
    "dynamic_update_slice": _empty_update,
    "if": _if,
    "reduce": _reduce,
    "reduce_window": _reduce_window,
    "scatter": _empty_update,
    "transpose": _still,
}
