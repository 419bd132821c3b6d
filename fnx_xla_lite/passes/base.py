"""What a pass promises, and the forward rewriter that most passes are written with.

A pass is a function ``HloModule -> HloModule``. Given a valid module it returns a valid one with
the same results (bit for bit, special values included, unless its docstring says less), donation
and signature; it never changes its input; running it on its own output changes nothing more. Passes
take time linear in the module: one walk, dictionaries, no scans inside the walk.

``rewrite(module, rules)`` walks each computation forward. ``rules[op]`` are tried on each
instruction, whose operands have been rewritten before; a rule returns None, or the values that
replace the instruction's results, building what it needs with ``context.builder``. What it builds
is rewritten in turn, so one walk reaches the fixed point of local rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fnx_xla_lite.errors import PassError
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.constants import splat_of
from fnx_xla_lite.hlo.ir import Computation, HloModule, Instruction, Value

Pass = Callable[[HloModule], HloModule]
_LIMIT = 200  # rewrites of rewrites before we call it a loop


class Context:
    """What a rule may ask and use.

    Attributes:
        builder: builds replacement instructions, at the location of the instruction being
        rewritten.
    """

    def __init__(self) -> None:
        self.builder = Builder("rewrite")
        self._producers: dict[Value, Instruction] = {}

    def producer(self, value: Value, op: str | None = None) -> Instruction | None:
        """The instruction that makes ``value`` (None for parameters), if it is ``op``."""
        instr = self._producers.get(value)
        return instr if instr is None or op is None or instr.op == op else None

    def constant(self, value: Value) -> np.ndarray | None:
        """The array of a value that is a constant."""
        instr = self._producers.get(value)
        return instr.attributes["value"] if instr is not None and instr.op == "constant" else None

    def splat(self, value: Value) -> np.ndarray | None:
        """The rank-0 element of a value that is a constant with equal elements."""
        array = self.constant(value)
        return None if array is None else splat_of(array)

    def add_producer(self, instr: Instruction) -> None:
        """Record a finished instruction."""
        for result in instr.results:
            self._producers[result] = instr


Rule = Callable[[Context, Instruction], Sequence[Value] | Value | None]
Rules = Mapping[str, Sequence[Rule]]


def rewrite(module: HloModule, rules: Rules) -> HloModule:
    """Apply local rules everywhere, regions included, in one forward walk."""
    functions = []
    for function in module.functions:
        body = _Rewriter(rules).computation(function.body)
        functions.append(function if body is function.body else replace(function, body=body))
    if all(new is old for new, old in zip(functions, module.functions, strict=True)):
        return module
    return replace(module, functions=tuple(functions))


def map_main(module: HloModule, change: Callable[[Computation], Computation]) -> HloModule:
    """``module`` with its functions' bodies changed."""
    functions = [replace(f, body=change(f.body)) for f in module.functions]
    return replace(module, functions=tuple(functions))


def substitute(instr: Instruction, values: Mapping[Value, Value]) -> Instruction:
    """``instr`` with operands replaced; itself if none is."""
    for x in instr.operands:
        if x in values:
            return with_operands(instr, tuple(values.get(x, x) for x in instr.operands))
    return instr


def with_operands(instr: Instruction, operands: tuple[Value, ...]) -> Instruction:
    """``instr`` on other operands of the same types."""
    return Instruction(
        instr.op, operands, instr.results, instr.attributes, instr.regions, instr.location
    )


def with_regions(instr: Instruction, regions: tuple[Computation, ...]) -> Instruction:
    """``instr`` with other regions."""
    return Instruction(
        instr.op, instr.operands, instr.results, instr.attributes, regions, instr.location
    )


class _Rewriter:
    """One function: values are unique within it, so one table serves all its regions."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._context = Context()
        self._values: dict[Value, Value] = {}

    def computation(self, body: Computation) -> Computation:
        out: list[Instruction] = []
        for instr in body.instructions:
            self._visit(instr, out, 0)
        values = self._values
        results = tuple(values.get(x, x) for x in body.results)
        unchanged = len(out) == len(body.instructions) and results == body.results
        if unchanged and all(new is old for new, old in zip(out, body.instructions, strict=True)):
            return body
        return Computation(body.parameters, tuple(out), results)

    def _visit(self, instr: Instruction, out: list[Instruction], depth: int) -> None:
        instr = substitute(instr, self._values)
        if instr.regions:
            instr = self._regions(instr)
        for rule in self._rules.get(instr.op, ()):
            found = rule(self._context, instr)
            if found is not None:
                self._replace(instr, found, out, depth)
                return
        self._context.add_producer(instr)
        out.append(instr)

    def _regions(self, instr: Instruction) -> Instruction:
        regions = tuple(self.computation(region) for region in instr.regions)
        if all(new is old for new, old in zip(regions, instr.regions, strict=True)):
            return instr
        return with_regions(instr, regions)

    def _replace(
        self, instr: Instruction, found: Sequence[Value] | Value, out: list[Instruction], depth: int
    ) -> None:
        if depth > _LIMIT:
            raise PassError(f"rewriting {instr.op} does not end")
        new = (found,) if isinstance(found, Value) else tuple(found)
        for built in self._context.builder.take_instructions(instr.location):
            self._visit(built, out, depth + 1)
        for old, value in zip(instr.results, new, strict=True):
            assert old.type == value.type, f"{instr.op}: {old.type} rewritten to {value.type}"
            self._values[old] = self._values.get(value, value)
