"""Reshape and transpose simplification: chains become one move or go into a contraction.

``dot_general`` names its axes, so a transposed operand is the same contraction with other axis
numbers, and a transposed result is the contraction with its operands exchanged: no data moves.
Reductions likewise take a transposed operand by renaming axes.
"""

from __future__ import annotations

from fnx_xla_lite.hlo.constants import make_splat
from fnx_xla_lite.hlo.ir import HloModule, Instruction, TensorType, Value
from fnx_xla_lite.hlo.opset import SCALAR_OPS
from fnx_xla_lite.passes.base import Context, rewrite


def reshapes(module: HloModule) -> HloModule:
    """Compose moves of axes, and absorb them into contractions and reductions."""
    return rewrite(module, _RULES)


def _reshape(context: Context, instr: Instruction) -> Value | None:
    """``reshape(reshape(x)) = reshape(x)``.

    A reshape that only drops or adds size-1 axes passes a broadcast.
    """
    (x,), shape = instr.operands, instr.result.type.shape
    inner = context.producer(x, "reshape")
    if inner is not None:
        (source,) = inner.operands
        return (
            source if source.type == instr.result.type else context.builder.reshape(source, shape)
        )
    inner = context.producer(x, "broadcast_in_dim")
    if inner is None:
        return None
    places = _unit_map(x.type.shape, shape)
    (source,), axes = inner.operands, inner.attributes["broadcast_dimensions"]
    if places is None or any(axis not in places for axis in axes):
        return None
    return context.builder.broadcast_in_dim(source, shape, [places[axis] for axis in axes])


def _unit_map(old: tuple[int, ...], new: tuple[int, ...]) -> dict[int, int] | None:
    """Where each axis goes if ``new`` is ``old`` with axes of size 1 added or dropped.

    None if it is not.
    """
    places: dict[int, int] = {}
    target = 0
    for axis, size in enumerate(old):
        if size == 1:
            if target < len(new) and new[target] == 1:
                places[axis] = target
                target += 1
            continue
        while target < len(new) and new[target] == 1:
            target += 1
        if target == len(new) or new[target] != size:
            return None
        places[axis] = target
        target += 1
    return places if all(size == 1 for size in new[target:]) else None


def _broadcast(context: Context, instr: Instruction) -> Value | None:
    """``broadcast(broadcast(x))``, and ``broadcast(reshape(x))`` with size-1 axes, are one."""
    (x,), shape = instr.operands, instr.result.type.shape
    axes = instr.attributes["broadcast_dimensions"]
    inner = context.producer(x, "broadcast_in_dim")
    if inner is not None:
        composed = [axes[axis] for axis in inner.attributes["broadcast_dimensions"]]
        return context.builder.broadcast_in_dim(inner.operands[0], shape, composed)
    inner = context.producer(x, "reshape")
    if inner is None:
        return None
    (source,) = inner.operands
    places = _unit_map(source.type.shape, x.type.shape)
    if places is None:
        return None
    kept = [axis for axis, size in enumerate(source.type.shape) if size != 1]
    if len(kept) != source.type.rank:
        if len(kept) == x.type.rank:
            return None  # this reshape is the one that drops the axes
        source = context.builder.reshape(source, [source.type.shape[axis] for axis in kept])
    return context.builder.broadcast_in_dim(source, shape, [axes[places[axis]] for axis in kept])


def _transpose(context: Context, instr: Instruction) -> Value | None:
    """``transpose(transpose(x))`` is one.

    So is ``transpose(broadcast(x))``; a transposed product swaps operands.
    """
    (x,), permutation = instr.operands, instr.attributes["permutation"]
    inner = context.producer(x)
    if inner is None:
        return None
    if inner.op == "transpose":
        composed = tuple(inner.attributes["permutation"][axis] for axis in permutation)
        (source,) = inner.operands
        is_identity = composed == tuple(range(len(composed)))
        return source if is_identity else context.builder.transpose(source, composed)
    if inner.op == "broadcast_in_dim":
        place = {axis: i for i, axis in enumerate(permutation)}
        axes = [place[axis] for axis in inner.attributes["broadcast_dimensions"]]
        return context.builder.broadcast_in_dim(inner.operands[0], instr.result.type.shape, axes)
    return _swapped_dot(context, inner, permutation) if inner.op == "dot_general" else None


def _swapped_dot(context: Context, dot: Instruction, permutation: tuple[int, ...]) -> Value | None:
    """``(A B)^T = B^T A^T``: exchanged operands give (batch, right free, left free)."""
    attrs = dot.attributes
    lhs, rhs = dot.operands
    batch = len(attrs["lhs_batching_dimensions"])
    left = lhs.type.rank - batch - len(attrs["lhs_contracting_dimensions"])
    rank = dot.result.type.rank
    swapped = (*range(batch), *range(batch + left, rank), *range(batch, batch + left))
    if permutation != swapped:
        return None
    exchanged = {
        key: attrs[key.replace("lhs", "#").replace("rhs", "lhs").replace("#", "rhs")]
        for key in attrs
        if key.endswith("_dimensions")
    }
    precision = attrs.get("precision_config")
    if precision is not None:
        exchanged["precision_config"] = tuple(reversed(precision))
    return context.builder.apply("dot_general", (rhs, lhs), exchanged, given=(dot.result.type,))[0]


def _dot_general(context: Context, instr: Instruction) -> Value | None:
    """A transposed operand whose free axes stay in order.

    Rename its batching and contracting axes.
    """
    operands, attributes = list(instr.operands), dict(instr.attributes)
    changed = False
    for i, side in enumerate(("lhs", "rhs")):
        inner = context.producer(operands[i], "transpose")
        if inner is None:
            continue
        permutation = inner.attributes["permutation"]
        keys = [f"{side}_{kind}_dimensions" for kind in ("batching", "contracting")]
        used = {axis for key in keys for axis in attributes[key]}
        free = [permutation[axis] for axis in range(len(permutation)) if axis not in used]
        if free != sorted(free):
            continue
        for key in keys:
            attributes[key] = tuple(permutation[axis] for axis in attributes[key])
        operands[i], changed = inner.operands[0], True
    if not changed:
        return None
    given = (instr.result.type,)
    return context.builder.apply("dot_general", operands, attributes, given=given)[0]


def _reduce(context: Context, instr: Instruction) -> tuple[Value, ...] | None:
    """A transposed operand whose kept axes stay in order: rename the reduced axes."""
    if len(instr.operands) != 2:
        return None
    inner = context.producer(instr.operands[0], "transpose")
    if inner is None:
        return None
    permutation, axes = inner.attributes["permutation"], instr.attributes["dimensions"]
    kept = [permutation[axis] for axis in range(len(permutation)) if axis not in axes]
    if kept != sorted(kept):
        return None
    renamed = {"dimensions": tuple(sorted(permutation[axis] for axis in axes))}
    operands = (inner.operands[0], instr.operands[1])
    return context.builder.apply("reduce", operands, renamed, instr.regions)


def _slice(context: Context, instr: Instruction) -> Value | None:
    """``slice(slice(x))`` is one slice.

    A slice inside one operand of a concatenation reads that operand.
    """
    inner = context.producer(instr.operands[0])
    if inner is None:
        return None
    if inner.op == "slice":
        return _slice_of_slice(context, instr, inner)
    return _slice_of_concatenate(context, instr, inner) if inner.op == "concatenate" else None


def _slice_of_slice(context: Context, outer: Instruction, inner: Instruction) -> Value:
    starts, limits, strides = [], [], []
    keys = ("start_indices", "strides")
    for size, a, s, b, t in zip(
        outer.result.type.shape,
        *(inner.attributes[key] for key in keys),
        *(outer.attributes[key] for key in keys),
        strict=True,
    ):
        start, stride = a + b * s, s * t
        starts.append(start if size else 0)
        limits.append(start + (size - 1) * stride + 1 if size else 0)
        strides.append(stride)
    return context.builder.slice(inner.operands[0], starts, limits, strides)


def _slice_of_concatenate(context: Context, instr: Instruction, inner: Instruction) -> Value | None:
    axis = inner.attributes["dimension"]
    start, limit = (list(instr.attributes[key]) for key in ("start_indices", "limit_indices"))
    offset = 0
    for x in inner.operands:
        size = x.type.shape[axis]
        if start[axis] >= offset and limit[axis] <= offset + size and limit[axis] > start[axis]:
            start[axis] -= offset
            limit[axis] -= offset
            return context.builder.slice(x, start, limit, instr.attributes["strides"])
        offset += size
    return None


def _after_reshape(context: Context, instr: Instruction) -> Value | None:
    """``op(reshape(x), reshape(y)) = reshape(op(x, y))`` where only axes of size 1 come and go."""
    shape = instr.result.type.shape
    sources: list[Value] = []
    for operand in instr.operands:
        inner = context.producer(operand, "reshape")
        if inner is None:
            if context.splat(operand) is None:
                return None
            sources.append(operand)
            continue
        sources.append(inner.operands[0])
    common = {x.type.shape for x in sources if context.splat(x) is None}
    if len(common) != 1 or instr.op == "bitcast_convert":
        return None
    (target,) = common
    if _unit_map(target, shape) is None or len(target) >= len(shape):
        return None
    b = context.builder
    operands = [_splat_as(context, x, target) for x in sources]
    given = (TensorType(target, instr.result.type.dtype),)
    return b.reshape(b.apply(instr.op, operands, dict(instr.attributes), given=given)[0], shape)


def _splat_as(context: Context, value: Value, shape: tuple[int, ...]) -> Value:
    """A splat in another shape; anything else as it is."""
    scalar = context.splat(value)
    return value if scalar is None else context.builder.constant(make_splat(scalar, shape))


_RULES = {op: (_after_reshape,) for op in SCALAR_OPS} | {
    "broadcast_in_dim": (_broadcast,),
    "dot_general": (_dot_general,),
    "reduce": (_reduce,),
    "reshape": (_reshape,),
    "slice": (_slice,),
    "transpose": (_transpose,),
}
