"""Copies of computations with fresh values, for inlining and for passes that use a region twice."""

from __future__ import annotations

from collections.abc import Mapping

from fnx_xla_lite.hlo.ir import Computation, Instruction, Value


def clone_instructions(body: Computation, values: dict[Value, Value]) -> list[Instruction]:
    """The instructions of ``body`` with fresh results.

    ``values`` maps its parameters and gains what it defines.
    """
    return [_instruction(instr, values) for instr in body.instructions]


def clone_computation(body: Computation, outer: Mapping[Value, Value]) -> Computation:
    """``body`` with fresh parameters and results.

    Values it reads from outside are mapped by ``outer``.
    """
    values = dict(outer)
    parameters = tuple(Value(p.type) for p in body.parameters)
    values.update(zip(body.parameters, parameters, strict=True))
    instructions = clone_instructions(body, values)
    return Computation(
        parameters, tuple(instructions), tuple(values.get(x, x) for x in body.results)
    )


def _instruction(instr: Instruction, values: dict[Value, Value]) -> Instruction:
    operands = tuple(values.get(x, x) for x in instr.operands)
    results = tuple(Value(x.type) for x in instr.results)
    regions = tuple(clone_computation(region, values) for region in instr.regions)
    values.update(zip(instr.results, results, strict=True))
    return Instruction(instr.op, operands, results, instr.attributes, regions, instr.location)
