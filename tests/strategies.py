"""Strategies: random programs drawn from the primitive registry through the op specs.

`programs` draws a program that applies a given primitive, with others before and after it: ranks 0
to 3, sizes 0 and 1 included, all dtypes of the op specs, inputs, closed-over constants, literals,
calls through ``jit``, ``checkpoint``, ``custom_jvp`` and ``custom_vjp``, and through branches and
loops. Names, numbers of steps and seeds are what Hypothesis shrinks.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from fnx.core.dtypes import FLOAT64, FLOATS
from tests.op_specs import FLOAT_DTYPES, SPECS, Case, Draw, OpSpec
from tests.programs import Operand, Program, Step, is_linkable

NAMES = tuple(SPECS)
SMOOTH = tuple(name for name, spec in SPECS.items() if spec.wrt)
LONG_SIZES = (16, 17, 33, 40)
MOST_ELEMENTS = 3000
# A small change of a float operand makes these jump: their floats are never linked.
JUMPS = {
    "sign", "floor", "ceil", "round", "eq", "ne", "lt", "le", "gt", "ge", "argmax", "argmin",
    "bitcast", "rem",
}  # fmt: skip
APART = {"max", "min", "clamp"}  # whose operands must not come close to each other
# Smooth everywhere, and of moderate size: they read earlier results as they are.
DIRECT = {
    "neg", "sin", "cos", "tanh", "logistic", "atan", "erf", "add", "sub", "mul", "select",
    "broadcast_in_dim", "reshape", "transpose", "slice", "reverse", "pad", "concatenate",
    "reduce_sum", "dot_general", "dynamic_slice", "dynamic_update_slice", "gather", "scatter",
    "stop_gradient", "square",
}  # fmt: skip
LITERALS = {"dynamic_slice": 1, "dynamic_update_slice": 2, "pad": 1, "select": 1}  # from which on


@dataclass(frozen=True)
class Options:
    """What kind of programs to draw.

    Attributes:
        smooth: float64 only, for finite differences.
        wide: longer axes, for loops with vectors and tails.
        wrappers: what steps may be called through.
        dtypes: the dtypes that are drawn, where a primitive has one of them.
    """

    smooth: bool = False
    wide: bool = False
    wrappers: tuple[str, ...] = (
        "plain", "jit", "checkpoint", "checkpoint with a policy", "cond", "custom_jvp",
        "custom_vjp", "custom_vmap", "scan", "fori", "while", "nested",
    )  # fmt: skip
    dtypes: tuple[np.dtype, ...] = ()


ANY = Options()
FLOAT64_ONLY = Options(smooth=True)
MOSTLY_FLOATS = Options(dtypes=FLOAT_DTYPES)
WIDE = Options(wide=True)


class ProgramDraw(Draw):
    """A `Draw` for one step of a program: it takes shapes of earlier values up again.

    Every other draw is *rich*: two axes at least, of sizes from 2 to 4, and parts that leave room,
    so that no order of axes and no offset is hidden by a size of 1. Wide draws have longer axes.
    """

    def __init__(
        self, seed: int, dtype: np.dtype, known: list[tuple[int, ...]], wide: bool
    ) -> None:
        super().__init__(seed, dtype)
        self.known = known
        self.long_axes = 2 if wide else 0
        self.rich = bool(self.rng.random() < 0.5)

    def shape(self, min_rank: int = 0, max_rank: int = 3, min_size: int = 0) -> tuple[int, ...]:
        fitting = [
            shape
            for shape in self.known
            if min_rank <= len(shape) <= max_rank and min(shape, default=min_size) >= min_size
        ]
        if fitting and self.rng.random() < 0.5:
            return fitting[self.integer(0, len(fitting) - 1)]
        least = 2 if self.rich and max_rank > 2 else 0
        return super().shape(max(min_rank, least), max_rank, min_size)

    def size(self, low: int = 0, high: int = 3) -> int:
        if high == 3 and self.long_axes and self.rng.random() < 0.6:
            self.long_axes -= 1
            return LONG_SIZES[self.integer(0, len(LONG_SIZES) - 1)]
        return self.integer(2, 4) if self.rich and high == 3 else super().size(low, high)

    def part(self, n: int) -> int:
        if self.rich and n > 1:
            return self.integer(1, n - 1)
        return 0 if not n or self.rng.random() < 0.1 else self.integer(1, n)

    def integers(self, n: int, low: int, high: int) -> tuple[int, ...]:
        """In rich draws small and not negative: a start that is clamped hides an offset."""
        if self.rich:
            low, high = max(low, 0), min(high, 2)
        return super().integers(n, low, high)


class Drawing:
    """A program while it is drawn, with the values that its steps have at its point."""

    def __init__(self, seed: int, options: Options) -> None:
        self.rng = np.random.default_rng(seed)
        self.seed = seed
        self.options = options
        self.inputs: list[np.ndarray] = []
        self.steps: list[Step] = []
        self.made: list[np.ndarray] = []  # results of the steps
        self.read: set[int] = set()  # positions among the results

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def step(self, name: str, main: bool) -> None:
        """Apply a primitive; the main one of the program mostly to inputs."""
        spec = SPECS[name]
        case = self.case(spec)
        operands: tuple[Operand, ...] = ()
        for x in case.args:
            operands += (self.operand(spec, operands, x, len(case.args), main),)
        wrapper = self.wrapper(case)
        step = Step(name, case.params, operands, wrapper)
        self.steps.append(step)
        plain = Step(name, case.params, operands)
        self.made += [np.asarray(y) for y in plain(self.values)]

    @property
    def values(self) -> list[np.ndarray]:
        return _ordered(self.inputs, self.made)

    def case(self, spec: OpSpec) -> Case:
        """A case; if it can read earlier results as they are, one with such an operand."""
        dtype = self.dtype(spec)
        tries = 6 if self.made and spec.name in DIRECT else 1
        for attempt in range(tries):
            case = self.one_case(spec, dtype, attempt)
            if tries > 1 and any(self.fitting(x) for x in case.args):
                break
        return case

    def one_case(self, spec: OpSpec, dtype: np.dtype, attempt: int) -> Case:
        seed = int(self.rng.integers(2**31)) + zlib.crc32(spec.name.encode()) % 10_000
        known = [x.shape for x in (*self.inputs, *self.made)]
        case = spec.draw(ProgramDraw(seed, dtype, known, self.options.wide))
        if any(x.size > MOST_ELEMENTS for x in case.args):
            case = spec.draw(Draw(seed, dtype))
        if self.options.smooth and spec.name == "convert":
            return Case(case.args, {**case.params, "dtype": FLOAT64})
        return case

    def dtype(self, spec: OpSpec) -> np.dtype:
        if self.options.smooth and FLOAT64 in spec.dtypes:
            return FLOAT64
        chosen = [d for d in spec.dtypes if d in self.options.dtypes] or list(spec.dtypes)
        last = self.made[-1].dtype if self.made else None
        if last is not None and last in chosen and self.chance(0.7):
            return last
        return chosen[int(self.rng.integers(len(chosen)))]

    def fitting(self, x: np.ndarray) -> list[int]:
        """Results that can be an operand as they are."""
        return [
            i
            for i, y in enumerate(self.made)
            if y.shape == x.shape
            and y.dtype == x.dtype
            and np.isfinite(y.astype(FLOAT64)).all()
            and np.abs(y.astype(FLOAT64)).max(initial=0) < 100
        ]

    def operand(
        self, spec: OpSpec, others: tuple[Operand, ...], x: np.ndarray, count: int, main: bool
    ) -> Operand:
        """Where the operand that comes after ``others`` is found, for which ``x`` was drawn."""
        x = np.ascontiguousarray(x).reshape(x.shape)
        fitting = self.fitting(x) if spec.name in DIRECT else []
        if fitting and self.chance(0.8) and not (x.dtype not in FLOATS and spec.name != "select"):
            chosen = fitting[int(self.rng.integers(len(fitting)))]
            self.read.add(chosen)
            return Operand("direct", index=-1 - chosen)
        are_left = sum(other.kind != "literal" for other in others) or len(others) < count - 1
        place = len(others)
        if are_left and self.takes_literal(spec, place) and self.chance(0.12 if main else 0.3):
            return Operand("literal", value=self.literal(spec, place, x))
        link = self.link(spec, x) if self.chance(0.85) else None
        if self.chance(0.85 if main else 0.5):
            self.inputs.append(x)
            return Operand("input", index=len(self.inputs) - 1, link=link)
        return Operand("constant", value=x, link=link)

    def takes_literal(self, spec: OpSpec, position: int) -> bool:
        return position >= LITERALS.get(spec.name, 0 if len(spec.domain) > 1 else 99)

    def literal(self, spec: OpSpec, position: int, x: np.ndarray) -> np.generic:
        """A scalar that the case allows; halfway between the others where they must be apart."""
        if spec.name in APART and x.dtype in FLOATS:
            return x.dtype.type(0.5 + (position if spec.name == "clamp" else 0))
        low, high = spec.domain[position] if spec.domain else (0, 1)
        if x.size:
            return x.flat[0]
        return np.asarray((low + high) / 2).astype(x.dtype)[()]

    def link(self, spec: OpSpec, x: np.ndarray) -> int | None:
        is_smooth = self.options.smooth and spec.name in ("convert", "rem")
        if x.dtype in FLOATS and (spec.name in JUMPS or spec.name == "convert") and not is_smooth:
            return None
        fitting = [i for i, y in enumerate(self.made) if is_linkable(y, x.dtype)]
        if not fitting:
            return None
        chosen = fitting[-1] if self.chance(0.6) else fitting[int(self.rng.integers(len(fitting)))]
        self.read.add(chosen)
        return -1 - chosen

    def wrapper(self, case: Case) -> str:
        wrappers = self.options.wrappers
        if not all(x.dtype in FLOATS for x in case.args) or not case.args:
            wrappers = tuple(w for w in wrappers if not w.startswith("custom"))
        if len(wrappers) == 1 or self.chance(0.6):
            return wrappers[0]
        return wrappers[int(self.rng.integers(len(wrappers)))]

    def program(self, note: str) -> Program:
        """The program; it returns the results that nobody read, and some of the others."""
        count = len(self.inputs)
        outputs = [i for i in range(len(self.made)) if i not in self.read or self.chance(0.3)]
        steps = tuple(_renumbered(step, count) for step in self.steps)
        return Program(tuple(self.inputs), steps, tuple(count + i for i in outputs), note)


def _ordered(inputs: list[np.ndarray], made: list[np.ndarray]) -> list[np.ndarray]:
    """Values such that inputs count from the front, and results, as ``-1 - i``, from the back."""
    return [*inputs, *reversed(made)]


def _renumbered(step: Step, count: int) -> Step:
    def place(index: int | None) -> int | None:
        return index if index is None or index >= 0 else count - 1 - index

    operands = tuple(
        Operand(
            x.kind, place(x.index) if x.kind in ("input", "direct") else -1, x.value, place(x.link)
        )
        for x in step.operands
    )
    return Step(step.name, step.params, operands, step.wrapper)


@dataclass(frozen=True)
class Recipe:
    """What determines a program, but for its main primitive and the options."""

    seed: int = 0
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def program(self, name: str, options: Options = ANY) -> Program:
        """The program that applies the primitive ``name``; the same for the same arguments."""
        drawing = Drawing(self.seed, options)
        for other in self.before:
            drawing.step(other, main=False)
        drawing.step(name, main=True)
        for other in self.after:
            drawing.step(other, main=False)
        return drawing.program(f"{self}.program({name!r}, {options})")


def recipes(
    others: tuple[str, ...] = NAMES, before: int = 1, after: int = 2
) -> st.SearchStrategy[Recipe]:
    """Programs with so many other primitives before and after the main one, at most."""
    names = st.sampled_from(others)
    return st.builds(
        Recipe,
        st.integers(0, 2**31 - 1),
        st.lists(names, max_size=before).map(tuple),
        st.lists(names, max_size=after).map(tuple),
    )
