"""Errors: every exception of ours that a user can meet: what came in, where, what to write."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Protocol

__all__ = [
    "AbstractValueError",
    "AssertionCheckError",
    "AxisError",
    "CallbackError",
    "CheckError",
    "DeletedArrayError",
    "DerivativeError",
    "DivisionCheckError",
    "FnxAttributeError",
    "FnxError",
    "FnxIndexError",
    "FnxMemoryError",
    "FnxOverflowError",
    "FnxTypeError",
    "FnxValueError",
    "GradTypeError",
    "IndexCheckError",
    "KeyReuseError",
    "LeakedTracerError",
    "NanError",
    "OverflowCheckError",
    "ParseError",
    "RuleError",
    "TreeError",
    "UnboundAxisError",
    "VerifyError",
]


class Place(Protocol):
    """A user's line of code; `fnx.core.sources.Source` is one."""

    def describe(self) -> str:
        """For example ``train.py:41, in loss:  y = x @ w``."""


class FnxError(Exception):
    """Base of all errors of fnx.

    Args:
        message: what came in and what was expected.
        source: the user's line at which it happened, if that is known.
        hint: what to write instead.

    >>> print(FnxError("add: shapes differ", hint="Broadcast one of them."))
    add: shapes differ
      Broadcast one of them.
    """

    def __init__(self, message: str, *, source: Place | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.message]
        if self.source is not None:
            lines.append(f"  in {self.source.describe()}")
        if self.hint:
            lines.extend(f"  {line}" for line in self.hint.splitlines())
        return "\n".join(lines)


class FnxTypeError(FnxError, TypeError):
    """Operands of a type, shape or dtype that an operation does not take."""


class FnxValueError(FnxError, ValueError):
    """A value out of the range that an operation takes."""


class FnxIndexError(FnxError, IndexError):
    """An index that an array does not have."""


class FnxAttributeError(FnxError, AttributeError):
    """A name that a module or an array does not have."""


class FnxOverflowError(FnxValueError, OverflowError):
    """A number that a dtype does not hold."""


class FnxMemoryError(FnxError, MemoryError):
    """An array for which there is no memory."""


class DeletedArrayError(FnxError, RuntimeError):
    """An array was used after its buffer was donated to a jitted function or deleted.

    Example: ``fnx.jit(f, donate_argnums=0)(x)``, and then ``x + 1``.
    """


class AbstractValueError(FnxTypeError):
    """Python asked for the value of something that is known by shape and dtype only.

    Example: ``fnx.jit(lambda x: x if x > 0 else -x)(1.0)``.
    """


class LeakedTracerError(FnxError, RuntimeError):
    """A traced value was used outside of the function whose trace it belongs to.

    Example: a function given to ``fnx.jit`` appends an intermediate value to a global list.
    """


class GradTypeError(FnxTypeError):
    """``grad`` of what has no gradient: a result that is no scalar, or an integer argument.

    Example: ``fnx.grad(lambda x: x)(fnx.numpy.ones(3))``.
    """


class DerivativeError(FnxTypeError):
    """An operation was differentiated in a way that has no rule, and why it has none."""


class CallbackError(FnxTypeError):
    """A callback returned something else than was promised for it.

    Example: ``fnx.pure_callback(np.sin, fnx.ShapeDtypeStruct((3,), "float32"), 1.0)``.
    """


class KeyReuseError(FnxValueError):
    """A random key was used twice, so that the second use gives the same bits again.

    Only where it is looked for: ``with fnx.random.debug_key_reuse():``.
    """


class RuleError(FnxTypeError):
    """A rule of a primitive that was made outside of fnx returned something that does not fit."""


class AxisError(FnxValueError):
    """An axis to map over that does not exist, does not fit the argument, or has another size.

    Example: ``fnx.vmap(f, in_axes=(0, 1, 2))(x, y)``.
    """


class TreeError(FnxValueError):
    """Pytrees that should have the same structure and do not, or that cannot be taken apart.

    Example: ``fnx.tree.map(max, {"a": 1}, {"b": 1})``.
    """


class UnboundAxisError(FnxError, NameError):
    """A collective over an axis that no enclosing `vmap` has given this name to.

    Example: ``fnx.vmap(lambda x: fnx.lax.psum(x, "j"), axis_name="i")(x)``.
    """


class VerifyError(FnxError, AssertionError):
    """A program breaks an invariant of its IR: a bug in whatever made the program."""


class ParseError(FnxValueError):
    """Text that is no program of ours."""


class CheckError(FnxError):
    """A check of a sanitiser build, or of `fnx.checkify`, failed while a program ran.

    Attributes:
        kind: the name of the check: "nan", "overflow", "index", "div" or "user".
        primitive: the operation that failed.
        index: the element of its result (for "index", of its indices), as a tuple.
        operands: the operands at that element, where that has a meaning.
        iterations: in loops, the numbers of the iterations, the outermost first.
    """

    kind: str = ""
    primitive: str = ""
    index: tuple[int, ...] = ()
    operands: tuple[object, ...] = ()
    iterations: tuple[int, ...] = ()


class NanError(CheckError, FloatingPointError):
    """A NaN came out of operands without one.

    Example: ``fnx.jit(fnx.numpy.log, check="nan")(-1.0)``.
    """


class OverflowCheckError(CheckError, OverflowError):
    """A result does not fit in its dtype.

    Example: ``fnx.jit(lambda x: x * x, check="overflow")(100_000)``.
    """


class IndexCheckError(CheckError, IndexError):
    """An index that was computed lies outside of the array.

    Example: ``fnx.jit(lambda x, i: x[i], check="index")(fnx.numpy.ones(3), 5)``.
    """


class DivisionCheckError(CheckError, ZeroDivisionError):
    """A division by zero.

    Example: ``fnx.jit(lambda x: 1.0 / x, check="div")(0.0)``.
    """


class AssertionCheckError(CheckError, ValueError):
    """What `fnx.checkify.check` asserts is not so."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question that names the nearest of the known names; empty if none is near.

    >>> did_you_mean("float33", ["float32", "int32"])
    "Did you mean 'float32'? "
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"Did you mean {near[0]!r}? " if near else ""


def __dir__() -> list[str]:
    return sorted(__all__)
