"""Arrays made from the positions of their elements: diagonals, triangles, grids."""

from __future__ import annotations

from typing import Any

from fnx.core.array import Array
from fnx.core.dtypes import FLOAT32, INT32
from fnx.numpy.conversion import astype
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    value_error,
)
from fnx.numpy.shaping import broadcast_to
from fnx.numpy.sizes import as_shape, check_device
from fnx.ops import arithmetic, comparison, layout
from fnx.ops import creation as ops


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    k: int = 0,
    dtype: object = None,
    *,
    device: str | None = None,
) -> Array:
    """Ones on the ``k``-th diagonal (``k > 0`` above the main one), zeros elsewhere."""
    check_device("eye", device)
    shape = as_shape((n_rows, n_rows if n_cols is None else n_cols), "eye")
    return astype(_diagonal_mask(shape, k, comparison.eq), dtype or FLOAT32)


def identity(n: int, dtype: object = None) -> Array:
    """The ``n`` by ``n`` identity matrix."""
    return eye(n, dtype=dtype)


def _diagonal_mask(shape: tuple[int, int], k: int, compare: Any) -> Any:
    rows = ops.iota(shape=shape, dtype=INT32, dimension=0)
    columns = ops.iota(shape=shape, dtype=INT32, dimension=1)
    return compare(columns, _plus(rows, k))


def _plus(x: Any, k: int) -> Any:
    return arithmetic.add(x, k) if k else x


def tri(n: int, m: int | None = None, k: int = 0, dtype: object = None) -> Array:
    """Ones on and below the ``k``-th diagonal of an ``n`` by ``m`` matrix."""
    shape = as_shape((n, n if m is None else m), "tri")
    return astype(_diagonal_mask(shape, k, comparison.le), dtype or FLOAT32)


def tril(x: ArrayLike, /, k: int = 0) -> Array:
    """The lower triangle of the last two axes: zeros above the ``k``-th diagonal."""
    return _triangle("tril", x, k, comparison.le)


def triu(x: ArrayLike, /, k: int = 0) -> Array:
    """The upper triangle of the last two axes: zeros below the ``k``-th diagonal."""
    return _triangle("triu", x, k, comparison.ge)


def _triangle(name: str, x: ArrayLike, k: int, compare: Any) -> Any:
    x = as_array(as_operand(x, name))
    if x.aval.ndim < 2:
        raise value_error(f"{name}: expected at least two axes, got {x.aval}.")
    mask = broadcast_to(_diagonal_mask(x.aval.shape[-2:], k, compare), x.aval.shape)
    return comparison.select(mask, x, x.aval.dtype.type(0))


def meshgrid(*arrays: ArrayLike, indexing: str = "xy") -> list[Array]:
    """Coordinate arrays of the grid of these rank-1 arrays.

    Args:
        *arrays: the coordinates along each axis.
        indexing: "ij" for axes in the order of the arrays, "xy" to swap the first two.
    """
    if indexing not in ("xy", "ij"):
        raise value_error(f"meshgrid: indexing is 'xy' or 'ij', got {indexing!r}.")
    xs = [as_array(as_operand(x, "meshgrid")) for x in arrays]
    if any(x.aval.ndim > 1 for x in xs):
        raise value_error("meshgrid: expected arrays of rank 1.")
    order = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        order[:2] = [1, 0]
    shape = [0] * len(xs)
    for x, axis in zip(xs, order, strict=True):
        shape[axis] = x.aval.size
    return [
        layout.broadcast_in_dim(_flat(x), shape=tuple(shape), dimensions=(axis,))
        for x, axis in zip(xs, order, strict=True)
    ]


def _flat(x: Any) -> Any:
    return x if x.aval.ndim == 1 else layout.reshape(x, shape=(1,))
