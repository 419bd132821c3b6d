"""Shape rules: the types of an operation's results from its operands' types and attributes.

A rule takes a ``Site`` and returns result types, or raises ``VerifyError``. Where StableHLO states
the result type instead of deriving it (``reshape``, ``convert``, ``iota``, ...), the rule checks
``site.given``. The builder, the parser and the verifier all ask these rules. Rules of gather,
scatter, windows and regions are in ``shapes_indexing.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from fnx_xla_lite.errors import VerifyError
from fnx_xla_lite.hlo.dtypes import FLOATS, INTS, UNSIGNED, bit_width
from fnx_xla_lite.hlo.ir import Computation, TensorType

Types = tuple[TensorType, ...]
CALLBACK = "fnx.callback"  # the target of a custom_call that runs Python


@dataclass(slots=True)
class Site:
    """One application of an operation, before its results exist.

    ``given`` are the result types stated for it.
    """

    op: str
    operands: Sequence[TensorType]
    attributes: Mapping[str, Any]
    regions: tuple[Computation, ...] = ()
    given: Types | None = None

    def fail(self, expected: str) -> NoReturn:
        """Raise the VerifyError of this site: what came in, what was expected."""
        got = ", ".join(map(str, self.operands)) or "no operands"
        facts = ", ".join(
            f"{key}={value}" for key, value in self.attributes.items() if key != "value"
        )
        stated = f" to {', '.join(map(str, self.given))}" if self.given else ""
        note = f" with {facts}" if facts else ""
        raise VerifyError(f"{self.op}: {expected}; got {got}{stated}{note}")

    def require(self, condition: bool, expected: str) -> None:
        """Fail unless ``condition``."""
        if not condition:
            self.fail(expected)

    def stated(self) -> TensorType:
        """The single stated result type, which this operation cannot do without."""
        if self.given is None or len(self.given) != 1:
            self.fail("the result type must be stated")
        return self.given[0]

    def axes(self, key: str, rank: int, *, distinct: bool = True) -> tuple[int, ...]:
        """The attribute ``key`` as distinct axes of a rank-``rank`` tensor."""
        axes = self.attributes[key]
        if not all(0 <= axis < rank for axis in axes):
            self.fail(f"{key} must be axes of a rank-{rank} tensor")
        if distinct and len(set(axes)) != len(axes):
            self.fail(f"{key} must not repeat an axis")
        return tuple(axes)


ShapeRule = Callable[[Site], Types]


def same(kinds: frozenset[str]) -> ShapeRule:
    """Elementwise: operands and the result have one type, whose element type is in ``kinds``."""

    def rule(site: Site) -> Types:
        first = site.operands[0]
        for operand in site.operands:
            if operand is not first and operand != first:
                site.fail("operands must have equal types")
        if first.dtype not in kinds:
            site.fail(f"element type must be one of {' '.join(sorted(kinds))}")
        return (first,)

    return rule


def is_finite(site: Site) -> Types:
    """Floats to ``i1``."""
    site.require(site.operands[0].dtype in FLOATS, "the operand must be floating-point")
    return (TensorType(site.operands[0].shape, "i1"),)


def compare(site: Site) -> Types:
    """Two equal types to ``i1``."""
    x, y = site.operands
    site.require(x == y, "operands must have equal types")
    direction = site.attributes["comparison_direction"]
    site.require(direction in {"EQ", "NE", "LT", "LE", "GT", "GE"}, "unknown comparison direction")
    kind = site.attributes.get("compare_type")
    site.require(
        kind is None or kind == compare_type(x.dtype),
        f"compare_type must be {compare_type(x.dtype)}",
    )
    return (TensorType(x.shape, "i1"),)


def compare_type(dtype: str) -> str:
    """StableHLO's comparison type for an element type: FLOAT, SIGNED or UNSIGNED."""
    if dtype in FLOATS:
        return "FLOAT"
    return "UNSIGNED" if dtype in UNSIGNED or dtype == "i1" else "SIGNED"


def select(site: Site) -> Types:
    """Predicate of the same shape, or rank 0."""
    predicate, x, y = site.operands
    site.require(x == y, "on_true and on_false must have equal types")
    site.require(predicate.dtype == "i1", "the predicate must be i1")
    site.require(
        predicate.shape in ((), x.shape), "the predicate must be rank 0 or shaped as the values"
    )
    return (x,)


def clamp(site: Site) -> Types:
    """Bounds of the same shape, or rank 0."""
    low, x, high = site.operands
    for bound in (low, high):
        site.require(bound.dtype == x.dtype, "bounds must have the operand's element type")
        site.require(bound.shape in ((), x.shape), "bounds must be rank 0 or shaped as the operand")
    return (x,)


def convert(site: Site) -> Types:
    """Same shape, stated element type."""
    given = site.stated()
    site.require(given.shape == site.operands[0].shape, "convert keeps the shape")
    return (given,)


def bitcast_convert(site: Site) -> Types:
    """Same bits: equal shapes, or one innermost axis more on the side of the narrower type."""
    (x,), given = site.operands, site.stated()
    wide, narrow = bit_width(x.dtype), bit_width(given.dtype)
    if wide == narrow:
        expected = x.shape
    elif wide > narrow:
        expected = (*x.shape, wide // narrow)
    else:
        site.require(
            x.rank > 0 and x.shape[-1] == narrow // wide, f"innermost axis must be {narrow // wide}"
        )
        expected = x.shape[:-1]
    site.require(given.shape == expected, f"result shape must be {expected}")
    return (given,)


def constant(site: Site) -> Types:
    """The value's type."""
    return (site.stated(),)


def iota(site: Site) -> Types:
    """A stated numeric type with the dimension in range."""
    given = site.stated()
    site.require(given.dtype in INTS | FLOATS, "iota must be numeric")
    site.require(
        0 <= site.attributes["iota_dimension"] < given.rank, "iota_dimension must be an axis"
    )
    return (given,)


def broadcast_in_dim(site: Site) -> Types:
    """Operand axis i becomes result axis ``broadcast_dimensions[i]``; sizes agree or are 1."""
    (x,), given = site.operands, site.stated()
    axes = site.axes("broadcast_dimensions", given.rank)
    site.require(len(axes) == x.rank, "broadcast_dimensions must name one axis per operand axis")
    site.require(given.dtype == x.dtype, "the element type stays")
    for size, axis in zip(x.shape, axes, strict=True):
        site.require(size in (1, given.shape[axis]), "operand sizes must be 1 or the result's")
    return (given,)


def reshape(site: Site) -> Types:
    """Same number of elements, stated shape."""
    (x,), given = site.operands, site.stated()
    site.require(given.dtype == x.dtype, "the element type stays")
    site.require(given.size == x.size, f"the number of elements stays ({x.size}, not {given.size})")
    return (given,)


def transpose(site: Site) -> Types:
    """Result axis i is operand axis ``permutation[i]``."""
    (x,) = site.operands
    permutation = site.axes("permutation", x.rank)
    site.require(len(permutation) == x.rank, "permutation must name every axis")
    return (TensorType(tuple(x.shape[axis] for axis in permutation), x.dtype),)


def reverse(site: Site) -> Types:
    """The operand's type."""
    site.axes("dimensions", site.operands[0].rank)
    return (site.operands[0],)


def slice_(site: Site) -> Types:
    """``ceil((limit - start) / stride)`` along each axis."""
    (x,) = site.operands
    bounds = [site.attributes[key] for key in ("start_indices", "limit_indices", "strides")]
    site.require(
        all(len(bound) == x.rank for bound in bounds), "one start, limit and stride per axis"
    )
    shape = []
    for size, start, limit, stride in zip(x.shape, *bounds, strict=True):
        site.require(0 <= start <= limit <= size, "0 <= start <= limit <= size on each axis")
        site.require(stride > 0, "strides must be positive")
        shape.append(-(-(limit - start) // stride))
    return (TensorType(tuple(shape), x.dtype),)


def concatenate(site: Site) -> Types:
    """Sizes add up along ``dimension`` and agree elsewhere."""
    first = site.operands[0]
    axis = site.attributes["dimension"]
    site.require(0 <= axis < first.rank, "dimension must be an axis")

    def outside(x: TensorType) -> tuple[Any, ...]:
        return x.dtype, x.rank, x.shape[:axis], x.shape[axis + 1 :]

    site.require(
        all(outside(x) == outside(first) for x in site.operands), "operands must agree off the axis"
    )
    total = sum(x.shape[axis] for x in site.operands)
    return (TensorType((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype),)


def pad(site: Site) -> Types:
    """``low + size + (size - 1) * interior + high`` along each axis.

    Low and high may be negative.
    """
    x, value = site.operands
    site.require(
        value == TensorType((), x.dtype), "the padding value must be rank 0, of the operand's type"
    )
    edges = [
        site.attributes[key]
        for key in ("edge_padding_low", "edge_padding_high", "interior_padding")
    ]
    site.require(
        all(len(edge) == x.rank for edge in edges), "one low, high and interior amount per axis"
    )
    shape = []
    for size, low, high, interior in zip(x.shape, *edges, strict=True):
        site.require(interior >= 0, "interior padding must not be negative")
        shape.append(low + high + size + max(size - 1, 0) * interior)
    site.require(min(shape, default=0) >= 0, "result sizes must not be negative")
    return (TensorType(tuple(shape), x.dtype),)


def dot_general(site: Site) -> Types:
    """Batching axes, then the left's free axes, then the right's.

    The element type may be stated.
    """
    x, y = site.operands
    lb, lc = (site.axes(f"lhs_{kind}_dimensions", x.rank) for kind in ("batching", "contracting"))
    rb, rc = (site.axes(f"rhs_{kind}_dimensions", y.rank) for kind in ("batching", "contracting"))
    site.require(
        not set(lb) & set(lc) and not set(rb) & set(rc), "an axis batches or contracts, not both"
    )
    for left, right in ((lb, rb), (lc, rc)):
        site.require(
            tuple(x.shape[axis] for axis in left) == tuple(y.shape[axis] for axis in right),
            "batching and contracting axes must pair up with equal sizes",
        )
    shape = tuple(x.shape[axis] for axis in lb)
    shape += tuple(size for axis, size in enumerate(x.shape) if axis not in lb + lc)
    shape += tuple(size for axis, size in enumerate(y.shape) if axis not in rb + rc)
    return (TensorType(shape, site.given[0].dtype if site.given else x.dtype),)


def identity(site: Site) -> Types:
    """Results have the operands' types."""
    return tuple(site.operands)


def stated(site: Site) -> Types:
    """Results have the types that were stated (the verifier checks calls against functions)."""
    if site.given is None:
        site.fail("result types must be stated")
    return site.given


def custom_call(site: Site) -> Types:
    """A call of Python: results have the types that were stated; the target is ``fnx.callback``."""
    target, handle = site.attributes["call_target_name"], site.attributes["handle"]
    site.require(target == CALLBACK, f"the only target is {CALLBACK}")
    site.require(type(handle) is int and handle >= 0, "the handle must be the number of a callback")
    return stated(site)
