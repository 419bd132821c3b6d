"""Floats narrower than f32 through every kind of kernel: native code against the interpreter."""

from __future__ import annotations

import re

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from fnx_xla_lite import Builder, compile, interpret
from fnx_xla_lite.backends.cpu import target
from fnx_xla_lite.backends.cpu.gemm_pack import Packing, packer
from fnx_xla_lite.backends.cpu.gemm_types import ITEMSIZE, compute_dtype
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.opset import OPS

NARROW = ("f16", "bf16", "f8E5M2", "f8E4M3FN")
TOLERANCE = {"f16": 4e-3, "bf16": 3e-2, "f8E5M2": 0.3, "f8E4M3FN": 0.15}
SIZES = ((5, 7), (16, 24), (33, 70))  # within a vector, whole vectors, vectors and a tail


def reduced(b, x, dimensions, op):
    start = b.constant(np.array(OPS[op].identity(x.type.dtype)))
    return b.reduce(x, start, dimensions, op)


def elementwise(b, x, y):
    return b.divide(b.add(b.multiply(x, y), b.tanh(x)), b.exponential(y)), b.maximum(x, y)


def reductions(b, x, y):
    return [reduced(b, x, d, op) for d in ((0,), (1,), (0, 1)) for op in ("add", "maximum")]


def moves(b, x, y):
    rows, columns = x.type.shape
    return (
        b.transpose(x, (1, 0)),
        b.add(b.transpose(x, (1, 0)), b.transpose(y, (1, 0))),
        b.reverse(b.negate(x), (1,)),
        b.negate(b.slice(x, (0, 1), (rows, columns), (1, 3))),
        b.pad(b.negate(x), reduced(b, x, (0, 1), "maximum"), (1, 2), (0, 1), (0, 1)),
        b.concatenate([b.negate(x), y], 1),
    )


def conversions(b, x, y):
    kinds = ("f32", "f64", "i32", "i1", *NARROW)
    return [b.convert(x, kind) for kind in kinds if kind != x.type.dtype]


def products(b, x, y):
    dtype, bias = x.type.dtype, b.tanh(reduced(b, y, (0,), "maximum"))
    plain = b.dot_general(x, y, contracting=((0,), (0,)), out_dtype="f32")
    square = b.dot_general(x, y, contracting=((1,), (1,)), out_dtype="f32")
    narrow = b.dot_general(b.transpose(x, (1, 0)), y, contracting=((1,), (0,)))
    spread = b.broadcast_in_dim(bias, narrow.type.shape, (1,))
    scaled = b.multiply(narrow, b.full(0.25, narrow.type.shape, dtype))
    return plain, square, b.tanh(b.add(scaled, spread))


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("made", [elementwise, reductions, moves, conversions, products])
def test_native_code_means_what_the_interpreter_means(made, size, dtype):
    b = Builder()
    x, y = b.parameter(size, dtype), b.parameter(size, dtype)
    module = b.build(*made(b, x, y))
    rng = np.random.default_rng(sum(size))
    # Of one sign: what a sum in another order differs by stays small beside the sum.
    arrays = [(rng.random(size) + 0.25).astype(to_numpy(dtype)) for _ in range(2)]
    if made is reductions:
        arrays = [(a.astype(np.float32) / 4096).astype(a.dtype) for a in arrays]
    for got, want in zip(compile(module)(*arrays), interpret(module, *arrays), strict=True):
        assert got.dtype == want.dtype
        wide = [np.asarray(array).astype(np.float64) for array in (got, want)]
        rtol = TOLERANCE[dtype] * (8 if made is products else 1)
        np.testing.assert_allclose(*wide, rtol=rtol, atol=1e-6)


NAMED = (target.AVX2, target.AVX512, target.NEON)
ARCHITECTURE = target.host().triple.split("-")[0]
MACHINES = [target.host(), *(m for m in NAMED if m.triple.startswith(ARCHITECTURE))]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: f"{machine.name}-{machine.cpu}")
@pytest.mark.parametrize("source", [*NARROW, "i8", "ui8", "i16", "i32", "f32", "f64", "i64"])
def test_packers_become_machine_code(machine, source):
    """They are not optimised, and some of LLVM's passes expect that everything is."""
    dtype = compute_dtype(source)
    module = ir.Module("test")
    module.triple = machine.triple
    for method in ("runs", "transpose", "elements"):
        if method != "transpose" or ITEMSIZE[dtype] in (4, 8):
            spec = Packing(method, source, dtype, machine.lanes(dtype))
            packer(module, spec).linkage = "external"
    text = str(module)
    # A vector of half that is put together lane by lane is what LLVM 22 aborts on.
    assert not re.search(r"masked\.load\.v\d+f16|(load|insertelement) <\d+ x half>", text)
    parsed = llvm.parse_assembly(text)
    parsed.verify()
    assert len(machine.machine(2).emit_object(parsed)) > 1000
