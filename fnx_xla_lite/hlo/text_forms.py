"""The pretty syntax of each operation, as data that the printer and the parser share.

Most operations read ``dialect.op operands, keyword = value, ... : types``; a ``Form`` names their
keywords and the way their types are written. Operations with a syntax of their own (``constant
compare slice dot_general reduce while call custom_call``) have functions in the printer and the
parser; the rest are written in MLIR's generic form, with attributes between ``<{`` and ``}>``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fnx_xla_lite.hlo.opset import OPS

TypeStyle = Literal["same", "function", "arrow", "select", "list"]


@dataclass(frozen=True, slots=True)
class Form:
    """Keywords as (spelling, attribute, is a list), and how the types are written.

    ``same``: one type if all agree, else a function type; ``function``: ``(a, b) -> c``; ``arrow``:
    ``a -> c``; ``select``: the predicate's and the result's; ``list``: the operands'.
    """

    types: TypeStyle = "same"
    keywords: tuple[tuple[str, str, bool], ...] = ()


_KEYWORDS = {
    "broadcast_in_dim": Form("function", (("dims", "broadcast_dimensions", True),)),
    "transpose": Form("function", (("dims", "permutation", True),)),
    "reverse": Form("same", (("dims", "dimensions", True),)),
    "iota": Form("same", (("dim", "iota_dimension", False),)),
    "concatenate": Form("function", (("dim", "dimension", False),)),
    "pad": Form(
        "function",
        (
            ("low", "edge_padding_low", True),
            ("high", "edge_padding_high", True),
            ("interior", "interior_padding", True),
        ),
    ),
    "dynamic_slice": Form("function", (("sizes", "slice_sizes", True),)),
    "dynamic_update_slice": Form("function"),
    "reshape": Form("function"),
    "bitcast_convert": Form("function"),
    "is_finite": Form("function"),
    "select": Form("select"),
    "optimization_barrier": Form("list"),
}
_ELEMENTWISE = {
    name: Form("arrow" if row.dialect == "chlo" else "same")
    for name, row in OPS.items()
    if row.elementwise and name not in ("compare", *_KEYWORDS)
}
FORMS: dict[str, Form] = _ELEMENTWISE | _KEYWORDS

# Fields of the structs that StableHLO prints inside #stablehlo.gather<...>, in its order; the empty
# ones and zeros are left out.
STRUCT_FIELDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "gather": (
        "dimension_numbers",
        (
            "offset_dims",
            "collapsed_slice_dims",
            "operand_batching_dims",
            "start_indices_batching_dims",
            "start_index_map",
            "index_vector_dim",
        ),
    ),
    "scatter": (
        "scatter_dimension_numbers",
        (
            "update_window_dims",
            "inserted_window_dims",
            "input_batching_dims",
            "scatter_indices_batching_dims",
            "scatter_dims_to_operand_dims",
            "index_vector_dim",
        ),
    ),
}
