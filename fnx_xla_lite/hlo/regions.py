"""Questions about regions: which monoid a body is, what it reads of others, whether it acts."""

from __future__ import annotations

from collections.abc import Iterator

from fnx_xla_lite.hlo.ir import Computation, Instruction, Value
from fnx_xla_lite.hlo.opset import OPS


def monoid_of(body: Computation) -> str | None:
    """The associative, commutative op that ``body`` applies to its two parameters, or None.

    >>> from fnx_xla_lite.hlo.builder import Builder
    >>> b = Builder()
    >>> x, y = b.parameter((), "f32"), b.parameter((), "f32")
    >>> monoid_of(b.computation(b.add(x, y)))
    'add'
    """
    if len(body.instructions) != 1 or len(body.parameters) != 2:
        return None
    (instr,) = body.instructions
    if body.results != instr.results or not OPS[instr.op].associative:
        return None
    x, y = body.parameters
    return instr.op if instr.operands in ((x, y), (y, x)) else None


def walk(computation: Computation) -> Iterator[Instruction]:
    """Every instruction, those of nested regions included, outer ones first."""
    for instr in computation.instructions:
        yield instr
        for region in instr.regions:
            yield from walk(region)


def has_effect(instr: Instruction) -> bool:
    """Whether an instruction does more than compute its results, itself or in a region.

    Such instructions are neither dropped nor merged, and stay in their order.
    """
    if instr.op == "custom_call":
        return bool(instr.attributes.get("has_side_effect"))
    return any(has_effect(inner) for region in instr.regions for inner in region.instructions)


def free_values(computation: Computation) -> tuple[Value, ...]:
    """Values of enclosing computations that ``computation`` reads, in the order of first use."""
    free: dict[Value, None] = {}
    _collect_free(computation, set(), free)
    return tuple(free)


def _collect_free(computation: Computation, bound: set[Value], free: dict[Value, None]) -> None:
    bound.update(computation.parameters)
    for instr in computation.instructions:
        free.update(dict.fromkeys(x for x in instr.operands if x not in bound))
        for region in instr.regions:
            _collect_free(region, bound, free)
        bound.update(instr.results)
    free.update(dict.fromkeys(x for x in computation.results if x not in bound))
