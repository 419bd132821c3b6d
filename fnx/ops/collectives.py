"""Collectives: operations over the elements of a `vmap` whose axis has a name.

Their ``batch`` rule is that of other `vmap`s; ``collect`` is the rule of the one that they name,
whose trace claims them even where no operand is mapped. Alone they have no meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NoReturn

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import NUMBERS
from fnx.core.eager import aval_of
from fnx.core.primitive import NotDifferentiable, NotLinear, Primitive
from fnx.core.sources import user_source
from fnx.core.trace import bind
from fnx.errors import UnboundAxisError
from fnx.ops.arithmetic import div, mul
from fnx.ops.checks import check_dtypes, fail
from fnx.ops.comparison import eq, select
from fnx.ops.conversion import convert
from fnx.ops.creation import iota
from fnx.ops.gather import gather
from fnx.ops.layout import batched, expand, move_axis, reduce_sum, transpose
from fnx.ops.reduction import reduce_max

Axes = tuple[int | None, ...]
Batch = tuple[tuple[Any, ...], Axes]
_INT32 = np.dtype(np.int32)


def unbound(what: str, name: Hashable, scope: dict[Hashable, int]) -> UnboundAxisError:
    """The error for an axis that is not being mapped."""
    known = ", ".join(f"{axis!r} (size {size})" for axis, size in scope.items()) or "none"
    return UnboundAxisError(
        f"{what}: no axis called {name!r} is being mapped here; named axes in scope: {known}.",
        source=user_source(),
        hint=f"Map it: fnx.vmap(f, axis_name={name!r}).",
    )


def _alone(*_: Any, axis_name: Hashable, **__: Any) -> NoReturn:
    """The rule that evaluates or compiles a collective outside of its `vmap`."""
    raise unbound("a collective", axis_name, {})


def _same_type(x: Aval, *, axis_name: Hashable) -> tuple[Aval]:
    check_dtypes("a collective", NUMBERS, x)
    return (x,)


def _collective(name: str, **rules: Any) -> Primitive:
    """A collective of one operand; linear unless a rule says otherwise."""

    def jvp(primals: Any, ts: Any, outs: Any, **params: Any) -> tuple[Any]:
        return bind(primitive, ts[0], **params)

    rules.setdefault("jvp", jvp)
    primitive = Primitive(name=name, numpy=_alone, lower=_alone, **rules)
    return primitive


def _elementwise_batch(primitive: Callable[[], Primitive]) -> Callable[..., Batch]:
    """The rule of other axes for an operation that keeps the places of elements."""
    return lambda inputs, axes, size, **params: (bind(primitive(), *inputs, **params), axes)


# psum -------------------------------------------------------------------------------------------


def _psum_collect(inputs: tuple[Any], axes: Axes, size: int, *, axis_name: Hashable) -> Batch:
    if axes[0] is None:
        return (_times(inputs[0], size),), (None,)
    return (reduce_sum(inputs[0], axes=(axes[0],)),), (None,)


def _times(x: Any, size: int) -> Any:
    """The sum of ``size`` equal elements."""
    return mul(x, aval_of(x).dtype.type(int(size)))


psum_p = _collective(
    "psum",
    type=_same_type,
    # sum_i ct_i dy_i with y_i = sum_j x_j: each x_j gets the sum of all cotangents
    transpose=lambda cts, inputs, **params: tuple(
        [None if ct is None else bind(psum_p, ct, **params)[0] for ct in cts]
    ),
    batch=_elementwise_batch(lambda: psum_p),
    collect=_psum_collect,
)


# pmax -------------------------------------------------------------------------------------------


def _pmax_jvp(primals: tuple[Any], ts: tuple[Any], outs: tuple[Any], **params: Any) -> tuple[Any]:
    """The mean of the tangents of those elements that are the largest."""
    (x,), (t,), (y,) = primals, ts, outs
    chosen = eq(x, y)
    total = bind(psum_p, select(chosen, t, 0), **params)[0]
    count = bind(psum_p, convert(chosen, dtype=aval_of(y).dtype), **params)[0]
    return (div(total, count),)


def _pmax_collect(inputs: tuple[Any], axes: Axes, size: int, *, axis_name: Hashable) -> Batch:
    if axes[0] is None:
        return inputs, (None,)
    return (reduce_max(inputs[0], axes=(axes[0],)),), (None,)


pmax_p = _collective(
    "pmax",
    type=_same_type,
    jvp=_pmax_jvp,
    transpose=NotLinear("pmax compares the elements with each other"),
    batch=_elementwise_batch(lambda: pmax_p),
    collect=_pmax_collect,
)


# all_gather -------------------------------------------------------------------------------------


def _all_gather_type(
    x: Aval, *, axis_name: Hashable, axis_size: int, dimension: int
) -> tuple[Aval]:
    if not 0 <= dimension <= x.ndim:
        fail("all_gather", f"a result of {x} has no axis {dimension} for the gathered elements")
    shape = (*x.shape[:dimension], axis_size, *x.shape[dimension:])
    return (Aval.of(shape, x.dtype, x.weak),)


def _all_gather_batch(
    inputs: tuple[Any], axes: Axes, size: int, *, dimension: int, **params: Any
) -> Batch:
    x = batched(inputs[0], axes[0], size)
    return bind(all_gather_p, x, dimension=dimension + 1, **params), (0,)


def _all_gather_collect(
    inputs: tuple[Any], axes: Axes, size: int, *, dimension: int, **_: Any
) -> Batch:
    (x,), (axis,) = inputs, axes
    y = expand(x, int(size), dimension) if axis is None else move_axis(x, axis, dimension)
    return (y,), (None,)


all_gather_p = _collective(
    "all_gather",
    type=_all_gather_type,
    transpose=lambda cts, inputs, **params: (
        None if cts[0] is None else bind(psum_scatter_p, cts[0], **params)[0],
    ),
    batch=_all_gather_batch,
    collect=_all_gather_collect,
)


# psum_scatter -----------------------------------------------------------------------------------


def _psum_scatter_type(
    x: Aval, *, axis_name: Hashable, axis_size: int, dimension: int
) -> tuple[Aval]:
    check_dtypes("psum_scatter", NUMBERS, x)
    if not 0 <= dimension < x.ndim or x.shape[dimension] != axis_size:
        fail("psum_scatter", f"{x} must have size {axis_size} along axis {dimension}")
    shape = x.shape[:dimension] + x.shape[dimension + 1 :]
    return (Aval.of(shape, x.dtype, x.weak),)


def _psum_scatter_batch(
    inputs: tuple[Any], axes: Axes, size: int, *, dimension: int, **params: Any
) -> Batch:
    x = batched(inputs[0], axes[0], size)
    return bind(psum_scatter_p, x, dimension=dimension + 1, **params), (0,)


def _psum_scatter_collect(
    inputs: tuple[Any], axes: Axes, size: int, *, dimension: int, **_: Any
) -> Batch:
    """Element i gets slice i of the sum: the scattered axis becomes the batch axis."""
    (x,), (axis,) = inputs, axes
    total = _times(x, size) if axis is None else reduce_sum(x, axes=(axis,))
    return (total,), (dimension,)


psum_scatter_p = _collective(
    "psum_scatter",
    type=_psum_scatter_type,
    transpose=lambda cts, inputs, **params: (
        None if cts[0] is None else bind(all_gather_p, cts[0], **params)[0],
    ),
    batch=_psum_scatter_batch,
    collect=_psum_scatter_collect,
)


# ppermute ---------------------------------------------------------------------------------------


def _ppermute_transpose(
    cts: tuple[Any], inputs: Any, *, axis_name: Hashable, perm: tuple[tuple[int, int], ...]
) -> tuple[Any]:
    back = tuple([(target, source) for source, target in perm])
    found = [None if ct is None else bind(ppermute_p, ct, axis_name=axis_name, perm=back)[0]
             for ct in cts]  # fmt: skip
    return tuple(found)


def _ppermute_collect(
    inputs: tuple[Any], axes: Axes, size: int, *, perm: tuple[tuple[int, int], ...], **_: Any
) -> Batch:
    """Element ``target`` gets that of ``source``; zeros, where there is none."""
    x = batched(inputs[0], axes[0], int(size))
    sources = np.zeros((int(size), 1), np.int32)
    given = np.zeros(int(size), np.bool_)
    for source, target in perm:
        sources[target], given[target] = source, True
    shape = aval_of(x).shape
    y = gather(
        x, sources, slice_sizes=(1, *shape[1:]), start_index_map=(0,),
        offset_dims=tuple(range(1, len(shape))), collapsed_slice_dims=(0,),
    )  # fmt: skip
    if not given.all():
        rows = np.broadcast_to(given.reshape(-1, *[1] * (len(shape) - 1)), shape)
        y = select(np.ascontiguousarray(rows), y, 0)
    return (y,), (0,)


ppermute_p = _collective(
    "ppermute",
    type=lambda x, *, axis_name, perm: (x,),
    transpose=_ppermute_transpose,
    batch=_elementwise_batch(lambda: ppermute_p),
    collect=_ppermute_collect,
)


# all_to_all -------------------------------------------------------------------------------------


def _all_to_all_type(
    x: Aval, *, axis_name: Hashable, axis_size: int, split: int, concat: int
) -> tuple[Aval]:
    if not 0 <= split < x.ndim or x.shape[split] != axis_size:
        fail("all_to_all", f"{x} must have size {axis_size} along split_axis {split}")
    if not 0 <= concat < x.ndim:
        fail("all_to_all", f"a result of {x} has no axis {concat} for concat_axis")
    shape = [n for axis, n in enumerate(x.shape) if axis != split]
    shape.insert(concat, axis_size)
    return (Aval.of(tuple(shape), x.dtype, x.weak),)


def _all_to_all_batch(
    inputs: tuple[Any], axes: Axes, size: int, *, split: int, concat: int, **params: Any
) -> Batch:
    x = batched(inputs[0], axes[0], size)
    return bind(all_to_all_p, x, split=split + 1, concat=concat + 1, **params), (0,)


def _all_to_all_collect(
    inputs: tuple[Any], axes: Axes, size: int, *, split: int, concat: int, **_: Any
) -> Batch:
    """Element i gets slice i of every element j, stacked over j along ``concat``."""
    x = batched(inputs[0], axes[0], int(size))
    rest = [axis + 1 for axis in range(len(aval_of(x).shape) - 1) if axis != split]
    rest.insert(concat, 0)
    return (transpose(x, permutation=(split + 1, *rest)),), (0,)


all_to_all_p = _collective(
    "all_to_all",
    type=_all_to_all_type,
    transpose=lambda cts, inputs, *, split, concat, **params: (
        None
        if cts[0] is None
        else bind(all_to_all_p, cts[0], split=concat, concat=split, **params)[0],
    ),
    batch=_all_to_all_batch,
    collect=_all_to_all_collect,
)


# axis_index -------------------------------------------------------------------------------------

axis_index_p = Primitive(
    name="axis_index",
    type=lambda *, axis_name: (Aval.of((), _INT32),),
    numpy=_alone,
    jvp=NotDifferentiable("an integer that depends on no operand"),
    transpose=NotLinear("it has no operand to be linear in"),
    batch=lambda inputs, axes, size, **params: (bind(axis_index_p, **params), (None,)),
    lower=_alone,
    collect=lambda inputs, axes, size, **params: (
        (iota(shape=(int(size),), dtype=_INT32, dimension=0),),
        (0,),
    ),
)
