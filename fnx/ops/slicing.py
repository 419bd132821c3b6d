"""Slicing: ``slice``, and ``pad``, its transpose."""

from __future__ import annotations

import builtins
from typing import Any

from fnx.core.avals import Aval
from fnx.core.eager import aval_of
from fnx.core.primitive import Linear, Primitive
from fnx.core.trace import bind
from fnx.ops.arithmetic import sub
from fnx.ops.checks import PYTHON_SCALARS, check_equal_dtypes, check_per_axis, fail, integers
from fnx.ops.comparison import select
from fnx.ops.creation import full, zeros_like
from fnx.ops.layout import batched, move_axis, reduce_sum, spread

Ints = tuple[int, ...]

# slice -----------------------------------------------------------------------------------------


def _slice_type(x: Aval, *, start: Ints, limit: Ints, strides: Ints) -> tuple[Aval]:
    check_per_axis("slice", x, start=start, limit=limit, strides=strides)
    for size, first, last, step in zip(x.shape, start, limit, strides, strict=True):
        if not (0 <= first <= last <= size and step >= 1):
            message = f"needs 0 <= start <= limit <= size of {x} and strides of at least 1"
            fail("slice", f"{message}, got start {start}, limit {limit}, strides {strides}")
    bounds = zip(start, limit, strides, strict=True)
    shape = tuple(-((first - last) // step) for first, last, step in bounds)
    return (Aval.of(shape, x.dtype, x.weak),)


def _slice_transpose(
    cts: tuple[Any, ...], inputs: tuple[Linear], *, start: Ints, limit: Ints, strides: Ints
) -> tuple[Any]:
    (ct,), aval = cts, inputs[0].aval
    if ct is None:
        return (None,)
    bounds = zip(aval.shape, ct.shape, start, strides, strict=True)
    high = tuple(
        size - (first + (n - 1) * step + 1 if n else first) for size, n, first, step in bounds
    )
    interior = tuple(step - 1 for step in strides)
    return (pad(ct, ct.dtype.type(0), low=start, high=high, interior=interior),)


def _slice_batch(
    inputs: tuple[Any], axes: tuple[int], size: int, *, start: Ints, limit: Ints, strides: Ints
) -> tuple[tuple[Any], tuple[int]]:
    x = move_axis(inputs[0], axes[0], 0)
    limit = (x.shape[0], *limit)
    return (slice(x, start=(0, *start), limit=limit, strides=(1, *strides)),), (0,)


slice_p = Primitive(
    name="slice",
    type=_slice_type,
    numpy=lambda xp, x, *, start, limit, strides: (
        x[(*map(builtins.slice, start, limit, strides), ...)],
    ),
    jvp=lambda primals, ts, outs, **params: (slice(ts[0], **params),),
    transpose=_slice_transpose,
    batch=_slice_batch,
    lower=lambda b, x, *, start, limit, strides: (b.slice(x, start, limit, strides),),
)


def slice(x: Any, *, start: Ints, limit: Ints, strides: Ints | None = None) -> Any:
    """``x[start[0]:limit[0]:strides[0], ...]``, with positive strides.

    Raises:
        FnxTypeError: if a bound is outside of the axis (fnx.numpy indexing clips as Python does).
    """
    start = integers("slice", "start", start)
    limit = integers("slice", "limit", limit)
    strides = (1,) * len(start) if strides is None else integers("slice", "strides", strides)
    return bind(slice_p, x, start=start, limit=limit, strides=strides)[0]


# pad -------------------------------------------------------------------------------------------


def _pad_type(x: Aval, value: Aval, *, low: Ints, high: Ints, interior: Ints) -> tuple[Aval]:
    check_equal_dtypes("pad", x, value)
    check_per_axis("pad", x, low=low, high=high, interior=interior)
    if value.shape:
        fail("pad", f"the padding value must have rank 0, got {value}")
    if any(between < 0 for between in interior):
        fail("pad", f"interior padding must not be negative, got {interior}")
    amounts = zip(x.shape, low, high, interior, strict=True)
    shape = tuple(lo + n + (n - 1) * gap * (n > 0) + hi for n, lo, hi, gap in amounts)
    if any(size < 0 for size in shape):
        fail("pad", f"low {low} and high {high} take away more than there is of {x}")
    return (Aval.of(shape, x.dtype, x.weak),)


def _pad_numpy(xp: Any, x: Any, value: Any, *, low: Ints, high: Ints, interior: Ints) -> tuple[Any]:
    avals = _pad_type(aval_of(x), aval_of(value), low=low, high=high, interior=interior)
    out = xp.empty(avals[0].shape, x.dtype)
    out.fill(value)
    source, target = [], []
    for n, total, first, gap in zip(x.shape, out.shape, low, interior, strict=True):
        step = gap + 1  # element i lands on first + i * step, or outside if padding is negative
        begin = min(n, max(0, -(first // step)))
        end = max(begin, min(n, -((first - total) // step)))
        source.append(builtins.slice(begin, end))
        offset = first + begin * step
        target.append(builtins.slice(offset, offset + (end - begin) * step, step))
    if out.size and all(part.stop > part.start for part in source):
        out[tuple(target)] = x[tuple(source)]
    return (out,)


def _pad_jvp(
    primals: tuple[Any, Any], tangents: tuple[Any, Any], outs: tuple[Any], **params: Ints
) -> tuple[Any]:
    (x, _), (t, t_value) = primals, tangents
    t = zeros_like(x) if t is None else t
    return (pad(t, t.dtype.type(0) if t_value is None else t_value, **params),)


def _pad_transpose(
    cts: tuple[Any], inputs: tuple[Any, Any], *, low: Ints, high: Ints, interior: Ints
) -> tuple[Any, Any]:
    (ct,), (x, value) = cts, inputs
    if ct is None:
        return None, None
    rank = range(len(ct.shape))
    cropped = pad(
        ct,
        ct.dtype.type(0),
        low=tuple(-n for n in low),
        high=tuple(-n for n in high),
        interior=(0,) * len(rank),
    )
    strides = tuple(gap + 1 for gap in interior)
    ct_x = slice(cropped, start=(0,) * len(rank), limit=cropped.shape, strides=strides)
    ct_value = None
    if isinstance(value, Linear):  # what did not go to x went to the padding
        ct_value = sub(reduce_sum(ct, axes=tuple(rank)), reduce_sum(ct_x, axes=tuple(rank)))
    return (ct_x if isinstance(x, Linear) else None), ct_value


def _pad_batch(
    inputs: tuple[Any, Any],
    axes: tuple[int | None, int | None],
    size: int,
    *,
    low: Ints,
    high: Ints,
    interior: Ints,
) -> tuple[tuple[Any], tuple[int]]:
    x, value = inputs
    x = batched(x, axes[0], size)
    params = {"low": (0, *low), "high": (0, *high), "interior": (0, *interior)}
    if axes[1] is None:
        return (pad(x, value, **params),), (0,)
    # One padding value for each example: pad with anything, then put the values there.
    padded = pad(x, aval_of(x).dtype.type(0), **params)
    inside = pad(full(shape=x.shape, value=True, dtype=bool), False, **params)
    others = tuple(range(1, len(padded.shape)))
    return (select(inside, padded, spread(value, padded.shape, others)),), (0,)


pad_p = Primitive(
    name="pad",
    type=_pad_type,
    numpy=_pad_numpy,
    jvp=_pad_jvp,
    transpose=_pad_transpose,
    batch=_pad_batch,
    lower=lambda b, x, value, *, low, high, interior: (b.pad(x, value, low, high, interior),),
)


def pad(x: Any, value: Any, *, low: Ints, high: Ints, interior: Ints | None = None) -> Any:
    """``x`` with ``value`` around and between its elements.

    Args:
        x: the array.
        value: a scalar or rank-0 array of the dtype of ``x``.
        low: for each axis, how many to put before; negative takes elements away.
        high: the same after.
        interior: the same between any two neighbours; not negative, 0 by default.
    """
    low, high = integers("pad", "low", low), integers("pad", "high", high)
    interior = (0,) * len(low) if interior is None else integers("pad", "interior", interior)
    if type(value) in PYTHON_SCALARS:
        value = x.dtype.type(value)
    return bind(pad_p, x, value, low=low, high=high, interior=interior)[0]
