"""Canonical attributes: those of an operation as the op table has them, from those of the text."""

from __future__ import annotations

from typing import Any

from fnx_xla_lite.errors import VerifyError
from fnx_xla_lite.hlo.ir import Value
from fnx_xla_lite.hlo.opset import OPS
from fnx_xla_lite.hlo.text_attributes import as_plain, has_floats


def canonical(op: str, raw: dict[str, Any], operands: tuple[Value, ...]) -> dict[str, Any]:
    """Our attributes from MLIR's.

    Structs opened, integer arrays as tuples, defaults filled in, the unknown dropped.
    """
    opened: dict[str, Any] = {}
    for key, value in raw.items():
        opened.update(value if isinstance(value, dict) else {key: value})
    if op == "fusion":
        return opened
    row = OPS[op]
    result = dict(row.optional)
    result.update(_defaults(op, operands))
    for key in (*row.attributes, *row.optional):
        value = opened.get(key)
        if value is None:
            continue
        result[key] = value if key == "value" else as_plain(value)
        if key != "value" and has_floats(result[key]):
            raise VerifyError(f"{op}: attribute {key} must hold whole numbers, got {value}")
    return result


def _defaults(op: str, operands: tuple[Value, ...]) -> dict[str, Any]:
    """What StableHLO lets a text leave out."""
    if op in ("gather", "scatter"):
        keys = [key for key in OPS[op].attributes if key not in ("slice_sizes", "index_vector_dim")]
        return dict.fromkeys(keys, ()) | {"index_vector_dim": 0}
    if op == "dot_general":
        return dict.fromkeys(OPS[op].attributes, ())
    if op == "reduce_window" and operands:
        rank = operands[0].type.rank
        ones = dict.fromkeys(("window_strides", "base_dilations", "window_dilations"), (1,) * rank)
        return ones | {"padding": ((0, 0),) * rank}
    return {}
