"""The op table: each operation's attributes, shape rule, NumPy meaning and algebraic facts.

One row per operation; everything else (builder, parser, verifier, interpreter, passes, fusion,
backends) looks things up here. Names and attributes are StableHLO's
(https://openxla.org/stablehlo/spec) and CHLO's; ``fusion`` is ours, ``call`` is ``func``'s.
"""

from __future__ import annotations

from typing import Any

from fnx_xla_lite.errors import UnsupportedOpError, VerifyError
from fnx_xla_lite.hlo import indexing, numerics, shapes, shapes_indexing, structural
from fnx_xla_lite.hlo.dtypes import FLOATS, INTS, SIGNED, highest, lowest
from fnx_xla_lite.hlo.ir import Instruction
from fnx_xla_lite.hlo.op_rows import (
    ANY,
    BOOL,
    NUMBERS,
    OpDef,
    all_ones,
    function_row,
    monoid_row,
    number,
    scalar_row,
    structural_row,
)
from fnx_xla_lite.hlo.shapes import Site, Types

_UNARY = (
    scalar_row("abs", 1, FLOATS | SIGNED, 1),
    scalar_row("negate", 1, NUMBERS, 1),
    scalar_row("sign", 1, FLOATS | SIGNED, 2),
    scalar_row("not", 1, INTS | BOOL, 1),
    scalar_row("popcnt", 1, INTS, 4),
    scalar_row("count_leading_zeros", 1, INTS, 4),
    scalar_row("is_finite", 1, FLOATS, 1, infer=shapes.is_finite),
    scalar_row("ceil", 1, FLOATS, 1),
    scalar_row("floor", 1, FLOATS, 1),
    scalar_row("round_nearest_afz", 1, FLOATS, 3),
    scalar_row("round_nearest_even", 1, FLOATS, 1),
    scalar_row("sqrt", 1, FLOATS, 6),
    scalar_row("rsqrt", 1, FLOATS, 8),
    scalar_row("square", 1, NUMBERS, 1, dialect="chlo"),
    function_row("cbrt", 20),
    function_row("cosine", 20),
    function_row("exponential", 12),
    function_row("exponential_minus_one", 20),
    function_row("log", 15),
    function_row("log_plus_one", 20),
    function_row("logistic", 16),
    function_row("sine", 20),
    function_row("tan", 30),
    function_row("tanh", 16),
    *(function_row(name, 20, "chlo") for name in ("acos", "asin", "atan", "sinh", "cosh")),
    *(function_row(name, 25, "chlo") for name in ("acosh", "asinh", "atanh")),
    *(function_row(name, 25, "chlo") for name in ("erf", "erfc", "erf_inv")),
    *(function_row(name, 60, "chlo") for name in ("lgamma", "digamma")),
)
_BINARY = (
    monoid_row("add", ANY, number(0)),  # float identity is -0.0 in truth: 0.0 + -0.0 == 0.0
    monoid_row("multiply", ANY, number(1)),
    monoid_row("maximum", ANY, lowest),
    monoid_row("minimum", ANY, highest),
    monoid_row("and", INTS | BOOL, all_ones),
    monoid_row("or", INTS | BOOL, number(0)),
    monoid_row("xor", INTS | BOOL, number(0)),
    scalar_row("subtract", 2, NUMBERS, 1),
    scalar_row("divide", 2, NUMBERS, 5),
    scalar_row("remainder", 2, NUMBERS, 10),
    scalar_row("power", 2, NUMBERS, 40, transcendental=True),
    function_row("atan2", 30, arity=2),
    scalar_row("shift_left", 2, INTS, 1),
    scalar_row("shift_right_arithmetic", 2, INTS, 1),
    scalar_row("shift_right_logical", 2, INTS, 1),
)
_MIXED = (
    scalar_row(
        "compare",
        2,
        ANY,
        1,
        infer=shapes.compare,
        attributes=("comparison_direction",),
        optional={"compare_type": None},
        numpy=lambda i, x, y: numerics.compare(x, y, i.attributes["comparison_direction"]),
    ),
    scalar_row("select", 3, ANY, 1, infer=shapes.select),
    scalar_row("clamp", 3, NUMBERS, 2, infer=shapes.clamp),
    scalar_row("convert", 1, ANY, 1, infer=shapes.convert, numpy=structural.convert),
    scalar_row(
        "bitcast_convert", 1, ANY, 0, infer=shapes.bitcast_convert, numpy=structural.bitcast_convert
    ),
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
    structural_row("constant", 0, shapes.constant, "value", structural.constant),
    structural_row("iota", 0, shapes.iota, "iota_dimension", structural.iota),
    structural_row(
        "broadcast_in_dim",
        1,
        shapes.broadcast_in_dim,
        "broadcast_dimensions",
        structural.broadcast_in_dim,
    ),
    structural_row("reshape", 1, shapes.reshape, "", structural.reshape),
    structural_row("transpose", 1, shapes.transpose, "permutation", structural.transpose),
    structural_row("reverse", 1, shapes.reverse, "dimensions", structural.reverse),
    structural_row(
        "slice", 1, shapes.slice_, "start_indices limit_indices strides", structural.slice_
    ),
    structural_row("concatenate", None, shapes.concatenate, "dimension", structural.concatenate),
    structural_row(
        "pad", 2, shapes.pad, "edge_padding_low edge_padding_high interior_padding", structural.pad
    ),
    structural_row(
        "dot_general",
        2,
        shapes.dot_general,
        _DOT_AXES,
        structural.dot_general,
        optional={"precision_config": None},
    ),
    structural_row(
        "dynamic_slice", None, shapes_indexing.dynamic_slice, "slice_sizes", indexing.dynamic_slice
    ),
    structural_row(
        "dynamic_update_slice",
        None,
        shapes_indexing.dynamic_update_slice,
        "",
        indexing.dynamic_update_slice,
    ),
    structural_row(
        "gather",
        2,
        shapes_indexing.gather,
        "offset_dims collapsed_slice_dims start_index_map index_vector_dim slice_sizes",
        indexing.gather,
        optional=_GATHER_DEFAULTS,
    ),
    structural_row(
        "optimization_barrier", None, shapes.identity, "", structural.optimization_barrier
    ),
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
