"""Canonical forms: fewer ways to say the same, so that later passes and fusion have fewer cases.

Afterwards: moves that move nothing are gone; size-1 axes are added, dropped and moved by
``reshape`` alone; constants stand on the right of commutative operations and comparisons;
predicates of ``select`` and bounds of ``clamp`` are shaped as the values; ``if`` is a ``case``;
``square`` a product; dynamic slices at constant places are slices, those of repeated elements are
shorter repetitions; reductions of nothing are their operands.
"""

from __future__ import annotations

from fnx_xla_lite.hlo.constants import make_splat
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.ir import HloModule, Instruction, Value
from fnx_xla_lite.hlo.opset import OPS
from fnx_xla_lite.hlo.regions import monoid_of
from fnx_xla_lite.passes.base import Context, rewrite

_MIRRORED = {"EQ": "EQ", "NE": "NE", "LT": "GT", "LE": "GE", "GT": "LT", "GE": "LE"}


def canonicalize(module: HloModule) -> HloModule:
    """Bring every instruction into its canonical form."""
    return rewrite(module, _RULES)


def _same_type(_: Context, instr: Instruction) -> Value | None:
    """Moves and casts to the type that is there already."""
    (x,) = instr.operands
    return x if x.type == instr.result.type else None


def _broadcast(context: Context, instr: Instruction) -> Value | None:
    """A broadcast that only adds axes of size 1, in order, is a reshape.

    A broadcast iota is an iota.
    """
    (x,), type_ = instr.operands, instr.result.type
    axes = instr.attributes["broadcast_dimensions"]
    inner = context.producer(x, "iota")
    if inner is not None and x.type.shape[(axis := inner.attributes["iota_dimension"])] != 1:
        return context.builder.iota(type_.shape, type_.dtype, axes[axis])
    if x.type.size != type_.size or type_.size == 0:
        return None
    moved = [axis for axis in axes if type_.shape[axis] != 1]
    if moved != sorted(moved):
        return None
    return x if x.type == type_ else context.builder.reshape(x, type_.shape)


def _transpose(context: Context, instr: Instruction) -> Value | None:
    """A transpose that keeps the order of the axes longer than 1 is a reshape."""
    (x,), permutation = instr.operands, instr.attributes["permutation"]
    moved = [axis for axis in permutation if x.type.shape[axis] != 1]
    if moved != sorted(moved):
        return None
    if permutation == tuple(range(x.type.rank)):
        return x
    return context.builder.reshape(x, instr.result.type.shape)


def _reverse(context: Context, instr: Instruction) -> Value | None:
    """Axes of size 1 or less need no reversal."""
    (x,), axes = instr.operands, instr.attributes["dimensions"]
    kept = tuple(axis for axis in axes if x.type.shape[axis] > 1)
    if not kept:
        return x
    return None if kept == axes else context.builder.reverse(x, kept)


def _pad(_: Context, instr: Instruction) -> Value | None:
    """No padding."""
    amounts = ("edge_padding_low", "edge_padding_high", "interior_padding")
    is_nothing = not any(any(instr.attributes[key]) for key in amounts)
    return instr.operands[0] if is_nothing else None


def _concatenate(context: Context, instr: Instruction) -> Value | None:
    """Empty operands add nothing; one operand alone is the result."""
    kept = [x for x in instr.operands if x.type.size] or list(instr.operands[:1])
    if len(kept) == 1 and kept[0].type == instr.result.type:
        return kept[0]
    if len(kept) == len(instr.operands) or not instr.result.type.size:
        return None
    return context.builder.concatenate(kept, instr.attributes["dimension"])


def _constant_right(context: Context, instr: Instruction) -> Value | None:
    """``c op x = x op c``."""
    x, y = instr.operands
    if context.constant(x) is None or context.constant(y) is not None:
        return None
    return context.builder.apply(instr.op, (y, x))[0]


def _compare(context: Context, instr: Instruction) -> Value | None:
    """``c < x = x > c``."""
    x, y = instr.operands
    if context.constant(x) is None or context.constant(y) is not None:
        return None
    return context.builder.compare(y, x, _MIRRORED[instr.attributes["comparison_direction"]])


def _full_shape(context: Context, instr: Instruction) -> Value | None:
    """Rank-0 predicates and bounds are broadcast."""
    shape = instr.result.type.shape
    if all(x.type.shape == shape for x in instr.operands):
        return None
    b = context.builder
    operands = [
        x if x.type.shape == shape else _stretched(context, x, shape) for x in instr.operands
    ]
    return b.apply(instr.op, operands)[0]


def _stretched(context: Context, x: Value, shape: tuple[int, ...]) -> Value:
    """A rank-0 value in every place of ``shape``; constants as splats."""
    scalar = context.splat(x)
    if scalar is not None:
        return context.builder.constant(make_splat(scalar, shape))
    return context.builder.broadcast_in_dim(x, shape, ())


def _square(context: Context, instr: Instruction) -> Value:
    """``square(x) = x * x``."""
    (x,) = instr.operands
    return context.builder.multiply(x, x)


def _if(context: Context, instr: Instruction) -> tuple[Value, ...]:
    """``if`` with true first is a ``case`` with false first."""
    b = context.builder
    index = b.convert(instr.operands[0], "i32")
    on_true, on_false = instr.regions
    return b.apply("case", (index,), regions=(on_false, on_true))


def _dynamic_slice(context: Context, instr: Instruction) -> Value | None:
    """Constant or irrelevant starts: a slice, or the operand."""
    x, *starts = instr.operands
    sizes = instr.attributes["slice_sizes"]
    if sizes == x.type.shape:
        return x
    repeated = _slice_of_repeated(context, instr)
    if repeated is not None:
        return repeated
    begin = []
    for start, size, limit in zip(starts, sizes, x.type.shape, strict=True):
        known = 0 if size == limit else context.constant(start)
        if known is None:
            return None
        begin.append(min(max(int(known), 0), limit - size))
    end = [a + size for a, size in zip(begin, sizes, strict=True)]
    return context.builder.slice(x, begin, end)


def _slice_of_repeated(context: Context, instr: Instruction) -> Value | None:
    """A slice along axes of which all elements are equal is the same wherever it starts."""
    x, sizes = instr.operands[0], instr.attributes["slice_sizes"]
    number = context.splat(x)
    if number is not None:
        return context.builder.constant(make_splat(number, sizes))
    repeat = context.producer(x, "broadcast_in_dim")
    if repeat is None:
        return None
    axes = repeat.attributes["broadcast_dimensions"]
    cut = {axis for axis, (a, b) in enumerate(zip(sizes, x.type.shape, strict=True)) if a != b}
    if not cut.isdisjoint(axes):
        return None
    return context.builder.broadcast_in_dim(repeat.operands[0], sizes, axes)


def _dynamic_update_slice(_: Context, instr: Instruction) -> Value | None:
    """Everything is overwritten, or nothing."""
    x, update, *_starts = instr.operands
    if update.type == x.type:
        return update
    return x if not update.type.size else None


def _reduce(context: Context, instr: Instruction) -> Value | None:
    """Reducing axes of size 1 by a monoid is one application of it."""
    if len(instr.operands) != 2:
        return None
    (x, init), axes = instr.operands, instr.attributes["dimensions"]
    monoid = monoid_of(instr.regions[0])
    if monoid is None or any(x.type.shape[axis] != 1 for axis in axes):
        return None
    b, shape = context.builder, instr.result.type.shape
    value = b.reshape(x, shape)
    return b.apply(monoid, (value, _stretched(context, init, shape)))[0]


def _iota(context: Context, instr: Instruction) -> Value | None:
    """Along an axis of size 1, zero."""
    type_ = instr.result.type
    if type_.shape[instr.attributes["iota_dimension"]] != 1:
        return None
    return context.builder.full(to_numpy(type_.dtype).type(0), type_.shape, type_.dtype)


_RULES = {name: (_constant_right,) for name, row in OPS.items() if row.commutative} | {
    "broadcast_in_dim": (_broadcast,),
    "bitcast_convert": (_same_type,),
    "clamp": (_full_shape,),
    "compare": (_compare,),
    "concatenate": (_concatenate,),
    "convert": (_same_type,),
    "dynamic_slice": (_dynamic_slice,),
    "dynamic_update_slice": (_dynamic_update_slice,),
    "if": (_if,),
    "iota": (_iota,),
    "pad": (_pad,),
    "reduce": (_reduce,),
    "reshape": (_same_type,),
    "reverse": (_reverse,),
    "select": (_full_shape,),
    "slice": (_same_type,),
    "square": (_square,),
    "transpose": (_transpose,),
}
