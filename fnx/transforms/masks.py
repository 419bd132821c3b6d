"""Masks: where a cotangent is zero because the forward pass did not choose that element.

The cotangent of the side of a ``select`` that was not taken is zero. On its way back it is
multiplied by derivatives, and some of these may be infinite or NaN just where the side was not
taken (``where(x > 0, sqrt(x), 0)`` at 0), which would make the zero a NaN. So every cotangent of a
``select`` operand has a mask, the predicate; the mask follows the cotangent backwards, and each
pointwise product is masked again. The masked product is linear in the cotangent, as it must be
(zeros that are merely equal to 0 are no masks: a test for them is not linear).

A mask is a boolean array in the shape of its cotangent, made when it is read: most never are.
``None`` means that nothing is known.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import BOOL
from fnx.core.eager import aval_of
from fnx.core.ir import Eqn
from fnx.core.primitive import Linear
from fnx.ops.bitwise import and_, not_, or_
from fnx.ops.comparison import ne, select, select_p
from fnx.ops.conversion import convert
from fnx.transforms.zeros import is_differentiable

Mask = Callable[[], Any]
Masks = Sequence[Mask | None]


def known_mask(value: Any) -> Mask:
    """The mask that is this array already."""
    return lambda: value


def either(a: Mask | None, b: Mask | None) -> Mask | None:
    """The mask of a sum of two cotangents."""
    if a is None or b is None or a is b:
        return a if a is b else None
    return functools.cache(lambda: or_(a(), b()))


def pull_masks(
    eqn: Eqn, mask: Mask | None, cts: Sequence[Any], inputs: Sequence[Any]
) -> tuple[Sequence[Any], Masks]:
    """Cotangents of one equation's inputs, masked where need be, and their masks.

    Args:
        eqn: an equation with one result.
        mask: of the result's cotangent.
        cts: what its transpose rule made.
        inputs: what the rule was given.
    """
    if eqn.primitive is select_p:
        return cts, _masks_of_select(mask, inputs)
    nothing: Masks = [None] * len(cts)
    if mask is None:
        return cts, nothing
    if eqn.primitive.pointwise:
        masks = [None if ct is None else mask for ct in cts]
        if not any(map(_can_spoil, inputs)):
            return cts, masks
        return [None if ct is None else select(mask(), ct, 0) for ct in cts], masks
    if any(map(_is_float_array, inputs)):  # a product: every element depends on many
        return cts, nothing
    moved = functools.cache(functools.partial(_moved, eqn, mask, inputs))
    return cts, [None if ct is None else _part(moved, i) for i, ct in enumerate(cts)]


def _masks_of_select(mask: Mask | None, inputs: Sequence[Any]) -> Masks:
    """The predicate for one operand, its opposite for the other; and the mask of the result."""
    pred = inputs[0]
    sides = (lambda: pred, lambda: not_(pred))
    return [None, *[_both(mask, functools.cache(side)) for side in sides]]


def _both(mask: Mask | None, side: Mask) -> Mask:
    return side if mask is None else functools.cache(lambda: and_(mask(), side()))


def _can_spoil(x: Any) -> bool:
    """Whether zero times this may be NaN."""
    if isinstance(x, Linear):
        return False
    if isinstance(x, np.generic | bool | int | float):
        return not math.isfinite(x)
    return is_differentiable(aval_of(x))


def _is_float_array(x: Any) -> bool:
    return not isinstance(x, Linear) and is_differentiable(aval_of(x)) and aval_of(x).shape != ()


def _moved(eqn: Eqn, mask: Mask, inputs: Sequence[Any]) -> Sequence[Any]:
    """The mask taken along by an operation that only moves, repeats and sums elements."""
    ones = convert(mask(), dtype=eqn.outputs[0].aval.dtype)
    found = eqn.primitive.transpose((ones,), tuple(inputs), **eqn.params)
    return [None if x is None else ne(x, 0) for x in found]


def _part(moved: Callable[[], Sequence[Any]], i: int) -> Mask:
    return lambda: moved()[i]


def read_masks(masks: Masks) -> list[Any]:
    """The arrays of the masks that exist."""
    return [mask() for mask in masks if mask is not None]


def masks_of(values: Sequence[Any], exist: Sequence[bool]) -> Masks:
    """The masks that `read_masks` read; None where there was none."""
    rest = iter(values)
    return [known_mask(next(rest)) if e else None for e in exist]


def split_masks(
    compute: Callable[[], Sequence[Any]], exist: Sequence[bool]
) -> Iterator[Mask | None]:
    """The masks that one computation makes together, when the first of them is read."""
    numbers = itertools.count()
    for e in exist:
        yield _part(compute, next(numbers)) if e else None


def mask_aval(aval: Aval) -> Aval:
    """The aval of the mask of a cotangent of this aval."""
    return Aval.of(aval.shape, BOOL)
