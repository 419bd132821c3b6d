"""Assertion: ``check``, which asserts that booleans are true, and has no result.

Run with values, it raises. In a program it is carried out by `fnx.checks`: as a result that says
what failed (`fnx.checkify`), or by a sanitiser build (``jit(f, check="user")``).
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import BOOL
from fnx.core.eager import aval_of
from fnx.core.primitive import NotDifferentiable, NotLinear, Primitive
from fnx.core.sources import current_source, user_source
from fnx.core.trace import bind
from fnx.errors import AssertionCheckError, FnxTypeError, FnxValueError
from fnx.ops.layout import batched

Values = tuple[Any, ...]


def check(pred: Any, message: str, *args: Any, debug: bool = False, **kwargs: Any) -> None:
    """Assert that ``pred`` is true.

    Args:
        pred: a boolean scalar.
        message: a format string for ``args`` and ``kwargs``.
        *args: arrays and numbers, the values to show.
        debug: whether a program may be compiled that leaves the assertion out.
        **kwargs: the same by name.
    """
    aval = aval_of(pred)
    if aval.shape or aval.dtype != BOOL:
        raise FnxTypeError(
            f"check: takes a boolean of rank 0, got {aval}.",
            source=user_source(),
            hint="Write (x > 0).all() for the elements of an array, or vmap the function.",
        )
    if not isinstance(message, str):
        raise FnxTypeError(
            f"check: the message must be a string, got {message!r:.60}.",
            source=user_source(),
            hint='Write for example check(x > 0, "x is {x}", x=x).',
        )
    _try_format(message, args, kwargs)
    names = tuple(kwargs)
    bind(
        check_p, pred, *args, *kwargs.values(),
        message=message, names=names, lanes=0, debug=debug,
    )  # fmt: skip


def _try_format(message: str, args: Values, kwargs: dict[str, Any]) -> None:
    """Raise now, with the user's line, what formatting would raise later."""
    zeros = [np.zeros(aval_of(x).shape, aval_of(x).dtype)[()] for x in (*args, *kwargs.values())]
    try:
        message.format(*zeros[: len(args)], **dict(zip(kwargs, zeros[len(args) :], strict=True)))
    except (IndexError, KeyError, ValueError, TypeError) as error:
        raise FnxValueError(
            f"check: the message {message!r} does not fit its arguments: {error!r}.",
            source=user_source(),
            hint='Write for example check(x > 0, "x is {x}, y is {}", y, x=x).',
        ) from None


def format_message(message: str, names: tuple[str, ...], values: Values) -> str:
    """The message with its values: positional ones first, then those with these names."""
    count = len(values) - len(names)
    shown = [x.item() if np.ndim(x) == 0 and hasattr(x, "item") else x for x in values]
    return message.format(*shown[:count], **dict(zip(names, shown[count:], strict=True)))


def first_lane(pred: np.ndarray, values: Values) -> tuple[Values, tuple[int, ...]]:
    """Of a batched assertion, the values of the first that is false, and its place."""
    place = np.unravel_index(int(np.argmin(pred)), pred.shape) if pred.ndim else ()
    return tuple([np.asarray(x)[place] for x in values]), tuple([int(i) for i in place])


def _numpy(
    xp: Any, pred: Any, *args: Any, message: str, names: tuple[str, ...], debug: bool, **_: Any
) -> Values:
    if not debug and not pred.all():
        values, _ = first_lane(np.asarray(pred), args)
        raise AssertionCheckError(format_message(message, names, values), source=user_source())
    return ()


def _batch(
    inputs: Values, axes: tuple[int | None, ...], size: int, *, lanes: int, **params: Any
) -> tuple[Values, Values]:
    moved = [batched(x, axis, size) for x, axis in zip(inputs, axes, strict=True)]
    return bind(check_p, *moved, lanes=lanes + 1, **params), ()


def _lower(b: Any, *operands: Any, debug: bool, message: str, **_: Any) -> Values:
    return () if debug else _not_carried_out(message)


def _not_carried_out(message: str) -> NoReturn:
    raise FnxValueError(
        f"check: an assertion cannot be compiled as it is: {message!r}.",
        source=current_source(),
        hint=(
            "Write err, out = fnx.jit(fnx.checkify.checkify(f))(x); err.throw(); or\n"
            'fnx.jit(f, check="user"), which raises by itself; or use debug_check, which such a\n'
            "program leaves out."
        ),
    )


def _type(pred: Aval, *args: Aval, lanes: int, **_: Any) -> tuple[Aval, ...]:
    if pred.dtype != BOOL or pred.ndim != lanes:
        raise FnxTypeError(f"check: takes a boolean of rank {lanes}, got {pred}")
    return ()


def _nothing(primals: Values, tangents: Values, **params: Any) -> tuple[Values, Values]:
    bind(check_p, *primals, **params)
    return (), ()


check_p = Primitive(
    name="check",
    type=_type,
    numpy=_numpy,
    jvp=NotDifferentiable("an assertion has no result"),
    transpose=NotLinear("an assertion has no result"),
    batch=_batch,
    lower=_lower,
    split=_nothing,
    effect=True,
)
