"""Build kernels: a fused computation -> the kernels that compute it, verified.

Input: a computation whose values all have static shapes. Output: kernel calls in order; identical
    kernels are one object.
Invariant: every kernel has passed ``loops.verify``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fnx_xla_lite.errors import UnsupportedOpError
from fnx_xla_lite.fusion.access import MOVES, is_elementwise
from fnx_xla_lite.fusion.cost import is_split
from fnx_xla_lite.hlo.ir import Computation, Instruction, Value
from fnx_xla_lite.loops.elementwise import build_elementwise
from fnx_xla_lite.loops.ir import Kernel
from fnx_xla_lite.loops.nest import NotAffineError
from fnx_xla_lite.loops.partial import build_first_stage, split_body
from fnx_xla_lite.loops.products import build_product
from fnx_xla_lite.loops.reductions import build_reduction
from fnx_xla_lite.loops.separate import separate
from fnx_xla_lite.loops.updates import build_update, is_update
from fnx_xla_lite.loops.verify import verify
from fnx_xla_lite.loops.windows import build_windows

SKIPPED_NAMES = frozenset({"constant", "broadcast_in_dim", "reshape", "iota", "convert", "slice"})

BUILT = MOVES | {
    *("constant", "iota", "gather", "scatter", "dynamic_slice", "dynamic_update_slice"),
    *("reduce", "reduce_window", "dot_general"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One kernel and the values it reads and writes.

    ``in_place`` pairs an output with the value it starts from.
    """

    kernel: Kernel
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    in_place: tuple[tuple[Value, Value], ...] = ()


class KernelBuilder:
    """Builds the kernels of one program: gives names, shares what is identical."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.kernels: dict[tuple, Kernel] = {}

    def build(self, body: Computation, location: str | None = None) -> list[Call]:
        """The calls that compute ``body``; nothing for results without elements.

        Raises:
            UnsupportedOpError: an instruction has no loops.
        """
        require_loops(body)
        if all(result.type.size == 0 for result in body.results):
            return []
        try:
            return self._build(body, location)
        except NotAffineError:
            parts = separate(body)
            if not parts:
                raise
        return [call for part in parts for call in self.build(part, location)]

    def _build(self, body: Computation, location: str | None) -> list[Call]:
        ops = {instr.op for instr in body.instructions}
        if any(is_update(i) for i in body.instructions):
            return [self._call(body, location, build_update)]
        if "reduce_window" in ops:
            return [self._call(body, location, build_windows)]
        if "dot_general" in ops:
            return [self._call(body, location, build_product)]
        if "reduce" not in ops:
            return [self._call(body, location, build_elementwise)]
        return self._reduction(body, location)

    def _reduction(self, body: Computation, location: str | None) -> list[Call]:
        reduce = next(i for i in body.instructions if i.op == "reduce")
        if is_split(reduce.operands[0].type.shape, reduce.attributes["dimensions"]):
            stages = split_body(body)
            if stages is not None:
                first, second = stages
                calls = [self._call(first, location, build_first_stage)]
                return [*calls, *self.build(second, location)]
        return [self._call(body, location, build_reduction)]

    def _call(self, body: Computation, location: str | None, build) -> Call:
        built = build(body, "kernel", location)
        kernel, in_place = built if isinstance(built, tuple) else (built, ())
        key = kernel.buffers, kernel.body
        known = self.kernels.get(key)
        if known is None:
            known = verify(replace(kernel, name=self._name(body)))
            self.kernels[key] = known
        inputs = tuple(body.parameters[int(b.name[2:])] for b in known.buffers if b.role == "input")
        return Call(known, inputs, body.results, in_place)

    def _name(self, body: Computation) -> str:
        """Such as ``fused_exponential_reduce_3``: telling operations and a number."""
        ops = [i.op for i in body.instructions if i.op not in SKIPPED_NAMES]
        ops = ops or [i.op for i in body.instructions]
        telling = list(dict.fromkeys(_telling(ops)))
        stem = telling[0] if len(ops) == 1 else "fused_" + "_".join(telling)
        number = self.names.get(stem, 0)
        self.names[stem] = number + 1
        return f"{stem}_{number}" if number else stem


def _telling(ops: list[str]) -> list[str]:
    heavy = [
        op for op in ops if op in ("dot_general", "reduce", "exponential", "tanh", "log", "erf")
    ]
    return [*heavy[:2], ops[-1]] if heavy else [ops[0], ops[-1]]


def single(instr: Instruction) -> Computation:
    """One instruction as a computation."""
    inputs = dict.fromkeys(instr.operands)
    return Computation(tuple(inputs), (instr,), instr.results)


def require_loops(body: Computation) -> None:
    """Check that every instruction can be built.

    Raises:
        UnsupportedOpError: one cannot; the message names the user's line.
    """
    for instr in body.instructions:
        if instr.op not in BUILT and not is_elementwise(instr):
            where = f" ({instr.location})" if instr.location else ""
            raise UnsupportedOpError(f"operation {instr.op!r} cannot be built into loops{where}")
