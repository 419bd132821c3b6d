"""Epilogue: a finished register tile -> what the kernel stores.

The tile lies in L1 in the compute type; the backend's emitter of scalar expressions runs the
epilogue's statements for one vector of consecutive n of one row at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llvmlite import ir

from fnx_xla_lite.backends.cpu.gemm_blocking import Plan
from fnx_xla_lite.backends.cpu.gemm_loops import counted, element, scaled, total
from fnx_xla_lite.backends.cpu.gemm_problem import Problem
from fnx_xla_lite.backends.cpu.gemm_types import (
    INT64,
    ITEMSIZE,
    POINTER,
    STORAGE,
    int64,
    lane_mask,
    vector_of,
)
from fnx_xla_lite.loops import ir as loops

# emit(builder, pointers, bindings, vector, lanes, mask, acc) runs the epilogue's statements for
# ``lanes`` consecutive values of the loop variable ``vector``: ``pointers[name]`` is a buffer's
# address, ``bindings[variable]`` its value in lane 0 (i64), ``mask`` a vector of i1 (None: all
# lanes), ``acc`` the vector of sums (f32 where the accumulator is of a narrower float type).
EmitEpilogue = Callable[
    [
        ir.IRBuilder,
        Mapping[str, ir.Value],
        Mapping[str, ir.Value],
        str,
        int,
        ir.Value | None,
        ir.Value,
    ],
    None,
]


def load_pointers(
    builder: ir.IRBuilder, kernel: loops.Kernel, buffers: ir.Value
) -> dict[str, ir.Value]:
    """The address of every parameter of ``kernel``."""
    pointers = {}
    for position, buffer in enumerate(kernel.parameters):
        pointers[buffer.name] = builder.load(
            element(builder, buffers, POINTER, position), typ=POINTER
        )
    return pointers


def epilogue_function(
    module: ir.Module,
    kernel: loops.Kernel,
    matmul: loops.Matmul,
    problem: Problem,
    plan: Plan,
    emit: EmitEpilogue,
) -> ir.Function:
    """``void(buffers, batch, m, n, rows, columns, tile)``: one tile, edges masked."""
    signature = ir.FunctionType(ir.VoidType(), [POINTER, *[INT64] * 5, POINTER])
    function = ir.Function(module, signature, f"{kernel.name}.epilogue")
    function.linkage = "internal"
    buffers, batch, m, n, rows, columns, tile = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    pointers = load_pointers(builder, kernel, buffers)
    outer = batch_bindings(builder, matmul, batch)
    lanes = epilogue_lanes(plan)
    scalar = STORAGE[plan.dtype]
    with (
        counted(builder, int64(0), rows, name="row") as row,
        counted(builder, int64(0), columns, lanes, name="column") as column,
    ):
        place = total(builder, scaled(builder, row, plan.columns), column)
        address = element(builder, tile, scalar, place)
        acc = builder.load(address, typ=vector_of(scalar, lanes), align=ITEMSIZE[plan.dtype])
        if problem.dtype == "i1":
            acc = builder.trunc(acc, vector_of(ir.IntType(1), lanes))
        mask = None
        if problem.n % lanes:
            mask = lane_mask(builder, builder.sub(columns, column), lanes)
        inner = {problem.m_name: builder.add(m, row), problem.n_name: builder.add(n, column)}
        emit(builder, pointers, {**outer, **inner}, problem.n_name, lanes, mask, acc)
    builder.ret_void()
    return function


def epilogue_lanes(plan: Plan) -> int:
    """Lanes of one epilogue vector: two hardware vectors where the tile's width allows."""
    return plan.lanes * 2 if plan.vectors % 2 == 0 else plan.lanes


def batch_bindings(
    builder: ir.IRBuilder, matmul: loops.Matmul, index: ir.Value
) -> dict[str, ir.Value]:
    """The batch variables' values from the batch's number, the last variable fastest."""
    values: dict[str, ir.Value] = {}
    for position, (name, extent) in reversed(list(enumerate(matmul.batch))):
        if extent == 1:
            values[name] = int64(0)
        elif position == 0:
            values[name] = index
        else:
            values[name] = builder.urem(index, int64(extent))
            index = builder.udiv(index, int64(extent))
    return values


def batch_offset(
    builder: ir.IRBuilder,
    matmul: loops.Matmul,
    values: Mapping[str, ir.Value],
    strides: tuple[int, ...],
) -> ir.Value:
    """Elements from an operand's first batch to this one."""
    names = [name for name, _ in matmul.batch]
    terms = [scaled(builder, values[n], s) for n, s in zip(names, strides, strict=True)]
    return total(builder, int64(0), *terms)
