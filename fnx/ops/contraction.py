"""Contraction: ``dot_general``, sums of products over paired axes; every matrix product is one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import FLOAT32, FLOATS, NUMBERS, as_dtype
from fnx.core.primitive import Linear, Primitive
from fnx.core.trace import bind
from fnx.ops.checks import check_axes, check_dtypes, check_equal_dtypes, fail, integers
from fnx.ops.conversion import convert
from fnx.ops.families import add
from fnx.ops.layout import shifted, transpose
from fnx.ops.precision import SMALL_FLOATS

Ints = tuple[int, ...]
Pair = tuple[Ints, Ints]  # axes of lhs, and the axes of rhs that they are paired with


def _free(rank: int, batch: Ints, contracting: Ints) -> Ints:
    """The axes that are neither batch nor contracted: those that stay, in their order."""
    return tuple(axis for axis in range(rank) if axis not in batch and axis not in contracting)


def _dot_type(
    lhs: Aval, rhs: Aval, *, contracting: Pair, batch: Pair, preferred: np.dtype | None
) -> tuple[Aval]:
    name = "dot_general"
    check_dtypes(name, NUMBERS, lhs, rhs)
    check_equal_dtypes(name, lhs, rhs)
    for x, axes, others in ((lhs, batch[0], contracting[0]), (rhs, batch[1], contracting[1])):
        check_axes(name, x, (*axes, *others), "batch and contracting axes together")
    for what, (left, right) in (("contracting", contracting), ("batch", batch)):
        sizes = [x.shape[axis] for x, axes in ((lhs, left), (rhs, right)) for axis in axes]
        if len(left) != len(right) or sizes[: len(left)] != sizes[len(left) :]:
            message = f"sizes along the {what} axes {left} and {right} must be equal"
            fail(name, f"{message}, got {lhs} and {rhs}")
    if preferred is not None and (preferred in FLOATS) != (lhs.dtype in FLOATS):
        fail(name, f"the result's dtype {preferred} must be of the kind of {lhs}")
    shape = [lhs.shape[axis] for axis in batch[0]]
    shape += [lhs.shape[axis] for axis in _free(lhs.ndim, batch[0], contracting[0])]
    shape += [rhs.shape[axis] for axis in _free(rhs.ndim, batch[1], contracting[1])]
    return (Aval.of(tuple(shape), preferred or lhs.dtype, lhs.weak and rhs.weak),)


def _dot_numpy(
    xp: Any, lhs: Any, rhs: Any, *, contracting: Pair, batch: Pair, preferred: np.dtype | None
) -> tuple[Any]:
    result = preferred or lhs.dtype
    compute = FLOAT32 if result in SMALL_FLOATS else result
    lhs, rhs = (x if x.dtype == compute else x.astype(compute) for x in (lhs, rhs))
    free = [_free(x.ndim, b, c) for x, b, c in zip((lhs, rhs), batch, contracting, strict=True)]
    batches = [lhs.shape[axis] for axis in batch[0]]
    rows = [lhs.shape[axis] for axis in free[0]]
    columns = [rhs.shape[axis] for axis in free[1]]
    depth = math.prod(lhs.shape[axis] for axis in contracting[0])
    # (batch, rows, depth) @ (batch, depth, columns)
    lhs = lhs.transpose(batch[0] + free[0] + contracting[0])
    rhs = rhs.transpose(batch[1] + contracting[1] + free[1])
    lead = [math.prod(batches)] if batches else []
    lhs = lhs.reshape([*lead, math.prod(rows), depth])
    rhs = rhs.reshape([*lead, depth, math.prod(columns)])
    out = xp.matmul(lhs, rhs).reshape(batches + rows + columns)
    return (out.astype(result) if result != compute else out,)


def _dot_jvp(
    primals: tuple[Any, Any], tangents: tuple[Any, Any], outs: tuple[Any], **params: Any
) -> tuple[Any]:
    (lhs, rhs), (t_lhs, t_rhs) = primals, tangents
    if t_rhs is None:
        return (dot_general(t_lhs, rhs, **params),)
    out = dot_general(lhs, t_rhs, **params)
    return (out if t_lhs is None else add(dot_general(t_lhs, rhs, **params), out),)


def _dot_transpose(
    cts: tuple[Any], inputs: tuple[Any, Any], *, contracting: Pair, batch: Pair, **_: Any
) -> tuple[Any, Any]:
    (ct,), (lhs, rhs) = cts, inputs
    if ct is None:
        return None, None
    if isinstance(lhs, Linear):
        return _cotangent(ct, lhs.aval, rhs, contracting, batch, is_lhs=True), None
    return None, _cotangent(ct, rhs.aval, lhs, contracting[::-1], batch[::-1], is_lhs=False)


def _cotangent(
    ct: Any, aval: Aval, other: Any, contracting: Pair, batch: Pair, *, is_lhs: bool
) -> Any:
    """One operand's cotangent: ``ct`` and the other, contracted over the latter's free axes.

    ``contracting`` and ``batch`` give this operand's axes first.
    """
    n_batch, rank = len(batch[0]), len(other.shape)
    mine = _free(aval.ndim, batch[0], contracting[0])
    others = _free(rank, batch[1], contracting[1])
    # ct is (batch, lhs free, rhs free)
    start = n_batch + (len(mine) if is_lhs else 0)
    ct_axes = tuple(range(start, start + len(others)))
    if other.dtype != ct.dtype:  # a result of another dtype was asked for
        other = convert(other, dtype=ct.dtype)
    product = dot_general(
        ct, other, contracting=(ct_axes, others), batch=(tuple(range(n_batch)), batch[1])
    )
    # product is (batch, my free axes, the other's contracted axes in the other's order)
    by_other = sorted(zip(contracting[1], contracting[0], strict=True))
    order = (*batch[0], *mine, *(axis for _, axis in by_other))
    permutation = tuple(order.index(axis) for axis in range(aval.ndim))
    if permutation != tuple(range(aval.ndim)):
        product = transpose(product, permutation=permutation)
    return product if product.dtype == aval.dtype else convert(product, dtype=aval.dtype)


def _dot_batch(
    inputs: tuple[Any, Any],
    axes: tuple[int | None, int | None],
    size: int,
    *,
    contracting: Pair,
    batch: Pair,
    preferred: np.dtype | None,
) -> tuple[tuple[Any], tuple[int]]:
    # The batch axis of one operand only is one more free axis; of both, one more batch axis.
    contracting, batch = (
        tuple(pair[i] if axis is None else shifted(pair[i], axis) for i, axis in enumerate(axes))
        for pair in (contracting, batch)
    )
    left, right = axes
    if left is not None and right is not None:
        batch = ((left, *batch[0]), (right, *batch[1]))
        place = 0
    else:
        free = [
            _free(len(x.shape), b, c) for x, b, c in zip(inputs, batch, contracting, strict=True)
        ]
        place = len(batch[0])
        place += free[0].index(left) if right is None else len(free[0]) + free[1].index(right)
    out = dot_general(*inputs, contracting=contracting, batch=batch, preferred=preferred)
    return (out,), (place,)


dot_general_p = Primitive(
    name="dot_general",
    type=_dot_type,
    numpy=_dot_numpy,
    jvp=_dot_jvp,
    transpose=_dot_transpose,
    batch=_dot_batch,
    lower=lambda b, lhs, rhs, *, contracting, batch, preferred: (
        b.dot_general(lhs, rhs, batching=batch, contracting=contracting, out_dtype=preferred),
    ),
)


def dot_general(
    lhs: Any,
    rhs: Any,
    *,
    contracting: Pair,
    batch: Pair = ((), ()),
    preferred: object = None,
) -> Any:
    """The sum over ``contracting`` axes of products, for each index along the ``batch`` axes.

    The result has the batch axes, then the other axes of ``lhs``, then those of ``rhs``.

    Args:
        lhs: an array.
        rhs: an array of the same dtype.
        contracting: the axes of ``lhs`` to sum over, and the axes of ``rhs`` paired with them.
        batch: the axes of ``lhs``, and of ``rhs``, that run together and stay.
        preferred: dtype of the sums and of the result, if it is not the operands' own. Products of
            float16, bfloat16 and float8 are summed in float32 in any case.

    Raises:
        FnxTypeError: if paired axes have different sizes, or the dtypes differ.

    >>> dot_general(np.ones((2, 3)), np.ones((3, 4)), contracting=((1,), (0,))).shape
    (2, 4)
    """
    pairs = []
    for what, pair in (("contracting", contracting), ("batch", batch)):
        if len(pair) != 2:
            fail("dot_general", f"{what} must be two tuples of axes, got {pair}")
        pairs.append(tuple(integers("dot_general", what, axes) for axes in pair))
    preferred = None if preferred is None else as_dtype(preferred)
    return bind(dot_general_p, lhs, rhs, contracting=pairs[0], batch=pairs[1], preferred=preferred)[
        0
    ]
