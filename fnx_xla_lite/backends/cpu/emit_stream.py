"""Streaming: which results a kernel writes past the caches, and how such a store looks.

An ordinary store first reads the line that it overwrites. Where a result is larger than what the
caches keep until somebody reads it, that is a third of a light kernel's traffic, and the lines push
out others. x86 has stores that skip both ("non-temporal", Intel's Optimization Reference Manual,
chapter on cacheability). They fault where the address is no multiple of the vector's bytes: so a
kernel with such results is emitted twice, and looks at their addresses as it begins.
"""

from __future__ import annotations

from llvmlite import ir

from fnx_xla_lite.backends.cpu.emit_scope import Scope
from fnx_xla_lite.backends.cpu.emit_types import I32, I64, POINTER
from fnx_xla_lite.backends.cpu.emit_walk import flattened, loaded_buffers
from fnx_xla_lite.backends.cpu.target import Target
from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.loops import ir as loops

LEAST_BYTES = 16 << 20  # of a result that is not looked for in a cache again
ALIGNMENT = 64  # of a streamed result's memory


def streamed(kernel: loops.Kernel, target: Target) -> frozenset[str]:
    """The results of ``kernel`` that had best be written past the caches, where the target can.

    A result that the kernel also reads stays in the caches.
    """
    if not target.triple.startswith("x86_64"):
        return frozenset()
    large = {
        buffer.name
        for buffer in kernel.parameters
        if buffer.role == "output" and buffer.size * itemsize(buffer.dtype) >= LEAST_BYTES
    }
    return frozenset(large.difference(loaded_buffers(kernel.body)))


def emit_choice(
    function: ir.Function,
    kernel: loops.Kernel,
    names: frozenset[str],
    streaming: ir.Function,
    plain: ir.Function,
) -> None:
    """``function``: one of two others, by the addresses of the buffers ``names``."""
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    together: ir.Value = ir.Constant(I64, 0)
    for position, buffer in enumerate(kernel.parameters):
        if buffer.name in names:
            place = builder.gep(
                function.args[0], [ir.Constant(I64, position)], source_etype=POINTER
            )
            address = builder.ptrtoint(builder.load(place, typ=POINTER, align=8), I64)
            together = builder.or_(together, address)
    low = builder.and_(together, ir.Constant(I64, ALIGNMENT - 1))
    with builder.if_else(builder.icmp_unsigned("==", low, ir.Constant(I64, 0))) as (then, else_):
        with then:
            builder.call(streaming, function.args)
        with else_:
            builder.call(plain, function.args)
    builder.ret_void()


def is_aligned(scope: Scope, store: loops.Store, lanes: int) -> bool:
    """Whether a run of ``lanes`` elements starts at a multiple of its own bytes, always."""
    vector = scope.vector
    if vector is None or any(isinstance(index, loops.Dynamic) for index in store.indices):
        return False
    buffer = scope.facts.buffers[store.buffer]
    place = flattened(buffer.shape, store.indices)
    # the vector loop's own variable counts up from 0 in steps of its lanes
    others = [coefficient for name, coefficient in place.terms if name != vector.var]
    return all(number % lanes == 0 for number in (place.offset, *others))


def store_streaming(builder: ir.IRBuilder, value: ir.Value, address: ir.Value, size: int) -> None:
    """Store ``size`` bytes past the caches; the address is a multiple of them, or of 64."""
    store = builder.store(value, address, align=min(size, ALIGNMENT))
    store.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(I32, 1)]))


def fence(builder: ir.IRBuilder) -> None:
    """Other threads see what was streamed before what is stored after this."""
    name = "llvm.x86.sse.sfence"
    found = builder.module.globals.get(name)
    if found is None:
        found = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), []), name)
    builder.call(found, [])
