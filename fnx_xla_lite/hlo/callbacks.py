"""Callbacks: Python functions that a program calls while it runs.

A ``custom_call`` names its function by number (``handle``) in the module's ``callbacks``; the text
of a module holds the number only. The contract of ``callback(*arrays)``:

* it is given one read-only NumPy array for each operand, which is its own: it may keep them;
* it returns a tuple or list of one array (or NumPy scalar) for each result, of the result's exact
  type; what it returns is copied;
* what it raises ends the program's run, and reaches whoever started that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fnx_xla_lite.errors import VerifyError
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.ir import HloModule, Instruction, TensorType
from fnx_xla_lite.hlo.regions import walk

Callback = Callable[..., Sequence[np.ndarray]]


def call_back(
    callback: Callback, operands: Sequence[np.ndarray], types: Sequence[TensorType]
) -> tuple[np.ndarray, ...]:
    """Call a function by the contract above.

    Args:
        callback: the function.
        operands: arrays, which are copied.
        types: of the results.

    Raises:
        TypeError: it returned something else than it should have.
    """
    results = callback(*map(own_copy, operands))
    found = tuple(results) if isinstance(results, tuple | list) else ()
    if len(found) != len(types) or not all(map(_fits, found, types)):
        got = [f"{x.dtype}{list(x.shape)}" if hasattr(x, "dtype") else x for x in found]
        raise TypeError(
            f"a callback must return {len(types)} arrays of types {', '.join(map(str, types))}; "
            f"got {got or results!r:.200}"
        )
    return tuple(map(np.asarray, found))


def own_copy(x: np.ndarray) -> np.ndarray:
    """A read-only copy."""
    copy = np.array(x, order="C")
    copy.flags.writeable = False
    return copy


def _fits(x: Any, kind: TensorType) -> bool:
    return (
        isinstance(x, np.ndarray | np.generic)
        and x.shape == kind.shape
        and x.dtype == to_numpy(kind.dtype)
    )


def check_bound(module: HloModule) -> None:
    """Check that the module has every callback that it names.

    Raises:
        VerifyError: with the number of the first one that is missing.
    """
    for function in module.functions:
        for instr in walk(function.body):
            if instr.op == "custom_call" and instr.attributes["handle"] >= len(module.callbacks):
                raise _unbound(instr, len(module.callbacks))


def _unbound(instr: Instruction, count: int) -> VerifyError:
    place = f" at {instr.location}" if instr.location else ""
    return VerifyError(
        f"custom_call{place}: the program calls Python function {instr.attributes['handle']}, "
        f"and was given {count}: pass them, compile(text, callbacks=[f, ...]); their text is not "
        "in the program"
    )
