"""Inline calls.

The module becomes its entry function alone, so that all passes and fusion see the whole program.
"""

from __future__ import annotations

from dataclasses import replace

from fnx_xla_lite.errors import VerifyError
from fnx_xla_lite.hlo.clone import clone_instructions
from fnx_xla_lite.hlo.ir import Computation, HloModule, Instruction, Value
from fnx_xla_lite.passes.base import substitute, with_regions


def inline_calls(module: HloModule) -> HloModule:
    """Replace every ``call``, at any depth, by its function's instructions, and drop the functions.

    Raises:
        VerifyError: functions call each other in a circle.
    """
    inliner = _Inliner(module)
    body = inliner.function(module.main.name)
    if body is module.main.body and len(module.functions) == 1:
        return module
    return replace(module, functions=(replace(module.main, body=body),))


class _Inliner:
    """Inlines callees first and keeps each finished body."""

    def __init__(self, module: HloModule) -> None:
        self._functions = {function.name: function for function in module.functions}
        self._done: dict[str, Computation] = {}
        self._open: list[str] = []

    def function(self, name: str) -> Computation:
        if name in self._open:
            circle = " -> ".join([*self._open[self._open.index(name) :], name])
            raise VerifyError(f"functions must not call themselves: {circle}")
        if name not in self._done:
            self._open.append(name)
            self._done[name] = self._computation(self._functions[name].body)
            self._open.pop()
        return self._done[name]

    def _computation(self, body: Computation) -> Computation:
        if not any(instr.op == "call" or instr.regions for instr in body.instructions):
            return body
        values: dict[Value, Value] = {}
        return self._inlined(body, values)

    def _inlined(self, body: Computation, values: dict[Value, Value]) -> Computation:
        out: list[Instruction] = []
        for instr in body.instructions:
            instr = substitute(instr, values)
            if instr.op == "call":
                out += self._call(instr, values)
                continue
            if instr.regions:
                regions = tuple(self._inlined(region, values) for region in instr.regions)
                instr = with_regions(instr, regions)
            out.append(instr)
        results = tuple(values.get(x, x) for x in body.results)
        return Computation(body.parameters, tuple(out), results)

    def _call(self, instr: Instruction, values: dict[Value, Value]) -> list[Instruction]:
        callee = self.function(instr.attributes["callee"])
        inner = dict(zip(callee.parameters, instr.operands, strict=True))
        instructions = clone_instructions(callee, inner)
        for old, result in zip(instr.results, callee.results, strict=True):
            values[old] = inner.get(result, result)
        return instructions
