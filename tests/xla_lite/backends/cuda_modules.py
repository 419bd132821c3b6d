"""Modules and programs for the CUDA backend's tests: everything that the loops' cases have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from fnx_xla_lite.hlo.ir import HloModule, TensorType
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.ir import Kernel
from fnx_xla_lite.loops.program import Launch, Program, Slot
from fnx_xla_lite.pipeline import fused_of
from tests.laws.large import MAKERS, large_module
from tests.xla_lite.backends.cuda_cases import PROGRAMS
from tests.xla_lite.backends.harness import random_array
from tests.xla_lite.loops.cases import CASES, build

LARGE = {make.__name__: make for make in MAKERS}
CALLBACKS = {"python"}  # run on the cpu backend only
NAMES = (
    *(name for name in CASES if name not in CALLBACKS),
    *(f"large {name}" for name in LARGE),
    *(make.__name__ for make in PROGRAMS),
)


def module_of(name: str) -> tuple[HloModule, list[np.ndarray]]:
    """One of NAMES, and arguments."""
    if name in CASES:
        return build(name)
    if name.startswith("large "):
        return large_module(LARGE[name.removeprefix("large ")], (70, 513))
    (module,) = (make() for make in PROGRAMS if make.__name__ == name)
    rng = np.random.default_rng(1)
    return module, [random_array(rng, p.type.shape, p.type.dtype) for p in parameters(module)]


def parameters(module: HloModule):
    """Values that the module is called with."""
    return module.main.body.parameters


def program_of_module(module: HloModule) -> Program:
    """What the pipeline makes of a module."""
    return build_program(fused_of(module))


def program_of_kernels(kernels: Iterable[Kernel]) -> Program:
    """A program that launches kernels one after the other, each on its own memory.

    All buffers are parameters, and the outputs are donated, so that what a kernel leaves alone is
    seen too.
    """
    types: list[TensorType] = []
    steps, results = [], []
    for made in kernels:
        slots = []
        for buffer in made.parameters:
            kind = TensorType(buffer.shape, buffer.dtype)
            slots.append(Slot("parameter", len(types), kind))
            if buffer.role == "output":
                results.append((len(types), kind))
            types.append(kind)
        steps.append(Launch(made, tuple(slots)))
    aliases = tuple((n, position) for n, (position, _) in enumerate(results))
    kinds = tuple(kind for _, kind in results)
    return Program("kernels", tuple(types), kinds, (), 0, tuple(steps), aliases)


def arguments_of(program: Program, seed: int = 0) -> Iterator[np.ndarray]:
    """Random arrays for a program."""
    rng = np.random.default_rng(seed)
    for kind in program.parameters:
        yield random_array(rng, kind.shape, kind.dtype)
