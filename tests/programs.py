"""Programs made of primitives: steps with their operands, and how to run them under any transform.

A program is a function of arrays, built around the cases of `tests.op_specs`. Where a step reads
the result of an earlier one, the value is *linked* into the operand that the case drew::

    operand = drawn + sin(adapted to the operand's shape(earlier result)) / 16

so operands stay inside of the primitive's domain, away from kinks, and every result still depends
on every input smoothly. Structural and everywhere smooth primitives also read results *directly*.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import fnx.ops.random_bits  # noqa: F401  registers its primitive
from fnx.api import jvp, vjp, vmap
from fnx.control.branches.cond import cond
from fnx.control.call import call
from fnx.control.checkpoints.checkpoint import checkpoint
from fnx.control.custom.jvp import custom_jvp
from fnx.control.custom.vjp import custom_vjp
from fnx.control.custom.vmap import custom_vmap
from fnx.core.dtypes import BFLOAT16, BOOL, FLOAT16, FLOAT32, FLOAT64, FLOATS
from fnx.core.eager import aval_of
from fnx.core.flatten import trace_closed
from fnx.core.primitive import REGISTRY, Primitive
from fnx.core.trace import bind
from fnx.ops.arithmetic import mul
from fnx.ops.bitwise import and_, xor
from fnx.ops.comparison import ne
from fnx.ops.conversion import convert
from fnx.ops.families import add
from fnx.ops.layout import broadcast_in_dim, reduce_sum, reshape
from fnx.ops.reduction import reduce_or
from fnx.ops.trigonometric import sin
from tests.looping import as_fori, as_scan, as_while, is_positive

TOLERANCES = {FLOAT64: 1e-9, FLOAT32: 1e-4, FLOAT16: 3e-2, BFLOAT16: 2e-1}


@dataclass(frozen=True)
class Operand:
    """Where a step finds one operand.

    Attributes:
        kind: ``input`` (of the program), ``constant`` (closed over) or ``literal`` (a scalar in the
            program): the drawn value. ``direct``: an earlier value as it is.
        index: position among the program's values, of an input or a direct operand.
        value: of a constant or a literal.
        link: position of the earlier value that is linked into the drawn one, or None.
    """

    kind: str
    index: int = -1
    value: Any = None
    link: int | None = None

    def __repr__(self) -> str:
        value = "" if self.value is None else f" {_short(self.value)}"
        index = "" if self.index < 0 else f" {self.index}"
        return f"{self.kind}{index}{value}" + ("" if self.link is None else f" + value {self.link}")


def _short(x: Any) -> str:
    return f"{x.dtype}{list(x.shape)} {np.array2string(np.asarray(x), threshold=30, edgeitems=2)}"


@dataclass(frozen=True)
class Step:
    """One primitive applied; ``wrapper`` is what it is called through."""

    name: str
    params: dict[str, Any]
    operands: tuple[Operand, ...]
    wrapper: str = "plain"

    def __call__(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """The results, given the inputs and the results of earlier steps."""
        operands = [_operand(x, values) for x in self.operands]
        fixed = [x.kind == "literal" for x in self.operands]

        def apply(*moving: Any) -> tuple[Any, ...]:
            rest = iter(moving)
            pairs = zip(operands, fixed, strict=True)
            args = [x if is_fixed else next(rest) for x, is_fixed in pairs]
            return bind(REGISTRY[self.name], *args, **self.params)

        moving = [x for x, is_fixed in zip(operands, fixed, strict=True) if not is_fixed]
        return tuple(WRAPPERS[self.wrapper](apply)(*moving))


@dataclass(frozen=True, eq=False)
class Program:
    """A function of arrays, and a point where it is defined and smooth.

    Attributes:
        inputs: the point.
        steps: each makes values that later steps can read; inputs are the first values.
        outputs: positions of the values that it returns.
    """

    inputs: tuple[np.ndarray, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    note: str = field(default="", compare=False)

    def __call__(self, *inputs: Any) -> tuple[Any, ...]:
        """Run it: eagerly, or under whatever traces the inputs belong to."""
        values = list(inputs)
        for step in self.steps:
            values += step(values)
        return tuple(values[i] for i in self.outputs)

    @property
    def active(self) -> tuple[int, ...]:
        """The inputs that have a derivative: the floating-point ones."""
        return tuple(i for i, x in enumerate(self.inputs) if x.dtype in FLOATS)

    def at(self, moving: Sequence[Any]) -> tuple[Any, ...]:
        """The floating-point results as a function of the floating-point inputs."""
        inputs = list(self.inputs)
        for i, x in zip(self.active, moving, strict=True):
            inputs[i] = x
        return self.at_inputs(inputs)

    def at_inputs(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """The floating-point results."""
        return tuple(y for y in self(*inputs) if aval_of(y).dtype in FLOATS)

    def without_wrappers(self, *names: str) -> Program:
        """The same program, its steps called plainly: those with these wrappers, or all."""
        chosen = [not names or step.wrapper in names for step in self.steps]
        pairs = zip(self.steps, chosen, strict=True)
        steps = [replace(s, wrapper="plain") if is_chosen else s for s, is_chosen in pairs]
        return replace(self, steps=tuple(steps))

    @property
    def point(self) -> tuple[np.ndarray, ...]:
        """The floating-point inputs."""
        return tuple(self.inputs[i] for i in self.active)

    @functools.cached_property
    def tolerance(self) -> float:
        """The relative error allowed in results: that of the narrowest float inside."""
        values = list(self.inputs)
        for step in self.steps:
            values += [np.asarray(x) for x in replace(step, wrapper="plain")(values)]
        values += [x.value for x in self._drawn() if x.value is not None]
        dtypes = {x.dtype for x in values}
        return max([TOLERANCES.get(dtype, 0.0) for dtype in dtypes])

    def _drawn(self) -> list[Operand]:
        return [x for step in self.steps for x in step.operands]

    def __repr__(self) -> str:
        """The steps, for failure messages: enough to write the example by hand."""
        lines = [f"inputs {[_short(x) for x in self.inputs]}"]
        at = len(self.inputs)
        for step in self.steps:
            lines.append(f"{at}: {step.wrapper} {step.name} {step.params} of {list(step.operands)}")
            at += len(step(self._before(at)))
        return "\n".join([self.note, *lines, f"outputs {self.outputs}"])

    def _before(self, at: int) -> list[Any]:
        values = list(self.inputs)
        for step in self.steps:
            if len(values) >= at:
                break
            values += step(values)
        return values


# Operands -----------------------------------------------------------------------------------------


def _operand(x: Operand, values: Sequence[Any]) -> Any:
    base = values[x.index] if x.kind in ("input", "direct") else x.value
    return base if x.link is None else linked(base, values[x.link])


def linked(base: Any, earlier: Any) -> Any:
    """``base``, moved a little by an earlier value: by at most 1/16 where it is a float."""
    aval, other = aval_of(base), aval_of(earlier).dtype
    if aval.dtype == BOOL:
        bits = earlier if other == BOOL else ne(earlier, 0)
        return xor(base, adapt(bits, aval.shape, reduce_or))
    if other not in FLOATS:  # of integers, whether they are zero: their size could be anything
        earlier = earlier if other == BOOL else ne(earlier, 0)
    if other != aval.dtype or other not in FLOATS:
        earlier = convert(earlier, dtype=aval.dtype)
    moved = adapt(earlier, aval.shape, reduce_sum)
    if aval.dtype in FLOATS:
        count = aval_of(earlier).size // max(aval.size, 1)
        moved = moved if count < 2 else mul(moved, 1 / count)  # a mean: small
        return add(base, mul(sin(moved), 0.0625))
    return add(base, and_(moved, 1))


def adapt(x: Any, shape: tuple[int, ...], reduce: Callable[..., Any]) -> Any:
    """``x`` in another shape: by broadcasting or reducing along axes, if it fits; else reshaped."""
    old = aval_of(x).shape
    if old == shape:
        return x
    if (dims := embedding(old, shape)) is not None:
        return broadcast_in_dim(x, shape=shape, dimensions=dims)
    if (kept := embedding(shape, old)) is not None:
        return reduce(x, axes=tuple(axis for axis in range(len(old)) if axis not in kept))
    if math.prod(old) == math.prod(shape):
        return reshape(x, shape=shape)
    total = reduce(x, axes=tuple(range(len(old))))
    return broadcast_in_dim(total, shape=shape, dimensions=())


def embedding(small: tuple[int, ...], large: tuple[int, ...]) -> tuple[int, ...] | None:
    """Increasing axes of ``large`` that have the sizes of ``small``; the last such, or None."""
    found = [
        axes
        for axes in itertools.combinations(range(len(large)), len(small))
        if tuple(large[axis] for axis in axes) == small
    ]
    return found[-1] if found else None


def is_linkable(value: np.ndarray, dtype: np.dtype) -> bool:
    """Whether a value may be linked into an operand: finite, and without a jump."""
    if value.dtype in FLOATS:
        return dtype in FLOATS and bool(np.isfinite(value.astype(FLOAT64)).all())
    return True


# Wrappers: the same function through a primitive of higher order ----------------------------------


def as_call(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` as one ``jit`` equation: what `fnx.jit` binds under a trace."""

    def called(*args: Any) -> Any:
        jaxpr, consts = trace_closed(f, [aval_of(x) for x in args])
        return call(jaxpr, *consts, *args, name="called")

    return called


def with_jvp_rule(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` with its own derivative as a custom rule of forward mode."""
    wrapped = custom_jvp(f)
    wrapped.defjvp(lambda primals, tangents: jvp(f, primals, tangents))
    return wrapped


def with_vjp_rule(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` with its own derivative as a custom rule of reverse mode."""
    wrapped = custom_vjp(f)
    wrapped.defvjp(lambda *xs: (f(*xs), xs), lambda residuals, cts: vjp(f, *residuals)[1](cts))
    return wrapped


def as_branches(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` as both branches of a ``cond`` whose predicate depends on the first operand.

    In a batch some examples take one of them and some the other.
    """

    def branched(*args: Any) -> Any:
        if not args:
            return f()
        return cond(is_positive(args[0]), f, f, *args)

    return branched


def keep_some(primitive: Primitive, *avals: Any, **params: Any) -> bool:
    """A checkpoint policy that keeps what about half of the primitives make."""
    return len(primitive.name) % 2 == 0


def with_vmap_rule(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` with its own batching as a custom rule of `vmap`."""
    wrapped = custom_vmap(f)

    @wrapped.def_vmap
    def rule(axis_size: int, in_batched: tuple[bool, ...], *args: Any) -> tuple[Any, bool]:
        axes = tuple([0 if is_mapped else None for is_mapped in in_batched])
        return vmap(f, axes, axis_size=axis_size)(*args), True

    return wrapped


WRAPPERS: dict[str, Callable[..., Any]] = {
    "plain": lambda f: f,
    "jit": as_call,
    "checkpoint": checkpoint,
    "checkpoint with a policy": functools.partial(checkpoint, policy=keep_some),
    "custom_jvp": with_jvp_rule,
    "custom_vjp": with_vjp_rule,
    "custom_vmap": with_vmap_rule,
    "cond": as_branches,
    "scan": as_scan,
    "fori": as_fori,
    "while": as_while,
    "nested": lambda f: as_scan(as_while(as_branches(f))),
}
