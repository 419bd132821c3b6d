"""Counted loops in LLVM IR for the matrix product's packing and macro loops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from llvmlite import ir

from fnx_xla_lite.backends.cpu.gemm_types import INT64, POINTER, int64


@contextmanager
def counted(
    builder: ir.IRBuilder, start: ir.Value, stop: ir.Value, step: int = 1, name: str = "i"
) -> Iterator[ir.Value]:
    """Emit ``for i in range(start, stop, step)``; inside, the builder stands in the body."""
    before = builder.block
    head = builder.append_basic_block(f"{name}.head")
    body = builder.append_basic_block(f"{name}.body")
    after = builder.append_basic_block(f"{name}.after")
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(INT64, name)
    index.add_incoming(start, before)
    builder.cbranch(builder.icmp_signed("<", index, stop), body, after)
    builder.position_at_end(body)
    yield index
    index.add_incoming(builder.add(index, int64(step)), builder.block)
    builder.branch(head)
    builder.position_at_end(after)


@dataclass(slots=True)
class Carried:
    """An open loop that carries values on: set ``following`` before leaving its body."""

    index: ir.Value
    values: list[ir.Value]
    following: list[ir.Value]


@contextmanager
def carrying(
    builder: ir.IRBuilder, start: ir.Value, stop: ir.Value, step: int, initial: list[ir.Value]
) -> Iterator[Carried]:
    """Emit a counted loop whose ``values`` are ``initial`` at first and the last ones after it."""
    before = builder.block
    head = builder.append_basic_block("carry.head")
    body = builder.append_basic_block("carry.body")
    after = builder.append_basic_block("carry.after")
    builder.branch(head)
    builder.position_at_end(head)
    phis = [builder.phi(value.type) for value in [start, *initial]]
    builder.cbranch(builder.icmp_signed("<", phis[0], stop), body, after)
    builder.position_at_end(body)
    loop = Carried(phis[0], phis[1:], [])
    yield loop
    following = [builder.add(phis[0], int64(step)), *loop.following]
    for phi, first, value in zip(phis, [start, *initial], following, strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)


def smaller(builder: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """The lesser of two signed ``i64``."""
    return builder.select(builder.icmp_signed("<", x, y), x, y)


def element(
    builder: ir.IRBuilder, base: ir.Value, kind: ir.Type, index: ir.Value | int
) -> ir.Value:
    """The address of element ``index`` of an array of ``kind``."""
    assert base.type == POINTER, base.type
    if index == 0:
        return base
    offset = int64(index) if isinstance(index, int) else index
    return builder.gep(base, [offset], source_etype=kind)


def scaled(builder: ir.IRBuilder, value: ir.Value, factor: int) -> ir.Value:
    """``value * factor``, folded where the factor is 0 or 1 or the value is constant."""
    if isinstance(value, ir.Constant):
        return int64(value.constant * factor)
    if factor == 0:
        return int64(0)
    return value if factor == 1 else builder.mul(value, int64(factor))


def quotient(builder: ir.IRBuilder, value: ir.Value, by: int) -> ir.Value:
    """``value // by`` of a value that is not negative, folded where it is constant."""
    if isinstance(value, ir.Constant):
        return int64(value.constant // by)
    return builder.udiv(value, int64(by))


def total(builder: ir.IRBuilder, *terms: ir.Value) -> ir.Value:
    """The sum of ``i64`` values, constants folded."""
    fixed = sum(term.constant for term in terms if isinstance(term, ir.Constant))
    moving = [term for term in terms if not isinstance(term, ir.Constant)]
    if not moving:
        return int64(fixed)
    result = moving[0]
    for term in moving[1:]:
        result = builder.add(result, term)
    return builder.add(result, int64(fixed)) if fixed else result


def difference(builder: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """``x - y`` of ``i64`` values, constants folded."""
    if isinstance(y, ir.Constant):
        return total(builder, x, int64(-y.constant))
    return builder.sub(x, y)
