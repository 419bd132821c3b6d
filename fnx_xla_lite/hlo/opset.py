"""The op table: each operation's attributes, shape rule, NumPy meaning and algebraic facts.

One row per operation; everything else (builder, parser, verifier, interpreter, passes, fusion,
backends) looks things up here. Names and attributes are StableHLO's
(https://openxla.org/stablehlo/spec) and CHLO's; ``fusion`` is ours, ``call`` is ``func``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fnx_xla_lite.errors import UnsupportedOpError, VerifyError
from fnx_xla_lite.hlo import indexing, numerics, shapes, shapes_indexing, structural
from fnx_xla_lite.hlo.dtypes import FLOATS, INTS, SIGNED, highest, lowest, to_numpy
from fnx_xla_lite.hlo.ir import Instruction
from fnx_xla_lite.hlo.shapes import ShapeRule, Site, Types

Meaning = Callable[..., Any]
BOOL = frozenset({"i1"})
NUMBERS = FLOATS | INTS
ANY = NUMBERS | BOOL


@dataclass(frozen=True, slots=True, kw_only=True)
class OpDef:
    """What is known of one operation.

    Attributes:
        name: StableHLO's name without its dialect.
        dialect: ``stablehlo``, ``chlo``, ``func`` or ``fnx``.
        arity: number of operands, or None if it varies.
        infer: shape rule, ``Site -> result types``.
        attributes: names of the attributes that must be present.
        optional: attributes that may be left out, with their defaults.
        regions: number of regions, or None if it varies.
        numpy: meaning of a region-free operation: ``(instruction, *arrays) -> array``; None for
        those with regions. elementwise: one scalar operation per element; operands are shaped as
        the result or (for the predicate of
            ``select`` and the bounds of ``clamp``) have rank 0.
        commutative: ``f(x, y) == f(y, x)``.
        associative: ``f(f(x, y), z) == f(x, f(y, z))`` up to rounding, so it may be the body of a
        reduction. identity: the element ``e`` of a type with ``f(e, x) == x``, if there is one.
        flops: arithmetic cost of one element, in additions. transcendental: whether it is evaluated
        by a polynomial or a library.
    """

    name: str
    arity: int | None
    infer: ShapeRule
    dialect: str = "stablehlo"
    attributes: tuple[str, ...] = ()
    optional: Mapping[str, Any] = field(default_factory=dict)
    regions: int | None = 0
    numpy: Meaning | None = None
    elementwise: bool = False
    commutative: bool = False
    associative: bool = False
    identity: Callable[[str], np.generic] | None = None
    flops: int = 0
    transcendental: bool = False


def _scalar_meaning(name: str) -> Meaning:
    function = numerics.SCALAR[name]
    return lambda _, *arrays: function(*arrays)


def _scalar(name: str, arity: int, kinds: frozenset[str], flops: int, **facts: Any) -> OpDef:
    """An elementwise operation whose operands and result have one type."""
    facts.setdefault("infer", shapes.same(kinds))
    if "numpy" not in facts:
        facts["numpy"] = _scalar_meaning(name)
    return OpDef(name=name, arity=arity, flops=flops, elementwise=True, **facts)


def _function(name: str, flops: int, dialect: str = "stablehlo", arity: int = 1) -> OpDef:
    """A transcendental function of floats."""
    return _scalar(name, arity, FLOATS, flops, dialect=dialect, transcendental=True)


def _monoid(name: str, kinds: frozenset[str], identity: Callable[[str], np.generic]) -> OpDef:
    """A commutative, associative binary operation."""
    facts = {"commutative": True, "associative": True, "identity": identity}
    return _scalar(name, 2, kinds, 1, **facts)


def _number(value: int) -> Callable[[str], np.generic]:
    return lambda dtype: to_numpy(dtype).type(value)


def _all_ones(dtype: str) -> np.generic:
    return np.True_ if dtype == "i1" else np.invert(to_numpy(dtype).type(0))


_UNARY = (
    _scalar("abs", 1, FLOATS | SIGNED, 1),
    _scalar("negate", 1, NUMBERS, 1),
    _scalar("sign", 1, FLOATS | SIGNED, 2),
    _scalar("not", 1, INTS | BOOL, 1),
    _scalar("popcnt", 1, INTS, 4),
    _scalar("count_leading_zeros", 1, INTS, 4),
    _scalar("is_finite", 1, FLOATS, 1, infer=shapes.is_finite),
    _scalar("ceil", 1, FLOATS, 1),
    _scalar("floor", 1, FLOATS, 1),
    _scalar("round_nearest_afz", 1, FLOATS, 3),
    _scalar("round_nearest_even", 1, FLOATS, 1),
    _scalar("sqrt", 1, FLOATS, 6),
    _scalar("rsqrt", 1, FLOATS, 8),
    _scalar("square", 1, NUMBERS, 1, dialect="chlo"),
    _function("cbrt", 20),
    _function("cosine", 20),
    _function("exponential", 12),
    _function("exponential_minus_one", 20),
    _function("log", 15),
    _function("log_plus_one", 20),
    _function("logistic", 16),
    _function("sine", 20),
    _function("tan", 30),
    _function("tanh", 16),
    *(_function(name, 20, "chlo") for name in ("acos", "asin", "atan", "sinh", "cosh")),
    *(_function(name, 25, "chlo") for name in ("acosh", "asinh", "atanh")),
    *(_function(name, 25, "chlo") for name in ("erf", "erfc", "erf_inv")),
    *(_function(name, 60, "chlo") for name in ("lgamma", "digamma")),
)
_BINARY = (
    _monoid("add", ANY, _number(0)),  # float identity is -0.0 in truth: 0.0 + -0.0 == 0.0
    _monoid("multiply", ANY, _number(1)),
    _monoid("maximum", ANY, lowest),
    _monoid("minimum", ANY, highest),
    _monoid("and", INTS | BOOL, _all_ones),
    _monoid("or", INTS | BOOL, _number(0)),
    _monoid("xor", INTS | BOOL, _number(0)),
    _scalar("subtract", 2, NUMBERS, 1),
    _scalar("divide", 2, NUMBERS, 5),
    _scalar("remainder", 2, NUMBERS, 10),
    _scalar("power", 2, NUMBERS, 40, transcendental=True),
    _function("atan2", 30, arity=2),
    _scalar("shift_left", 2, INTS, 1),
    _scalar("shift_right_arithmetic", 2, INTS, 1),
    _scalar("shift_right_logical", 2, INTS, 1),
)
_MIXED = (
    _scalar(
        "compare",
        2,
        ANY,
        1,
        infer=shapes.compare,
        attributes=("comparison_direction",),
        optional={"compare_type": None},
        numpy=lambda i, x, y: numerics.compare(x, y, i.attributes["comparison_direction"]),
    ),
    _scalar("select", 3, ANY, 1, infer=shapes.select),
    _scalar("clamp", 3, NUMBERS, 2, infer=shapes.clamp),
    _scalar("convert", 1, ANY, 1, infer=shapes.convert, numpy=structural.convert),
    _scalar(
        "bitcast_convert", 1, ANY, 0, infer=shapes.bitcast_convert, numpy=structural.bitcast_convert
    ),
)


def _structural(
    name: str, arity: int | None, infer: ShapeRule, attributes: str, numpy: Meaning, **more: Any
) -> OpDef:
    return OpDef(
        name=name,
        arity=arity,
        infer=infer,
        attributes=tuple(attributes.split()),
        numpy=numpy,
        **more,
    )


_DOT_AXES = (
    "lhs_batching_dimensions rhs_batching_dimensions "
    "lhs_contracting_dimensions rhs_contracting_dimensions"
)
_GATHER_DEFAULTS = {
    "operand_batching_dims": (),
    "start_indices_batching_dims": (),
    "indices_are_sorted": False,
}
_SCATTER_DEFAULTS = {
    "input_batching_dims": (),
    "scatter_indices_batching_dims": (),
    "indices_are_sorted": False,
    "unique_indices": False,
}
_STRUCTURAL = (
    _structural("constant", 0, shapes.constant, "value", structural.constant),
    _structural("iota", 0, shapes.iota, "iota_dimension", structural.iota),
    _structural(
        "broadcast_in_dim",
        1,
        shapes.broadcast_in_dim,
        "broadcast_dimensions",
        structural.broadcast_in_dim,
    ),
    _structural("reshape", 1, shapes.reshape, "", structural.reshape),
    _structural("transpose", 1, shapes.transpose, "permutation", structural.transpose),
    _structural("reverse", 1, shapes.reverse, "dimensions", structural.reverse),
    _structural(
        "slice", 1, shapes.slice_, "start_indices limit_indices strides", structural.slice_
    ),
    _structural("concatenate", None, shapes.concatenate, "dimension", structural.concatenate),
    _structural(
        "pad", 2, shapes.pad, "edge_padding_low edge_padding_high interior_padding", structural.pad
    ),
    _structural(
        "dot_general",
        2,
        shapes.dot_general,
        _DOT_AXES,
        structural.dot_general,
        optional={"precision_config": None},
    ),
    _structural(
        "dynamic_slice", None, shapes_indexing.dynamic_slice, "slice_sizes", indexing.dynamic_slice
    ),
    _structural(
        "dynamic_update_slice",
        None,
        shapes_indexing.dynamic_update_slice,
        "",
        indexing.dynamic_update_slice,
    ),
    _structural(
        "gather",
        2,
        shapes_indexing.gather,
        "offset_dims collapsed_slice_dims start_index_map index_vector_dim slice_sizes",
        indexing.gather,
        optional=_GATHER_DEFAULTS,
    ),
    _structural("optimization_barrier", None, shapes.identity, "", structural.optimization_barrier),
)
_WITH_REGIONS = (
    OpDef(
        name="reduce",
        arity=None,
        infer=shapes_indexing.reduce,
        attributes=("dimensions",),
        regions=1,
    ),
    OpDef(
        name="reduce_window",
        arity=2,
        infer=shapes_indexing.reduce_window,
        regions=1,
        attributes=(
            "window_dimensions",
            "window_strides",
            "base_dilations",
            "window_dilations",
            "padding",
        ),
    ),
    OpDef(
        name="scatter",
        arity=3,
        infer=shapes_indexing.scatter,
        regions=1,
        attributes=(
            "update_window_dims",
            "inserted_window_dims",
            "scatter_dims_to_operand_dims",
            "index_vector_dim",
        ),
        optional=_SCATTER_DEFAULTS,
    ),
    OpDef(name="while", arity=None, infer=shapes_indexing.while_, regions=2),
    OpDef(name="case", arity=1, infer=shapes_indexing.case, regions=None),
    OpDef(name="if", arity=1, infer=shapes_indexing.case, regions=2),
    OpDef(name="call", dialect="func", arity=None, infer=shapes.stated, attributes=("callee",)),
    OpDef(
        name="custom_call",
        arity=None,
        infer=shapes.custom_call,
        attributes=("call_target_name", "handle"),
        optional={"has_side_effect": False},
    ),
    OpDef(name="fusion", dialect="fnx", arity=None, infer=shapes_indexing.fusion, regions=1),
)

OPS: dict[str, OpDef] = {
    op.name: op for op in (*_UNARY, *_BINARY, *_MIXED, *_STRUCTURAL, *_WITH_REGIONS)
}
SCALAR_OPS = frozenset(name for name, op in OPS.items() if op.elementwise)


def op_def(name: str) -> OpDef:
    """The row of ``name``.

    Raises:
        UnsupportedOpError: there is none.
    """
    row = OPS.get(name)
    if row is None:
        raise UnsupportedOpError(
            f"operation {name!r} is not one that this compiler has (hlo/opset.py)"
        )
    return row


def infer(site: Site) -> Types:
    """The result types of ``site`` by its operation's shape rule.

    Raises:
        VerifyError: the rule does not hold, or an attribute is of a kind that it cannot read.
    """
    try:
        return op_def(site.op).infer(site)
    except (TypeError, IndexError, AttributeError, KeyError):
        site.fail("attributes must be whole numbers and tuples of them, as StableHLO has them")
    except VerifyError:
        raise
    except ValueError:  # strict zips over attributes of different lengths
        site.fail("attributes must have as many entries as there are axes")


def attribute(instr: Instruction, key: str) -> Any:
    """The attribute ``key`` of an instruction, or its default."""
    found = instr.attributes.get(key)
    return OPS[instr.op].optional.get(key) if found is None else found
