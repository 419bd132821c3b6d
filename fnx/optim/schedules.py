"""Schedules: pytrees that map a step count (0, 1, 2, ...) to a number.

Their parameters are leaves.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import fnx.numpy as fnp
from fnx import tree
from fnx.core.eager import is_value
from fnx.core.sources import user_source
from fnx.errors import FnxTypeError


class Schedule:
    """Base of schedules: a frozen dataclass and a pytree with ``schedule(count) -> number``."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclasses.dataclass(frozen=True, eq=False)(cls)
        fields = dataclasses.fields(cls)
        names = tuple(f.name for f in fields if "static" not in f.metadata)
        fixed = tuple(f.name for f in fields if "static" in f.metadata)
        tree.register(
            cls,
            lambda s: (tuple(getattr(s, n) for n in names), tuple(getattr(s, n) for n in fixed)),
            lambda statics, values: _rebuild(cls, (*fixed, *names), (*statics, *values)),
        )

    def __call__(self, count: Any) -> Any:
        """The value at step ``count``, a number or an int32 array."""
        raise TypeError(f"{type(self).__name__} must define __call__(count)")


def _rebuild(cls: type, names: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    schedule = object.__new__(cls)
    schedule.__dict__.update(zip(names, values, strict=True))
    return schedule


class Constant(Schedule):
    """``value`` at every step."""

    value: Any

    def __call__(self, count: Any) -> Any:
        """``value``."""
        return self.value


class Function(Schedule):
    """``f(count)`` of a function of one's own, which has no parameters that could be trained.

    >>> float(Function(lambda count: 0.5 / (1 + count))(1))
    0.25
    """

    f: Callable[[Any], Any] = dataclasses.field(metadata={"static": True})

    def __call__(self, count: Any) -> Any:
        """``f(count)``."""
        return self.f(count)


class Cosine(Schedule):
    """From ``initial`` to ``final`` along half a cosine in ``steps`` steps, then ``final``.

    Loshchilov & Hutter 2017.
    """

    initial: Any
    steps: Any
    final: Any = 0.0

    def __call__(self, count: Any) -> Any:
        """``final + (initial - final) * (1 + cos(pi * count / steps)) / 2``."""
        progress = fnp.minimum(_number(count) / self.steps, 1.0)
        return self.final + (self.initial - self.final) * 0.5 * (1 + fnp.cos(math.pi * progress))


class Step(Schedule):
    """``initial * factor ** floor(count / every)``."""

    initial: Any
    every: Any
    factor: Any = 0.1

    def __call__(self, count: Any) -> Any:
        """The value of the stair that ``count`` stands on."""
        return self.initial * self.factor ** fnp.floor(_number(count) / self.every)


class Linear(Schedule):
    """From ``initial`` to ``final`` in a straight line of ``steps`` steps, then ``final``."""

    initial: Any
    final: Any
    steps: Any

    def __call__(self, count: Any) -> Any:
        """The point of the line at ``count``."""
        progress = fnp.minimum(_number(count) / self.steps, 1.0)
        return self.initial + (self.final - self.initial) * progress


class Warmup(Schedule):
    """From 0 up to ``then(0)`` in ``steps`` steps, and then ``then(count - steps)``."""

    steps: Any
    then: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "then", checked_rate("Warmup", self.then))

    def __call__(self, count: Any) -> Any:
        """The ramp before ``steps``, the schedule after."""
        count = _number(count)
        ramp = as_schedule(self.then)(0) * count / self.steps
        later = as_schedule(self.then)(fnp.maximum(count - self.steps, 0.0))
        return fnp.where(count < self.steps, ramp, later)


def as_schedule(value: Any) -> Schedule:
    """A schedule itself, or a constant one of a number."""
    return value if isinstance(value, Schedule) else Constant(value)


def checked_rate(what: str, rate: Any) -> Any:
    """A number or a schedule, as given; a schedule of a function.

    Raises:
        FnxTypeError: for anything else, and for a class in place of a schedule.
    """
    if isinstance(rate, Schedule) or is_value(rate):
        return rate
    if callable(rate) and not isinstance(rate, type):
        return Function(rate)
    got = f"the class {rate.__name__}" if isinstance(rate, type) else f"{rate!r:.60}"
    raise FnxTypeError(
        f"{what}: expected a number or a schedule of the step count, got {got}.",
        source=user_source(),
        hint="Write 1e-3, a schedule such as optim.Cosine(initial, steps), or a function of the\n"
        "step count: optim.sgd(lambda step: 0.1 / (1 + step)).",
    )


def _number(count: Any) -> Any:
    return fnp.asarray(count).astype("float32")
