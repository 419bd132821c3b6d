"""Products of vectors and matrices under JAX's names and signatures."""

from __future__ import annotations

from fnx.core.array import Array
from fnx.core.dtypes import as_dtype
from fnx.lax.arguments import Sizes
from fnx.ops import contraction

DotDimensions = tuple[tuple[Sizes, Sizes], tuple[Sizes, Sizes]]


def dot_general(
    lhs: Array,
    rhs: Array,
    dimension_numbers: DotDimensions,
    *,
    preferred_element_type: object = None,
) -> Array:
    """Sum of products over the contracting axes, for each index of the batch axes.

    Args:
        lhs: one array.
        rhs: the other.
        dimension_numbers: ``((lhs contracting, rhs contracting), (lhs batch, rhs batch))``.
        preferred_element_type: the dtype in which to add up, and of the result.

    Returns:
        An array with the batch axes, then the other axes of ``lhs``, then those of ``rhs``.
    """
    (contract_l, contract_r), (batch_l, batch_r) = dimension_numbers
    return contraction.dot_general(
        lhs,
        rhs,
        contracting=(tuple(contract_l), tuple(contract_r)),
        batch=(tuple(batch_l), tuple(batch_r)),
        preferred=None if preferred_element_type is None else as_dtype(preferred_element_type),
    )


def dot(lhs: Array, rhs: Array, *, preferred_element_type: object = None) -> Array:
    """The product of vectors and matrices."""
    numbers = (((lhs.ndim - 1,), (0,)), ((), ()))
    return dot_general(lhs, rhs, numbers, preferred_element_type=preferred_element_type)


def batch_matmul(lhs: Array, rhs: Array) -> Array:
    """Matrix products of the last two axes; the axes before them are equal."""
    batch = tuple(range(lhs.ndim - 2))
    return dot_general(lhs, rhs, (((lhs.ndim - 1,), (rhs.ndim - 2,)), (batch, batch)))
