"""Run one scalar operation as compiled code over whole arrays, at any vector width."""

from __future__ import annotations

import ctypes
import functools

import numpy as np
from llvmlite import ir

from fnx_xla_lite.backends.cpu.emit_types import from_memory, memory_type, rounded, to_memory
from fnx_xla_lite.backends.cpu.engine import compile_text
from fnx_xla_lite.backends.cpu.math_lanes import Lanes
from fnx_xla_lite.backends.cpu.scalar import emit_scalar
from fnx_xla_lite.backends.cpu.target import Target, host
from fnx_xla_lite.hlo.dtypes import from_numpy, to_numpy

POINTER, INDEX = ir.PointerType(), ir.IntType(64)


@functools.cache
def _compiled(op, arg_dtypes, dtype, detail, lanes, target: Target):
    module = ir.Module()
    kind = ir.FunctionType(ir.VoidType(), [POINTER] * (len(arg_dtypes) + 1) + [INDEX])
    function = ir.Function(module, kind, "run")
    *inputs, output, count = function.args
    entry, loop, done = (function.append_basic_block(name) for name in ("entry", "loop", "done"))
    ir.IRBuilder(entry).branch(loop)
    builder = ir.IRBuilder(loop)
    i = builder.phi(INDEX)
    i.add_incoming(INDEX(0), entry)
    args = []
    for pointer, kind in zip(inputs, arg_dtypes, strict=True):
        place = builder.gep(pointer, [i], source_etype=memory_type(kind))
        raw = builder.load(place, typ=memory_type(kind, lanes), align=1)
        args.append(from_memory(builder, raw, kind))
    result = rounded(builder, emit_scalar(builder, op, args, arg_dtypes, dtype, detail), dtype)
    place = builder.gep(output, [i], source_etype=memory_type(dtype))
    builder.store(to_memory(builder, result, dtype), place, align=1)
    following = builder.add(i, INDEX(max(lanes, 1)))
    i.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, done)
    ir.IRBuilder(done).ret_void()
    return compile_text(str(module), target, exports=["run"])


def run_scalar(op, *arrays, dtype=None, detail="", lanes=16, target=None):
    """``op`` on every element of arrays of one length; ``lanes=0`` runs scalar code."""
    arg_dtypes = tuple(from_numpy(x.dtype) for x in arrays)
    dtype = dtype or arg_dtypes[0]
    library = _compiled(op, arg_dtypes, dtype, detail, lanes, target or host())
    size, step = arrays[0].size, max(lanes, 1)
    padded = -(-size // step) * step
    inputs = [np.resize(np.ascontiguousarray(x), padded) for x in arrays]
    output = np.empty(padded, to_numpy(dtype))
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (len(inputs) + 1), ctypes.c_int64)
    kind(library.address("run"))(*[x.ctypes.data for x in inputs], output.ctypes.data, padded)
    return output[:size]


def run_expression(expression, x, lanes=8):
    """What ``expression``, a function of ``Lanes``, gives for every element of ``x``."""
    dtype = from_numpy(x.dtype)
    module = ir.Module()
    kind = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, INDEX])
    function = ir.Function(module, kind, "run")
    source, output, i = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    places = [builder.gep(p, [i], source_etype=memory_type(dtype)) for p in (source, output)]
    value = Lanes(builder, builder.load(places[0], typ=memory_type(dtype, lanes), align=1))
    builder.store(expression(value).value, places[1], align=1)
    builder.ret_void()
    library = compile_text(str(module), host(), exports=["run"])
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    found = np.empty_like(x)
    for start in range(0, x.size, lanes):
        kind(library.address("run"))(x.ctypes.data, found.ctypes.data, start)
    return found
