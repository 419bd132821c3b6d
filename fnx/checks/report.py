"""Report: the error for an equation that failed a check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx.checks.classes import class_of
from fnx.checks.indices import last_of_vectors
from fnx.checks.kinds import ERRORS
from fnx.checks.replay import Failure
from fnx.control.effects.assertion import first_lane, format_message
from fnx.core.eager import aval_of
from fnx.core.sources import Source
from fnx.errors import CheckError

_HINTS = {
    "nan": "Keep operands inside of the domain, for example fnx.numpy.where(x > 0, x, 1.0) before "
    "the operation.",
    "overflow": "Use a wider dtype, or keep the operands smaller.",
    "index": "Without the check, the index is moved inside of the array, or the update left out.",
    "div": "Replace a divisor of zero before the division: fnx.numpy.where(y == 0, 1, y).",
    "user": "",
}
_INFINITE = (
    'An operand is infinite already: check="nan,overflow" names the operation that made it so, '
    "unless it came in as an argument."
)
_POLE = (
    "Keep the operand away from zero, for example fnx.numpy.where(x > 0, x, 1.0) before the "
    "operation."
)
_MOST = 3  # operands listed, and extreme values of each


def error_of(failure: Failure, program: str) -> CheckError:
    """The error to raise.

    Args:
        failure: what `replay` found.
        program: the name of the function that was called.
    """
    index = failure.index
    kind, eqn = failure.kind, failure.eqn
    operands = _operands_at(failure, index)
    message = f"{program}: {_what(failure, index)}"
    lines = [message, *_operand_lines(failure, index, operands)]
    if failure.path:
        lines.append(f"in iteration {', '.join(map(str, failure.path))} of the loop around it")
    count = int(np.count_nonzero(failure.mask))
    if count > 1:
        lines.append(f"{count} of {failure.mask.size} elements fail; this is the first")
    lines += _origin_lines(eqn.source)
    hint = _hint(failure, operands)
    error = ERRORS[kind]("\n  ".join(lines), source=eqn.source, hint=hint)
    error.kind, error.primitive, error.index = kind, eqn.primitive.name, index
    error.operands = operands
    error.iterations = failure.path
    return error


def _what(failure: Failure, index: tuple[int, ...]) -> str:
    """What failed, in a line."""
    name = failure.eqn.primitive.name
    if failure.kind == "user":
        return _assertion(failure)
    if failure.kind == "index":
        return _index_text(failure, index)
    out, aval = np.asarray(failure.outs[0]), aval_of(failure.outs[0])
    at = f" at {_place(index)}" if index else ""
    value = _number(out[index])
    if failure.kind == "overflow" and out.dtype.kind in "iu":
        return f"{name} overflowed{at}: the result {aval} holds {value}, which is not the value"
    words = {
        "nan": "from operands without NaN",
        "overflow": "from finite operands",
        "div": "by a division by zero",
    }
    where = f"{at} of its result" if at else " as its result"
    return f"{name} made {value}{where} {aval}, {words[failure.kind]}"


def _hint(failure: Failure, operands: Sequence[Any]) -> str:
    """What to do about it: an infinite operand is an older fault, a zero is a pole."""
    kind, name = failure.kind, failure.eqn.primitive.name
    if kind == "nan" and any(_is_infinite(x) for x in operands or failure.ins):
        return _INFINITE
    if kind == "overflow" and any(not x for x in operands):
        is_divisor = name in ("div", "rem") and not operands[1]
        is_float = np.asarray(failure.outs[0]).dtype.kind not in "iub"
        return _HINTS["div"] if is_divisor else _POLE if is_float else _HINTS[kind]
    return _HINTS[kind]


def _is_infinite(x: Any) -> bool:
    """Whether an element is an infinity; keys and integers have none."""
    array = np.asarray(x)
    return array.dtype.kind not in "iub" and bool(np.isinf(array.astype(np.float64)).any())


def _assertion(failure: Failure) -> str:
    params = failure.eqn.params
    arrays = [np.asarray(x) for x in failure.ins]
    values, _ = first_lane(arrays[0], tuple(arrays[1:]))
    return format_message(params["message"], params["names"], values)


def _index_text(failure: Failure, index: tuple[int, ...]) -> str:
    """Which index is outside of what."""
    name, position = failure.eqn.primitive.name, failure.operand
    assert position is not None
    array = aval_of(failure.ins[0])
    value = _index_value(failure, index)
    params = failure.eqn.params
    if name in ("gather", "scatter"):
        last = last_of_vectors(name, params, failure.ins)[index[-1]]
        axis = params["start_index_map"][index[-1]]
        at = f" (at {_place(index[:-1])} of the indices)" if index[:-1] else ""
    else:
        first = 1 if name == "dynamic_slice" else 2
        axis, at = position - first, ""
        sizes = params["sizes"] if first == 1 else aval_of(failure.ins[1]).shape
        last = array.shape[axis] - sizes[axis]
    size = array.shape[axis]
    inside = f"0 to {last}" if last >= 0 else "none"
    return (
        f"{name}: index {value}{at} is out of range for axis {axis} of {array}; "
        f"possible {'starts' if last != size - 1 else 'indices'}: {inside}"
    )


def _index_value(failure: Failure, index: tuple[int, ...]) -> int:
    if failure.written is not None:
        return failure.written
    assert failure.operand is not None
    return int(np.asarray(failure.ins[failure.operand])[index])


def _operands_at(failure: Failure, index: tuple[int, ...]) -> tuple[Any, ...]:
    """The operands at the element, where they have that element."""
    if failure.kind == "index":
        return (_index_value(failure, index),)
    if failure.kind == "user":
        return tuple([np.asarray(x)[index] for x in failure.ins[1:]])
    if not class_of(failure.eqn.primitive).is_pointwise:
        return ()
    arrays = [np.asarray(x) for x in failure.ins]
    return tuple([x[index] if x.ndim else x[()] for x in arrays])


def _operand_lines(failure: Failure, index: tuple[int, ...], operands: Sequence[Any]) -> list[str]:
    if failure.kind in ("index", "user"):
        return []
    if operands:
        pairs = zip(operands, failure.ins, strict=True)
        values = ", ".join([f"{_number(v)} of {aval_of(x)}" for v, x in pairs])
        return [f"operands there: {values}" if index else f"operands: {values}"]
    return [f"operand {i}: {_summary(x)}" for i, x in enumerate(failure.ins[:_MOST])]


def _summary(x: Any) -> str:
    """The range of an operand, and how many of its elements are not finite."""
    array = np.asarray(x)
    if not array.size:
        return f"{aval_of(x)}, empty"
    wide = array.astype(np.float64) if array.dtype.kind not in "iub" else array
    finite = wide[np.isfinite(wide)]
    span = f"from {_number(finite.min())} to {_number(finite.max())}" if finite.size else ""
    odd = [("inf", np.sum(wide == np.inf)), ("-inf", np.sum(wide == -np.inf))]
    odd.append(("nan", np.sum(wide != wide)))
    counts = [f"{count} times {name}" for name, count in odd if count]
    return f"{aval_of(x)}, " + ", ".join([part for part in [span, *counts] if part])


def _number(x: Any) -> str:
    return str(x.item()) if hasattr(x, "item") else str(x)


def _place(index: tuple[int, ...]) -> str:
    return f"element {index}" if len(index) > 1 else f"element {index[0]}"


def _origin_lines(source: Source | None) -> list[str]:
    """For a backward equation: that it is one, and who asked for it."""
    if source is None or source.origin is None:
        return []
    lines = [f"in the {source.origin.describe()} of the equation written in the line below"]
    if source.origin.called is not None:
        lines.append(f"which was asked for in {source.origin.called.describe()}")
    return lines
