"""Schedules: pytrees that map a step count (0, 1, 2, ...) to a number.

Their parameters are leaves.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import fnx.numpy as fnp
from fnx import tree


class Schedule:
    """Base of schedules: a frozen dataclass and a pytree with ``schedule(count) -> number``."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclasses.dataclass(frozen=True, eq=False)(cls)
        names = tuple(f.name for f in dataclasses.fields(cls))
        tree.register(
            cls,
            lambda s: (tuple(getattr(s, n) for n in names), ()),
            lambda _, values: _rebuild(cls, names, values),
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

    def __call__(self, count: Any) -> Any:
        """The ramp before ``steps``, the schedule after."""
        count = _number(count)
        ramp = as_schedule(self.then)(0) * count / self.steps
        later = as_schedule(self.then)(fnp.maximum(count - self.steps, 0.0))
        return fnp.where(count < self.steps, ramp, later)


def as_schedule(value: Any) -> Schedule:
    """A schedule itself, or a constant one of a number."""
    return value if isinstance(value, Schedule) else Constant(value)


def _number(count: Any) -> Any:
    return fnp.asarray(count).astype("float32")
