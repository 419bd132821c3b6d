"""Scan parts: the parameters of ``scan`` as one value, and its operands sorted by their role.

The rules of `fnx.control.loops.scan` are functions from a `Scan` to other ones; that module binds
them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from fnx.core.avals import Aval
from fnx.core.eager import aval_of
from fnx.core.ir import Jaxpr, Var
from fnx.ops.conversion import convert
from fnx.ops.layout import reshape
from fnx.ops.slicing import slice as slice_of

T = TypeVar("T")
Values = tuple[Any, ...]

MOST_STEPS = 2**31 - 1  # they are counted in an int32


@dataclass(frozen=True, slots=True)
class Scan:
    """The parameters of ``scan``; see `fnx.control.loops.scan` for their meaning."""

    body: Jaxpr
    num_consts: int
    num_carry: int
    length: int
    reverse: bool
    unroll: int
    counted: bool

    @property
    def params(self) -> dict[str, Any]:
        """What the primitive takes."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def indices(self) -> range:
        """The positions along the scanned axis, in the order of the steps."""
        return range(self.length)[::-1] if self.reverse else range(self.length)

    def inputs(self, values: Sequence[T]) -> tuple[list[T], list[T], list[T]]:
        """Constants, carries and xs, of anything that there is one of for each operand."""
        last = self.num_consts + self.num_carry
        return (
            list(values[: self.num_consts]),
            list(values[self.num_consts : last]),
            list(values[last:]),
        )

    def outputs(self, values: Sequence[T]) -> tuple[list[T], list[T]]:
        """Carries and ys, of anything that there is one of for each result."""
        return list(values[: self.num_carry]), list(values[self.num_carry :])


class Application(NamedTuple):
    """A scan and its operands."""

    scan: Scan
    consts: list[Any]
    carry: list[Any]
    xs: list[Any]


def close_behind(jaxpr: Jaxpr, position: int) -> tuple[Jaxpr, Values]:
    """Make the constants of a jaxpr inputs, from ``position`` on; returns also their values."""
    if not jaxpr.consts:
        return jaxpr, ()
    variables = tuple([var for var, _ in jaxpr.consts])
    inputs = (*jaxpr.inputs[:position], *variables, *jaxpr.inputs[position:])
    return Jaxpr(inputs, jaxpr.eqns, jaxpr.outputs), tuple([value for _, value in jaxpr.consts])


def stacked(aval: Aval, length: int) -> Aval:
    """The aval of ``length`` values of this aval, along a leading axis."""
    return Aval.of((length, *aval.shape), aval.dtype, aval.weak)


def exactly(x: Any, aval: Aval) -> Any:
    """``x`` with this very aval: a dtype that is weak may become strong, and the reverse."""
    own = aval_of(x)
    if own is aval:
        return x
    assert own.shape == aval.shape, f"{own} cannot become {aval}"
    return convert(x, dtype=aval.dtype, weak=aval.weak)


def row_of(x: Any, index: int) -> Any:
    """One element of ``x`` along its leading axis."""
    shape = aval_of(x).shape
    start, limit = (index, *[0] * (len(shape) - 1)), (index + 1, *shape[1:])
    row = slice_of(x, start=start, limit=limit, strides=(1,) * len(shape))
    return reshape(row, shape=shape[1:])


def chosen(values: Sequence[T], marks: Sequence[bool]) -> list[T]:
    """The values that are marked."""
    return [x for x, is_marked in zip(values, marks, strict=True) if is_marked]


def filled_in(marks: Sequence[bool], values: Sequence[Any]) -> list[Any]:
    """One entry for each mark: the next value where it is set, else None."""
    rest = iter(values)
    return [next(rest) if is_marked else None for is_marked in marks]


def settled(marks: Sequence[bool], attempt: Callable[[list[bool]], tuple[T, Sequence[bool]]]) -> T:
    """What ``attempt`` makes of the carries' marks, once a step of the loop adds no more of them.

    Args:
        marks: for each carry, whether it is active (or batched, ...) before the first step.
        attempt: takes marks; returns what it made, and which carries are active after a step.
    """
    marks = list(marks)
    while True:
        result, found = attempt(marks)
        joined = [a or b for a, b in zip(marks, found, strict=True)]
        if joined == marks:
            return result
        marks = joined


def constant_carries(carry_in: Sequence[Var], carry_out: Sequence[Any]) -> list[bool]:
    """Which carries every step passes on as they are."""
    return [a is b for a, b in zip(carry_in, carry_out, strict=True)]
