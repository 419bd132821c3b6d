"""Einstein summation: opt_einsum finds the order of products, each is one ``dot_general``."""

from __future__ import annotations

import functools
from typing import Any

import opt_einsum

from fnx.core.array import Array
from fnx.numpy.matrices import diagonal
from fnx.numpy.products import product
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    describe,
    promote,
    shape_text,
    type_error,
    value_error,
)
from fnx.numpy.reductions import sum as sum_over
from fnx.numpy.shaping import permute_dims, squeeze

Step = tuple[tuple[int, ...], str]  # the operands that it takes, and the axes of its result


def einsum(
    subscripts: str,
    /,
    *operands: ArrayLike,
    optimize: str = "auto",
    preferred_element_type: object = None,
) -> Array:
    """Sum of products over named axes (Einstein's convention).

    ``einsum("bik,bkj->bij", x, y)`` names the axes of each operand and of the result: axes of one
    name have one size and run together, and a name that the result lacks is summed over. ``...``
    stands for any axes, which broadcast. Without ``->`` the result has the names that occur once,
    in alphabetical order.

    Args:
        subscripts: the names of axes.
        *operands: the arrays.
        optimize: how opt_einsum looks for the cheapest order of products.
        preferred_element_type: the dtype in which to add up, and of the result.

    Raises:
        FnxValueError: if subscripts and operands do not fit.
    """
    if not isinstance(subscripts, str) or not operands:
        raise type_error(
            f"einsum takes subscripts and arrays, got {describe(subscripts)} "
            f"and {len(operands)} arrays.",
            "For example einsum('ij,jk->ik', x, y).",
        )
    arrays = [as_array(x) for x in promote("einsum", *operands)]
    names, steps = _plan(subscripts, tuple(x.aval.shape for x in arrays), optimize)
    values = [_without_ones(x, axes) for x, axes in zip(arrays, names, strict=True)]
    for places, result in steps:
        taken = [values[i] for i in places]
        values = [v for i, v in enumerate(values) if i not in places]
        values.append((_step(taken, result, preferred_element_type), result))
    return values[0][0]


_ONE_SIZE = (
    "Each axis has a letter, and a letter has one size: swap the letters of an array that is\n"
    "transposed ('oi' for 'io'); '...' stands for any axes."
)


@functools.lru_cache(maxsize=1024)
def _plan(
    subscripts: str, shapes: tuple[tuple[int, ...], ...], optimize: str
) -> tuple[tuple[str, ...], tuple[Step, ...]]:
    """The names of each operand's axes (``-``: leave out), and the steps that leave one operand."""
    try:
        inputs, output, _ = opt_einsum.parser.parse_einsum_input((subscripts, *shapes), shapes=True)
        names = tuple(inputs.split(","))
        sizes = _sizes(names, shapes)
        path, _ = opt_einsum.contract_path(
            f"{inputs}->{output}", *shapes, shapes=True, optimize=optimize
        )
    except ValueError as error:
        given = ", ".join(map(shape_text, shapes))
        message = f"einsum({subscripts!r}) of arrays of shapes {given}: {error}."
        raise value_error(message, _ONE_SIZE) from None
    kept = tuple(
        "".join(n if size == sizes[n] else "-" for n, size in zip(axes, shape, strict=True))
        for axes, shape in zip(names, shapes, strict=True)
    )
    return kept, _steps([axes.replace("-", "") for axes in kept], output, path)


def _without_ones(x: Any, names: str) -> tuple[Any, str]:
    """The operand without the axes of size 1 that another operand stretches, marked by ``-``."""
    ones = tuple(i for i, name in enumerate(names) if name == "-")
    return (squeeze(x, ones) if ones else x), names.replace("-", "")


def _sizes(names: tuple[str, ...], shapes: tuple[tuple[int, ...], ...]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for axes, shape in zip(names, shapes, strict=True):
        if len(axes) != len(shape):
            raise ValueError(
                f"expected {len(shape)} letters for shape {shape_text(shape)}, got {axes!r}"
            )
        for name, size in zip(axes, shape, strict=True):
            known = sizes.get(name, 1)
            if 1 not in (known, size) and known != size:
                raise ValueError(f"expected one size for axis {name!r}, got {known} and {size}")
            sizes[name] = size if known == 1 else known
    return sizes


def _steps(names: list[str], output: str, path: Any) -> tuple[Step, ...]:
    steps = []
    for places in path if len(names) > 1 else [(0,)]:
        assert len(places) <= 2, "opt_einsum's paths are made of pairs"
        taken = [names[i] for i in places]
        names = [axes for i, axes in enumerate(names) if i not in places]
        wanted = set(output).union(*names)
        both = "".join(dict.fromkeys("".join(taken)))
        result = "".join(name for name in both if name in wanted) if names else output
        names.append(result)
        steps.append((tuple(places), result))
    return tuple(steps)


def _step(taken: list[tuple[Any, str]], result: str, preferred: object) -> Any:
    if len(taken) == 1:
        return _ordered(*_reduced(*taken[0], keep=result), result)
    (x, xs), (y, ys) = taken
    x, xs = _reduced(x, xs, keep=result + ys)
    y, ys = _reduced(y, ys, keep=result + xs)
    batch = [name for name in xs if name in ys and name in result]
    summed = [name for name in xs if name in ys and name not in result]
    value = product(
        "einsum",
        (x, y),
        ([xs.index(name) for name in summed], [ys.index(name) for name in summed]),
        ([xs.index(name) for name in batch], [ys.index(name) for name in batch]),
        preferred,
    )
    left = [name for name in xs if name not in batch and name not in summed]
    right = [name for name in ys if name not in batch and name not in summed]
    return _ordered(value, "".join([*batch, *left, *right]), result)


def _reduced(x: Any, names: str, keep: str) -> tuple[Any, str]:
    """One operand with the diagonals of repeated names taken and unwanted names summed over."""
    for name in dict.fromkeys(names):
        while names.count(name) > 1:
            first = names.index(name)
            second = names.index(name, first + 1)
            x = diagonal(x, axis1=first, axis2=second)
            names = "".join(n for i, n in enumerate(names) if i not in (first, second)) + name
    unwanted = [i for i, name in enumerate(names) if name not in keep]
    if unwanted:
        x = sum_over(x, axis=tuple(unwanted))
    return x, "".join(name for name in names if name in keep)


def _ordered(x: Any, names: str, result: str) -> Any:
    return permute_dims(x, [names.index(name) for name in result])
