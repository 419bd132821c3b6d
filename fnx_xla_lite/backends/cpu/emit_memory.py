"""Loads and stores: positions -> contiguous, broadcast, reversed or gathered accesses.

Lanes that a mask turns off touch no memory. Dynamic indices are clamped before use; with the bounds
that ``loops/verify.py`` proved for affine indices, no access leaves its buffer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from fnx_xla_lite.backends.cpu.emit_scope import Scope
from fnx_xla_lite.backends.cpu.emit_stream import is_aligned, store_streaming
from fnx_xla_lite.backends.cpu.emit_types import (
    I1,
    I32,
    I64,
    POINTER,
    constant,
    from_memory,
    lanes_of,
    memory_type,
    splat,
    to_memory,
    vector_of,
)
from fnx_xla_lite.backends.cpu.emit_walk import flattened
from fnx_xla_lite.hlo.dtypes import is_signed, itemsize
from fnx_xla_lite.loops import ir as loops

EmitExpr = Callable[[Scope, loops.Expr], ir.Value]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an access goes: the first lane's address, the step between lanes, offsets from data."""

    address: ir.Value
    step: int
    scattered: ir.Value | None


def emit_load(scope: Scope, load: loops.Load, emit: EmitExpr) -> ir.Value:
    """The value of ``load``: a scalar where every lane reads one element, else lanes."""
    vector = scope.vector
    place = _place(scope, load.buffer, load.indices, emit)
    kind = memory_type(load.dtype)
    align = itemsize(load.dtype)
    builder = scope.builder
    if vector is None or (place.step == 0 and place.scattered is None):
        raw = builder.load(place.address, typ=kind, align=align)
    elif place.scattered is not None or place.step not in (1, -1):
        raw = _gather(scope, place, kind, align)
    elif place.step == 1:
        raw = _load_run(builder, place.address, vector_of(kind, vector.count), scope.mask, align)
    else:
        first = _shifted(builder, place.address, kind, 1 - vector.count)
        mask = scope.mask if scope.mask is None else _reversed(builder, scope.mask)
        raw = _load_run(builder, first, vector_of(kind, vector.count), mask, align)
        raw = _reversed(builder, raw)
    return from_memory(scope.builder, raw, load.dtype)


def emit_store(scope: Scope, store: loops.Store, value: ir.Value, emit: EmitExpr) -> None:
    """Write ``value`` (a scalar or lanes) where ``store`` says."""
    vector = scope.vector
    dtype = scope.facts.buffers[store.buffer].dtype
    place = _place(scope, store.buffer, store.indices, emit)
    align, builder = itemsize(dtype), scope.builder
    if vector is None:
        builder.store(to_memory(builder, value, dtype), place.address, align=align)
    else:
        raw = to_memory(builder, splat(builder, value, vector.count), dtype)
        whole = scope.mask is None and place.scattered is None and place.step == 1
        if whole and store.buffer in scope.streamed and is_aligned(scope, store, vector.count):
            store_streaming(builder, raw, place.address, vector.count * align)
        else:
            _store_lanes(scope, place, raw, memory_type(dtype), align)
    scope.forget(store.buffer)


def prefetch(scope: Scope, load: loops.Load, elements: int) -> None:
    """Ask for the line that is ``elements`` after the load's first lane; never faults."""
    place = _place(scope, load.buffer, load.indices, _no_data)
    address = _shifted(scope.builder, place.address, memory_type(load.dtype), elements)
    read, near, data = (ir.Constant(I32, n) for n in (0, 3, 1))
    _call(scope.builder, "llvm.prefetch.p0", ir.VoidType(), [address, read, near, data])


def _no_data(scope: Scope, expr: loops.Expr) -> ir.Value:
    raise AssertionError("a prefetched index is affine")


def _store_lanes(scope: Scope, place: Place, raw: ir.Value, kind: ir.Type, align: int) -> None:
    builder, mask = scope.builder, scope.mask
    if place.scattered is None and place.step == 1:
        _store_run(builder, raw, place.address, mask, align)
    elif place.scattered is None and place.step == -1:
        first = _shifted(builder, place.address, kind, 1 - raw.type.count)
        mask = mask if mask is None else _reversed(builder, mask)
        _store_run(builder, _reversed(builder, raw), first, mask, align)
    else:
        pointers = _lane_addresses(scope, place, kind)
        name = f"llvm.masked.scatter.{_suffix(raw.type)}.{_suffix(pointers.type)}"
        arguments = [raw, pointers, ir.Constant(I32, align), _full(mask, raw.type.count)]
        _call(builder, name, ir.VoidType(), arguments)


def _place(scope: Scope, buffer: str, indices: tuple[loops.Index, ...], emit: EmitExpr) -> Place:
    """Split a position into the first lane's address, a lane step, and offsets from data."""
    shape = scope.facts.buffers[buffer].shape
    affine = flattened(shape, indices)
    vector = scope.vector
    step = dict(affine.terms).get(vector.var, 0) if vector else 0
    scattered, offset = None, scope.sum_of(affine.terms, 0)
    stride = 1
    for extent, index in zip(reversed(shape), reversed(indices), strict=True):
        if isinstance(index, loops.Dynamic):
            part = _clamped(scope, index, emit, stride)
            if isinstance(part.type, ir.VectorType):
                scattered = part if scattered is None else scope.builder.add(scattered, part)
            else:
                offset = scope.builder.add(offset, part)
        stride *= extent
    kind = memory_type(scope.facts.buffers[buffer].dtype)
    address = scope.builder.gep(scope.buffers[buffer], [offset], source_etype=kind)
    return Place(_shifted(scope.builder, address, kind, affine.offset), step, scattered)


def _clamped(scope: Scope, index: loops.Dynamic, emit: EmitExpr, stride: int) -> ir.Value:
    """``clamp(value, lower, upper) * stride`` as i64: a scalar, or lanes."""
    value, builder = emit(scope, index.value), scope.builder
    kind = vector_of(I64, lanes_of(value.type))
    width = value.type.element.width if lanes_of(value.type) else value.type.width
    lower, upper = constant(kind, index.lower), constant(kind, index.upper)
    if is_signed(index.value.dtype):
        wide = value if width == 64 else builder.sext(value, kind)
    else:
        wide = value if width == 64 else builder.zext(value, kind)
        if width == 64:  # huge unsigned numbers are negative as i64, and belong to the upper end
            wide = builder.select(builder.icmp_signed("<", wide, constant(kind, 0)), upper, wide)
    wide = builder.select(builder.icmp_signed("<", wide, lower), lower, wide)
    wide = builder.select(builder.icmp_signed(">", wide, upper), upper, wide)
    return wide if stride == 1 else builder.mul(wide, constant(kind, stride))


def _lane_addresses(scope: Scope, place: Place, kind: ir.Type) -> ir.Value:
    """The address of every lane."""
    vector, builder = scope.vector, scope.builder
    assert vector is not None
    span = abs(place.step) * vector.count
    width = I32 if place.scattered is None and span < 2**31 else I64
    offsets: ir.Value = lane_numbers(width, vector.count, place.step)
    if place.scattered is not None:
        offsets = builder.add(place.scattered, offsets) if place.step else place.scattered
    base = splat(builder, place.address, vector.count)
    return builder.gep(base, [offsets], source_etype=kind)


def _gather(scope: Scope, place: Place, kind: ir.Type, align: int) -> ir.Value:
    vector = scope.vector
    assert vector is not None
    pointers = _lane_addresses(scope, place, kind)
    lanes = vector_of(kind, vector.count)
    name = f"llvm.masked.gather.{_suffix(lanes)}.{_suffix(pointers.type)}"
    mask = _full(scope.mask, vector.count)
    arguments = [pointers, ir.Constant(I32, align), mask, ir.Constant(lanes, None)]
    return _call(scope.builder, name, lanes, arguments)


def _load_run(
    builder: ir.IRBuilder, address: ir.Value, kind: ir.Type, mask: ir.Value | None, align: int
) -> ir.Value:
    """Neighbouring elements; zero where the mask is off."""
    if mask is None:
        return builder.load(address, typ=kind, align=align)
    arguments = [address, ir.Constant(I32, align), mask, ir.Constant(kind, None)]
    return _call(builder, f"llvm.masked.load.{_suffix(kind)}.p0", kind, arguments)


def _store_run(
    builder: ir.IRBuilder, raw: ir.Value, address: ir.Value, mask: ir.Value | None, align: int
) -> None:
    if mask is None:
        builder.store(raw, address, align=align)
        return
    arguments = [raw, address, ir.Constant(I32, align), mask]
    _call(builder, f"llvm.masked.store.{_suffix(raw.type)}.p0", ir.VoidType(), arguments)


def lane_numbers(width: ir.IntType, lanes: int, step: int = 1) -> ir.Constant:
    """``<0, step, 2 step, ...>``."""
    return ir.Constant(vector_of(width, lanes), [step * lane for lane in range(lanes)])


def _shifted(builder: ir.IRBuilder, address: ir.Value, kind: ir.Type, elements: int) -> ir.Value:
    if not elements:
        return address
    return builder.gep(address, [ir.Constant(I64, elements)], source_etype=kind)


def _reversed(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    order = ir.Constant(vector_of(I32, value.type.count), list(range(value.type.count))[::-1])
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), order)


def _full(mask: ir.Value | None, lanes: int) -> ir.Value:
    return constant(vector_of(I1, lanes), 1) if mask is None else mask


def _suffix(kind: ir.Type) -> str:
    """How intrinsics spell a type: ``v16f32``, ``v8p0``."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{_suffix(kind.element)}"
    return "p0" if kind == POINTER else kind.intrinsic_name


def _call(builder: ir.IRBuilder, name: str, result: ir.Type, arguments: list[ir.Value]) -> ir.Value:
    """Call an intrinsic, declared once per module."""
    module = builder.module
    function = module.globals.get(name)
    if function is None:
        signature = ir.FunctionType(result, [argument.type for argument in arguments])
        function = ir.Function(module, signature, name)
    return builder.call(function, arguments)
