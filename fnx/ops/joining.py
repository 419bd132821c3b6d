"""Joining: ``concatenate``, and ``reverse``."""

from __future__ import annotations

from typing import Any

from fnx.core.avals import Aval
from fnx.core.primitive import Linear, Primitive
from fnx.core.trace import bind
from fnx.ops.checks import check_axes, check_equal_dtypes, fail, integers, listed
from fnx.ops.creation import zeros_like
from fnx.ops.layout import batched, move_axis
from fnx.ops.precision import one_array
from fnx.ops.slicing import slice

Ints = tuple[int, ...]


def _concatenate_type(*xs: Aval, dimension: int) -> tuple[Aval]:
    if not xs:
        fail("concatenate", "needs at least one operand")
    check_equal_dtypes("concatenate", *xs)
    check_axes("concatenate", xs[0], (dimension,), "dimension")

    def others(x: Aval) -> tuple[int, ...]:
        return (x.ndim, *x.shape[:dimension], *x.shape[dimension + 1 :])

    if any(others(x) != others(xs[0]) for x in xs):
        fail("concatenate", f"all sizes but those of axis {dimension} must agree, got {listed(xs)}")
    shape = list(xs[0].shape)
    shape[dimension] = sum(x.shape[dimension] for x in xs)
    return (Aval.of(tuple(shape), xs[0].dtype, all(x.weak for x in xs)),)


def _concatenate_jvp(
    primals: tuple[Any, ...], tangents: tuple[Any, ...], outs: tuple[Any], *, dimension: int
) -> tuple[Any]:
    ts = [zeros_like(x) if t is None else t for x, t in zip(primals, tangents, strict=True)]
    return (concatenate(*ts, dimension=dimension),)


def _concatenate_transpose(
    cts: tuple[Any], inputs: tuple[Any, ...], *, dimension: int
) -> tuple[Any, ...]:
    (ct,) = cts
    if ct is None:
        return (None,) * len(inputs)
    results, offset = [], 0
    for x in inputs:
        shape = x.aval.shape if isinstance(x, Linear) else x.shape
        start, limit = [0] * len(shape), list(shape)
        start[dimension], limit[dimension] = offset, offset + shape[dimension]
        offset += shape[dimension]
        results.append(slice(ct, start=start, limit=limit) if isinstance(x, Linear) else None)
    return tuple(results)


def _concatenate_batch(
    inputs: tuple[Any, ...], axes: tuple[int | None, ...], size: int, *, dimension: int
) -> tuple[tuple[Any], tuple[int]]:
    xs = [batched(x, axis, size) for x, axis in zip(inputs, axes, strict=True)]
    return (concatenate(*xs, dimension=dimension + 1),), (0,)


concatenate_p = Primitive(
    name="concatenate",
    type=_concatenate_type,
    numpy=lambda xp, *xs, dimension: (xp.concatenate(xs, axis=dimension),),
    jvp=_concatenate_jvp,
    transpose=_concatenate_transpose,
    batch=_concatenate_batch,
    lower=lambda b, *xs, dimension: (b.concatenate(xs, dimension),),
)


def concatenate(*xs: Any, dimension: int) -> Any:
    """Arrays that agree in all other sizes, one after the other along an existing axis."""
    (dimension,) = integers("concatenate", "dimension", (dimension,))
    return bind(concatenate_p, *xs, dimension=dimension)[0]


def _reverse_type(x: Aval, *, dimensions: Ints) -> tuple[Aval]:
    check_axes("reverse", x, dimensions, "dimensions")
    return (x,)


def _reverse_batch(
    inputs: tuple[Any], axes: tuple[int], size: int, *, dimensions: Ints
) -> tuple[tuple[Any], tuple[int]]:
    x = move_axis(inputs[0], axes[0], 0)
    return (reverse(x, dimensions=tuple(d + 1 for d in dimensions)),), (0,)


reverse_p = Primitive(
    name="reverse",
    type=_reverse_type,
    numpy=one_array(lambda xp, x, *, dimensions: xp.flip(x, dimensions)),
    jvp=lambda primals, ts, outs, **params: (reverse(ts[0], **params),),
    transpose=lambda cts, inputs, **params: (
        None if cts[0] is None else reverse(cts[0], **params),
    ),
    batch=_reverse_batch,
    lower=lambda b, x, *, dimensions: (b.reverse(x, dimensions),),
)


def reverse(x: Any, *, dimensions: Ints) -> Any:
    """The elements in the opposite order along each of ``dimensions``."""
    return bind(reverse_p, x, dimensions=integers("reverse", "dimensions", dimensions))[0]
