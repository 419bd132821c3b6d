"""Execute programs in NumPy over real memory.

One arena of bytes, result buffers, donated parameters: the oracle for backends.
"""

from __future__ import annotations

import numpy as np

from fnx_xla_lite.hlo.callbacks import call_back
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.loops.interpret import interpret
from fnx_xla_lite.loops.program import Call, Case, Copy, Launch, Program, Slot, Step, While


def execute(program: Program, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Run ``program``. Donated parameters that a result takes over are overwritten.

    Args:
        program: what ``build_program`` gives.
        arrays: C-contiguous arrays of the parameters' types.
    """
    memory = _Memory(program, arrays)
    for step in program.steps:
        memory.run(step)
    return tuple(memory.results)


class _Memory:
    """Everything that slots point into."""

    def __init__(self, program: Program, arrays: tuple[np.ndarray, ...]):
        self.callbacks = program.callbacks
        self.parameters = list(arrays)
        self.constants = [np.ascontiguousarray(c) for c in program.constants]
        self.arena = np.full(program.arena_bytes, 0xA5, np.uint8)  # what is not written shows
        aliases = dict(program.aliases)
        self.results = [
            arrays[aliases[n]] if n in aliases else np.empty(t.shape, to_numpy(t.dtype))
            for n, t in enumerate(program.results)
        ]

    def view(self, slot: Slot) -> np.ndarray:
        """The array in a slot."""
        dtype = to_numpy(slot.type.dtype)
        if slot.place == "arena":
            end = slot.index + slot.type.size * dtype.itemsize
            assert end <= self.arena.size, (slot, self.arena.size)
            return self.arena[slot.index : end].view(dtype).reshape(slot.type.shape)
        places = {"parameter": self.parameters, "result": self.results, "constant": self.constants}
        return places[slot.place][slot.index].reshape(-1).view(dtype).reshape(slot.type.shape)

    def run(self, step: Step) -> None:
        """Run one step."""
        if isinstance(step, Launch):
            interpret(step.kernel, *map(self.view, step.slots))
        elif isinstance(step, Copy):
            self.view(step.target)[...] = self.view(step.source)
        elif isinstance(step, While):
            while self._tested(step):
                for inner in step.body:
                    self.run(inner)
        elif isinstance(step, Call):
            self._call(step)
        elif isinstance(step, Case):
            index = int(self.view(step.index))
            branch = index if 0 <= index < len(step.branches) else -1
            for inner in step.branches[branch]:
                self.run(inner)

    def _call(self, step: Call) -> None:
        found = call_back(
            self.callbacks[step.number],
            [self.view(slot) for slot in step.inputs],
            [slot.type for slot in step.outputs],
        )
        for slot, x in zip(step.outputs, found, strict=True):
            self.view(slot)[...] = x

    def _tested(self, step: While) -> bool:
        for inner in step.condition:
            self.run(inner)
        return bool(self.view(step.flag))
