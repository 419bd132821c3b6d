"""Oracles: closeness that explains itself, differences, products, and vmap as a Python loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fnx.core.dtypes import FLOAT64, FLOATS

STEP = 1e-5
LONGEST_NOTE = 6000  # characters; drawn constants can be long
Flat = Callable[[Sequence[np.ndarray]], Sequence[Any]]


def assert_close(actual: Any, expected: Any, tolerance: float, note: Any = "") -> None:
    """Equal shapes and dtypes; floats within ``tolerance * max(1, |expected|)``, others equal.

    Infinities equal themselves, and so does NaN.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    _assert_same_type(actual, expected, note)
    if actual.dtype in FLOATS:
        error = relative_error(actual.astype(FLOAT64), expected.astype(FLOAT64))
        wrong = ~(error <= tolerance)
    else:
        error, wrong = None, actual != expected
    if np.any(wrong):
        raise AssertionError(_explain(actual, expected, wrong, error, tolerance, note))


def _assert_same_type(actual: np.ndarray, expected: np.ndarray, note: Any) -> None:
    given, wanted = actual.shape, expected.shape
    assert given == wanted, f"shape {given}, expected {wanted}\n{note}"
    given, wanted = actual.dtype, expected.dtype
    assert given == wanted, f"dtype {given}, expected {wanted}\n{note}"


def relative_error(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """``|actual - expected| / max(1, |expected|)``; 0 where both are the same infinity or NaN."""
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(actual - expected) / np.maximum(1, np.abs(expected))
    return np.where(same, 0, error)


def _explain(
    actual: np.ndarray, expected: np.ndarray, wrong: np.ndarray, error: Any, limit: float, note: Any
) -> str:
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    worst = ""
    if error is not None:  # NaN where a number was expected is the worst error
        most = np.max(np.nan_to_num(error, nan=np.inf))
        worst = f", worst error {most:.3g}, allowed {limit:.3g}"
    return (
        f"{int(np.sum(wrong))} of {actual.size} elements differ{worst}; first at {list(first)}: "
        f"{actual[first]!r}, expected {expected[first]!r}\nactual {actual}\n"
        f"expected {expected}\n{str(note)[:LONGEST_NOTE]}"
    )


def assert_all_close(
    actual: Sequence[Any], expected: Sequence[Any], tolerance: float, note: Any = ""
) -> None:
    """`assert_close` for each of several results."""
    assert len(actual) == len(expected), f"{len(actual)} results, expected {len(expected)}\n{note}"
    for number, (x, y) in enumerate(zip(actual, expected, strict=True)):
        assert_close(x, y, tolerance, f"result {number} of\n{note}")


def assert_same_bits(actual: Sequence[Any], expected: Sequence[Any], note: Any = "") -> None:
    """The same bytes, but for the payload and sign of NaN."""
    assert len(actual) == len(expected), note
    for x, y in zip(actual, expected, strict=True):
        a, b = np.asarray(x), np.asarray(y)
        _assert_same_type(a, b, note)
        same = np.all((a != a) == (b != b)) and _bits(a) == _bits(b)
        assert same, f"bits differ:\n{a}\nexpected\n{b}\n{str(note)[:LONGEST_NOTE]}"


def _bits(x: np.ndarray) -> bytes:
    return np.where(x != x, np.zeros_like(x), x).tobytes()


def central_difference(
    f: Flat, xs: Sequence[np.ndarray], ts: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """``(f(x + h t) - f(x - h t)) / 2h`` in float64: the directional derivative up to O(h^2)."""
    high, low = (
        [np.asarray(y) for y in f([x + sign * STEP * t for x, t in zip(xs, ts, strict=True)])]
        for sign in (1, -1)
    )
    return [_difference(a, b) / (2 * STEP) for a, b in zip(high, low, strict=True)]


def _difference(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """0 where both are the same infinity: the maximum of nothing."""
    return np.subtract(high, low, where=high != low, out=np.zeros(high.shape))


def inner(xs: Sequence[Any], ys: Sequence[Any]) -> float:
    """The sum of products of all elements, in float64; None is zero."""
    pairs = [(x, y) for x, y in zip(xs, ys, strict=True) if x is not None and y is not None]
    wide = [(np.asarray(x, FLOAT64).ravel(), np.asarray(y, FLOAT64).ravel()) for x, y in pairs]
    return float(sum(np.dot(x, y) for x, y in wide))


def loop_vmap(
    f: Callable[..., Sequence[Any]], xs: Sequence[np.ndarray], axes: Sequence[int | None], size: int
) -> list[list[np.ndarray]]:
    """``vmap`` as its definition says: for each row of the mapped arguments, the results."""
    rows = []
    for i in range(size):
        row = [x if a is None else np.take(x, i, a) for x, a in zip(xs, axes, strict=True)]
        rows.append([np.asarray(y) for y in f(*row)])
    return rows


def directions(rng: np.random.Generator, like: Sequence[np.ndarray]) -> list[np.ndarray]:
    """One random array for each, of its shape and dtype."""
    return [np.asarray(rng.uniform(-1, 1, x.shape)).astype(x.dtype) for x in like]


def said(error: BaseException) -> str:
    """The text of an error without the user's line, which may hold the words that a test wants."""
    return "\n".join(x for x in str(error).splitlines() if not x.startswith("  in "))
