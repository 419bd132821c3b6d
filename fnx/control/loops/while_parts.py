"""While parts: the parameters of ``while`` as one value, and its operands sorted by their role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from fnx.control.loops.scan_parts import Scan
from fnx.core.ir import Jaxpr

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class While:
    """The parameters of ``while``; see `fnx.control.loops.while_loop` for their meaning."""

    cond: Jaxpr
    body: Jaxpr
    num_cond_consts: int
    num_body_consts: int
    max_steps: int | None

    @property
    def params(self) -> dict[str, Any]:
        """What the primitive takes."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def num_carry(self) -> int:
        """The number of values that are carried from step to step."""
        return len(self.cond.inputs) - self.num_cond_consts

    def inputs(self, values: Sequence[T]) -> tuple[list[T], list[T], list[T]]:
        """Constants of the condition, those of the body, and carries; of anything."""
        last = self.num_cond_consts + self.num_body_consts
        return (
            list(values[: self.num_cond_consts]),
            list(values[self.num_cond_consts : last]),
            list(values[last:]),
        )

    def outputs(self, values: Sequence[T]) -> tuple[list[T], list[T]]:
        """Carries and ys, of anything that there is one of for each result."""
        return list(values[: self.num_carry]), list(values[self.num_carry :])

    def steps(self, length: int = 1) -> Scan:
        """So many of the loop's steps as a scan without xs."""
        return Scan(
            self.body, self.num_body_consts, self.num_carry, length,
            reverse=False, unroll=1, counted=False,
        )  # fmt: skip


class Repetition(NamedTuple):
    """A while loop and its operands."""

    loop: While
    cond_consts: list[Any]
    body_consts: list[Any]
    carry: list[Any]
