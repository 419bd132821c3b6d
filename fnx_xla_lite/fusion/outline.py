"""Outline: HloModule -> HloModule in which every group of instructions is one ``fusion``.

Input: calls inlined. Output: the entry computation (and every region of its control flow) holds
fusions, control flow, constants, and renamings of memory (reshape, optimization_barrier, bitcasts
between widths). A fusion's region has parameters for what it reads from memory; what is virtual is
repeated inside. Instructions with an effect stay in their order, whether or not anybody reads their
results. Fusions stand in an order in which the other readers of a parameter come before the fusion
that may overwrite it, where dependencies allow.
"""

from __future__ import annotations

from dataclasses import replace

from fnx_xla_lite.fusion.cuts import NONE, extents_of, find_cuts, natural_cuts
from fnx_xla_lite.fusion.decide import decide
from fnx_xla_lite.fusion.graph import Graph, is_rename, regroups
from fnx_xla_lite.fusion.outliner import CONTROL, Outliner, Pairs, renamed
from fnx_xla_lite.fusion.prepare import prepare
from fnx_xla_lite.fusion.recompute import recompute
from fnx_xla_lite.hlo.ir import Computation, HloModule, Instruction, Value
from fnx_xla_lite.hlo.regions import free_values

PLAIN = CONTROL | {"constant", "custom_call", "reshape", "fusion"}


def fuse(module: HloModule) -> HloModule:
    """Fuse the entry function; what is fused already stays as it is."""
    if is_fused(module):
        return module
    module = prepare(module)
    main = module.main
    results = dict.fromkeys(main.body.results)
    takes = [
        (main.body.parameters[number], result)
        for number in sorted(main.donated)
        for result in results
        if result.type == main.body.parameters[number].type
    ]
    body = fuse_computation(main.body, takes, {})
    return replace(module, functions=(replace(main, body=body), *module.functions[1:]))


def is_fused(module: HloModule) -> bool:
    """Whether ``module`` is already in the form that ``fuse`` gives."""
    return all(_is_plain(instr) for instr in module.main.body.instructions)


def _is_plain(instr: Instruction) -> bool:
    if instr.op not in PLAIN and not is_rename(instr):
        return False
    return instr.op not in CONTROL or all(
        _is_plain(i) for r in instr.regions for i in r.instructions
    )


def fuse_computation(
    body: Computation, takes: Pairs, outer: dict[Value, Instruction]
) -> Computation:
    """Fuse one computation.

    Args:
        body: in prepared form.
        takes: (parameter, result) pairs where the result may be written over the parameter.
        outer: constants of enclosing computations, which may be repeated here.
    """
    body = _with_outer_constants(body, outer)
    fused = _fuse(Graph(body), takes)
    if all(_is_affine(i) for i in fused.instructions if i.op == "fusion"):
        return fused
    return _fuse(Graph(body, strict=True), takes)


def _fuse(graph: Graph, takes: Pairs) -> Computation:
    decision = decide(graph)
    copied = recompute(graph, decision)
    return Outliner(graph, decision, copied, fuse_computation).run(takes)


def _is_affine(fusion: Instruction) -> bool:
    """Whether a fusion's reshapes divide its index in ways that fit together."""
    (body,) = fusion.regions
    if not any(i.op == "reshape" and regroups(i) for i in body.instructions):
        return True
    cuts = find_cuts(body)
    wanted = [
        *body.results,
        *(x for i in body.instructions if i.op == "reduce" for x in i.operands),
    ]
    wanted += [i.result for i in body.instructions if i.op == "dot_general"]
    by_size: dict[int, frozenset[int]] = {}
    for value in wanted:
        size = value.type.size
        by_size[size] = (
            by_size.get(size, NONE) | cuts.get(value, NONE) | natural_cuts(value.type.shape)
        )
    return all(extents_of(cuts, size) is not None for size, cuts in by_size.items())


def _with_outer_constants(body: Computation, outer: dict[Value, Instruction]) -> Computation:
    """Define again what the body reads of the enclosing computations' constants."""
    repeated = [outer[v] for v in free_values(body) if v in outer]
    if not repeated:
        return body
    names = {i.result: Value(i.result.type) for i in repeated}
    copies = [replace(i, results=(names[i.result],)) for i in repeated]
    inside = renamed(body, names)
    return replace(inside, instructions=(*copies, *inside.instructions))
