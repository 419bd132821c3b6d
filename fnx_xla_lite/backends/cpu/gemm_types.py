"""Element types of a matrix product: in memory, widened, multiplied and added."""

from __future__ import annotations

from llvmlite import ir

from fnx_xla_lite.backends.cpu.emit_types import NARROW_FLOATS, from_memory

STORAGE = {
    "f64": ir.DoubleType(),
    "f32": ir.FloatType(),
    "f16": ir.IntType(16),
    "bf16": ir.IntType(16),
    "i1": ir.IntType(8),
    "f8E4M3FN": ir.IntType(8),
    "f8E5M2": ir.IntType(8),
    **{f"{sign}{bits}": ir.IntType(bits) for sign in ("i", "ui") for bits in (8, 16, 32, 64)},
}
ITEMSIZE = {"i1": 1, "f8E4M3FN": 1, "f8E5M2": 1, "bf16": 2, "f16": 2, "f32": 4, "f64": 8} | {
    f"{sign}{bits}": bits // 8 for sign in ("i", "ui") for bits in (8, 16, 32, 64)
}
WIDE = {
    "bf16": "f32",
    "f16": "f32",
    "f8E4M3FN": "f32",
    "f8E5M2": "f32",
}  # sums of these types are kept in f32
FLOATS = frozenset({"f64", "f32", "f16", "bf16"})
INT64 = ir.IntType(64)
INT32 = ir.IntType(32)
BYTE = ir.IntType(8)
BOOL = ir.IntType(1)
POINTER = ir.PointerType()


def int64(value: int) -> ir.Constant:
    """An ``i64`` constant."""
    return ir.Constant(INT64, value)


def compute_dtype(dtype: str) -> str:
    """The type in which products of accumulator type ``dtype`` are summed."""
    return WIDE.get(dtype, dtype)


def vector_of(scalar: ir.Type, lanes: int) -> ir.Type:
    """``<lanes x scalar>``; a plain scalar where ``lanes`` is 0."""
    return ir.VectorType(scalar, lanes) if lanes else scalar


def widen(builder: ir.IRBuilder, value: ir.Value, source: str, target: str) -> ir.Value:
    """Convert a scalar or vector from ``source``, as in memory, to the compute type ``target``."""
    if source == target:
        return value
    lanes = value.type.count if isinstance(value.type, ir.VectorType) else 0
    goal = vector_of(STORAGE[target], lanes)
    if source in NARROW_FLOATS:
        value = from_memory(builder, value, source)
        return value if target == "f32" else builder.fpext(value, goal)
    if source in FLOATS:
        assert target in FLOATS, (source, target)
        return builder.fpext(value, goal)
    unsigned = source.startswith("ui") or source == "i1"
    if target in FLOATS:
        return builder.uitofp(value, goal) if unsigned else builder.sitofp(value, goal)
    assert ITEMSIZE[target] >= ITEMSIZE[source], (source, target)
    if ITEMSIZE[target] == ITEMSIZE[source]:
        return value
    return builder.zext(value, goal) if unsigned else builder.sext(value, goal)


def multiply_add(
    builder: ir.IRBuilder, x: ir.Value, y: ir.Value, total: ir.Value, dtype: str, *, fused: bool
) -> ir.Value:
    """``x * y + total``: rounded once if ``fused``; integers wrap; ``i1`` is and/or."""
    if dtype in FLOATS:
        if fused:
            name = f"llvm.fma.{_suffix(total.type)}"
            signature = ir.FunctionType(total.type, [total.type] * 3)
            return builder.call(_declared(builder.module, name, signature), [x, y, total])
        return builder.fadd(builder.fmul(x, y), total)
    if dtype == "i1":
        return builder.or_(builder.and_(x, y), total)
    return builder.add(builder.mul(x, y), total)


def add(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, dtype: str) -> ir.Value:
    """``x + y`` in ``dtype``; or for ``i1``."""
    if dtype in FLOATS:
        return builder.fadd(x, y)
    return builder.or_(x, y) if dtype == "i1" else builder.add(x, y)


def splat_constant(scalar: ir.Constant, lanes: int) -> ir.Constant:
    """``scalar`` in every lane."""
    if not lanes:
        return scalar
    return ir.Constant(ir.VectorType(scalar.type, lanes), [scalar.constant] * lanes)


def splat(builder: ir.IRBuilder, scalar: ir.Value, lanes: int) -> ir.Value:
    """``scalar`` in every lane of a vector."""
    kind = ir.VectorType(scalar.type, lanes)
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(INT32, 0))
    zeros = ir.Constant(ir.VectorType(INT32, lanes), None)
    return builder.shuffle_vector(first, undefined, zeros)


def lane_mask(builder: ir.IRBuilder, count: ir.Value, lanes: int, first: int = 0) -> ir.Value:
    """``<lanes x i1>``: lane ``j`` is set where ``first + j < count`` (``count`` is an ``i64``)."""
    numbers = ir.Constant(ir.VectorType(INT64, lanes), list(range(first, first + lanes)))
    return builder.icmp_signed("<", numbers, splat(builder, count, lanes))


def masked_load(
    builder: ir.IRBuilder, address: ir.Value, kind: ir.VectorType, mask: ir.Value, align: int
) -> ir.Value:
    """The lanes that ``mask`` selects, zero elsewhere; the others' memory is not touched."""
    name = f"llvm.masked.load.{_suffix(kind)}.p0"
    signature = ir.FunctionType(kind, [POINTER, INT32, mask.type, kind])
    arguments = [address, ir.Constant(INT32, align), mask, ir.Constant(kind, None)]
    return builder.call(_declared(builder.module, name, signature), arguments)


def masked_store(
    builder: ir.IRBuilder, value: ir.Value, address: ir.Value, mask: ir.Value, align: int
) -> None:
    """Store the lanes that ``mask`` selects; the others' memory is not touched."""
    name = f"llvm.masked.store.{_suffix(value.type)}.p0"
    signature = ir.FunctionType(ir.VoidType(), [value.type, POINTER, INT32, mask.type])
    arguments = [value, address, ir.Constant(INT32, align), mask]
    builder.call(_declared(builder.module, name, signature), arguments)


def _suffix(kind: ir.Type) -> str:
    """How intrinsics spell a type: ``f32``, ``v16f32``."""
    if not isinstance(kind, ir.VectorType):
        return kind.intrinsic_name
    return f"v{kind.count}{kind.element.intrinsic_name}"


def _declared(module: ir.Module, name: str, signature: ir.FunctionType) -> ir.Function:
    found = module.globals.get(name)
    return found if found is not None else ir.Function(module, signature, name)


def prefetch(builder: ir.IRBuilder, address: ir.Value, flags: list[ir.Constant]) -> None:
    """A hint (``llvm.prefetch``: rw, locality, cache type); it never faults."""
    signature = ir.FunctionType(ir.VoidType(), [POINTER, *[INT32] * 3])
    builder.call(_declared(builder.module, "llvm.prefetch.p0", signature), [address, *flags])


def skip_optimizing(function: ir.Function) -> None:
    """Let LLVM translate ``function`` as it stands.

    For loops that memory or a microkernel keeps waiting anyway: LLVM's loop strength reduction
    takes ten times as long over them as all the rest of code generation, and they run no faster for
    it.
    """
    function.attributes.add("noinline")
    function.attributes.add("optnone")
