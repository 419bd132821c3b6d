"""Element types in LLVM: in memory, in registers, and the roads between the two.

``bf16``, ``f16`` and the ``f8`` types are computed on as ``f32`` and rounded after every operation;
``i1`` takes one byte in memory and one bit in a register. A value is a scalar or a vector of lanes;
every function here takes either. In memory the narrow floats are integers, ``f16`` too: where a
vector of ``half`` is put together lane by lane, LLVM 22 emits a blend whose immediate its
instruction tuning cannot read without optimisation (llvm-project#178883), and aborts.
"""

from __future__ import annotations

import functools

import numpy as np
from llvmlite import ir

from fnx_xla_lite.hlo.dtypes import to_numpy

POINTER = ir.PointerType()
I1, I8, I16, I32, I64 = (ir.IntType(width) for width in (1, 8, 16, 32, 64))
F16, F32, F64 = ir.HalfType(), ir.FloatType(), ir.DoubleType()
NARROW_FLOATS = frozenset({"bf16", "f16", "f8E4M3FN", "f8E5M2"})

_REGISTER = {
    "i1": I1, "i8": I8, "i16": I16, "i32": I32, "i64": I64,
    "ui8": I8, "ui16": I16, "ui32": I32, "ui64": I64,
    "f8E4M3FN": F32, "f8E5M2": F32, "f16": F32, "bf16": F32, "f32": F32, "f64": F64,
}  # fmt: skip
_MEMORY = _REGISTER | {"i1": I8, "f8E4M3FN": I8, "f8E5M2": I8, "f16": I16, "bf16": I16}


def register_dtype(dtype: str) -> str:
    """The element type that values of ``dtype`` are computed in."""
    return "f32" if dtype in NARROW_FLOATS else dtype


@functools.cache
def vector_of(element: ir.Type, lanes: int) -> ir.Type:
    """``<lanes x element>``, or the element itself for no lanes."""
    return ir.VectorType(element, lanes) if lanes else element


def register_type(dtype: str, lanes: int = 0) -> ir.Type:
    """LLVM's type of a value of ``dtype``."""
    return vector_of(_REGISTER[dtype], lanes)


def memory_type(dtype: str, lanes: int = 0) -> ir.Type:
    """LLVM's type of elements of ``dtype`` in memory."""
    return vector_of(_MEMORY[dtype], lanes)


def lanes_of(kind: ir.Type) -> int:
    """Number of lanes, 0 for a scalar."""
    return kind.count if isinstance(kind, ir.VectorType) else 0


def constant(kind: ir.Type, number: float | int) -> ir.Constant:
    """``number`` in every lane."""
    if not isinstance(kind, ir.VectorType):
        return ir.Constant(kind, number)
    return _repeated(ir.Constant(kind.element, number), kind)


def _repeated(scalar: ir.Constant, kind: ir.VectorType) -> ir.Constant:
    """``splat (float 1.0)``: short to print and to parse."""
    made = ir.FormattedConstant(kind, "")
    made.constant = f"splat ({scalar})"  # the constructor would repeat the text for every lane
    return made


def constant_of(dtype: str, number: float | int, lanes: int = 0) -> ir.Constant:
    """``number``, rounded to ``dtype``, as a value that is computed on."""
    if dtype == "i1":
        return constant(register_type(dtype, lanes), int(bool(number)))
    exact = to_numpy(dtype).type(number)
    if dtype in NARROW_FLOATS:
        exact = np.float32(exact)
    return constant(register_type(dtype, lanes), exact.item())


def splat(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    """A scalar in every lane; vectors and zero lanes pass through."""
    if not lanes or isinstance(value.type, ir.VectorType):
        return value
    kind = vector_of(value.type, lanes)
    if isinstance(value, ir.Constant):
        return _repeated(value, kind)
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(I32, 0))
    zeros = ir.Constant(vector_of(I32, lanes), None)
    return builder.shuffle_vector(first, undefined, zeros)


def stack(builder: ir.IRBuilder, kind: ir.Type, align: int = 0) -> ir.Value:
    """Memory on the stack, as an untyped pointer."""
    place = builder.alloca(kind)
    if align:
        place.align = align
    place.type = POINTER  # llvmlite still gives typed pointers here
    return place


def from_memory(builder: ir.IRBuilder, raw: ir.Value, dtype: str) -> ir.Value:
    """Elements as they were loaded -> values, exactly."""
    lanes = lanes_of(raw.type)
    if dtype == "i1":
        return builder.icmp_unsigned("!=", raw, constant(raw.type, 0))
    if dtype == "f16":
        return builder.fpext(builder.bitcast(raw, vector_of(F16, lanes)), vector_of(F32, lanes))
    if dtype == "bf16":
        bits = builder.zext(raw, vector_of(I32, lanes))
        return builder.bitcast(builder.shl(bits, constant(bits.type, 16)), vector_of(F32, lanes))
    if dtype == "f8E5M2":
        # an f8E5M2 is the upper half of an f16
        bits = builder.zext(raw, vector_of(I16, lanes))
        half = builder.bitcast(builder.shl(bits, constant(bits.type, 8)), vector_of(F16, lanes))
        return builder.fpext(half, vector_of(F32, lanes))
    if dtype == "f8E4M3FN":
        return _from_e4m3(builder, raw, lanes)
    return raw


def to_memory(builder: ir.IRBuilder, value: ir.Value, dtype: str) -> ir.Value:
    """Values that ``dtype`` holds exactly -> elements to store."""
    lanes = lanes_of(value.type)
    if dtype == "i1":
        return builder.zext(value, vector_of(I8, lanes))
    if dtype == "f16":
        return builder.bitcast(builder.fptrunc(value, vector_of(F16, lanes)), vector_of(I16, lanes))
    if dtype == "bf16":
        bits = builder.bitcast(value, vector_of(I32, lanes))
        return builder.trunc(builder.lshr(bits, constant(bits.type, 16)), vector_of(I16, lanes))
    if dtype == "f8E5M2":
        bits = builder.bitcast(builder.fptrunc(value, vector_of(F16, lanes)), vector_of(I16, lanes))
        return builder.trunc(builder.lshr(bits, constant(bits.type, 8)), vector_of(I8, lanes))
    if dtype == "f8E4M3FN":
        return _to_e4m3(builder, value, lanes)
    return value


def rounded(builder: ir.IRBuilder, value: ir.Value, dtype: str) -> ir.Value:
    """An ``f32`` value rounded to ``dtype``, ties to even, still as ``f32``."""
    lanes = lanes_of(value.type)
    if dtype == "f16":
        return builder.fpext(builder.fptrunc(value, vector_of(F16, lanes)), vector_of(F32, lanes))
    if dtype == "bf16":
        return _drop_bits(builder, value, 16)
    if dtype == "f8E5M2":
        return _round_e5m2(builder, value, lanes)
    if dtype == "f8E4M3FN":
        return _round_e4m3(builder, value, lanes)
    return value


def _drop_bits(builder: ir.IRBuilder, value: ir.Value, count: int) -> ir.Value:
    """Round an ``f32`` to ``23 - count`` stored significand bits, ties to even; NaN stays NaN."""
    kind = value.type
    ints = vector_of(I32, lanes_of(kind))
    bits = builder.bitcast(value, ints)
    odd = builder.and_(builder.lshr(bits, constant(ints, count)), constant(ints, 1))
    half = constant(ints, (1 << (count - 1)) - 1)
    up = builder.add(builder.add(bits, half), odd)
    kept = builder.and_(up, constant(ints, -(1 << count)))
    nan = builder.or_(builder.and_(bits, constant(ints, -(1 << 31))), constant(ints, 0x7FC00000))
    is_nan = builder.fcmp_unordered("uno", value, value)
    return builder.bitcast(builder.select(is_nan, nan, kept), kind)


def _round_small(
    builder: ir.IRBuilder, value: ir.Value, kept_bits: int, smallest_normal: float
) -> ir.Value:
    """Round to ``kept_bits`` significand bits; subnormals below ``smallest_normal``."""
    kind = value.type
    normal = _drop_bits(builder, value, 23 - kept_bits)
    # Adding and subtracting 1.5 * 2**23 spacings rounds to a multiple of the spacing.
    magic = constant(kind, 1.5 * 2.0**23 * smallest_normal * 2.0**-kept_bits)
    tiny = builder.fsub(builder.fadd(value, magic), magic)
    tiny = _with_sign_of(builder, tiny, value)
    size = _magnitude(builder, value)
    is_tiny = builder.fcmp_ordered("<", size, constant(kind, smallest_normal))
    return builder.select(is_tiny, tiny, normal)


def _round_e5m2(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    result = _round_small(builder, value, 2, 2.0**-14)
    # Beyond the largest finite number (57344) stands infinity.
    over = builder.fcmp_ordered(">", _magnitude(builder, result), constant(result.type, 57344.0))
    infinity = _with_sign_of(builder, constant(result.type, float("inf")), value)
    return builder.select(over, infinity, result)


def _round_e4m3(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    result = _round_small(builder, value, 3, 2.0**-6)
    # No infinity: beyond the largest number (448) stands NaN.
    over = builder.fcmp_ordered(">", _magnitude(builder, result), constant(result.type, 448.0))
    return builder.select(over, constant(result.type, float("nan")), result)


def _from_e4m3(builder: ir.IRBuilder, raw: ir.Value, lanes: int) -> ir.Value:
    ints, floats = vector_of(I32, lanes), vector_of(F32, lanes)
    bits = builder.zext(raw, ints)
    low = builder.and_(bits, constant(ints, 0x7F))
    # Exponent and significand in an f32's place, then the exponent's bias: 2**(127 - 7).
    number = builder.bitcast(builder.shl(low, constant(ints, 20)), floats)
    number = builder.fmul(number, constant(floats, 2.0**120))
    is_nan = builder.icmp_unsigned("==", low, constant(ints, 0x7F))
    number = builder.select(is_nan, constant(floats, float("nan")), number)
    sign = builder.shl(builder.and_(bits, constant(ints, 0x80)), constant(ints, 24))
    return builder.bitcast(builder.or_(builder.bitcast(number, ints), sign), floats)


def _to_e4m3(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    ints = vector_of(I32, lanes)
    bits = builder.bitcast(value, ints)
    sign = builder.and_(builder.lshr(bits, constant(ints, 24)), constant(ints, 0x80))
    scaled = builder.fmul(_magnitude(builder, value), constant(value.type, 2.0**-120))
    low = builder.lshr(builder.bitcast(scaled, ints), constant(ints, 20))
    is_nan = builder.fcmp_unordered("uno", value, value)
    low = builder.select(is_nan, constant(ints, 0x7F), low)
    return builder.trunc(builder.or_(low, sign), vector_of(I8, lanes))


def _magnitude(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    ints = vector_of(I32, lanes_of(value.type))
    bits = builder.and_(builder.bitcast(value, ints), constant(ints, 0x7FFFFFFF))
    return builder.bitcast(bits, value.type)


def _with_sign_of(builder: ir.IRBuilder, value: ir.Value, sign: ir.Value) -> ir.Value:
    ints = vector_of(I32, lanes_of(sign.type))
    bits = builder.and_(builder.bitcast(sign, ints), constant(ints, -(1 << 31)))
    size = builder.bitcast(_magnitude(builder, value), ints)
    return builder.bitcast(builder.or_(size, bits), value.type)


def constant_bytes(value: object) -> np.ndarray:
    """A constant as a contiguous array, at least one byte long, aligned to 64 bytes."""
    array = np.ascontiguousarray(value)
    raw = np.empty(array.nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    raw[start : start + array.nbytes] = np.frombuffer(array.tobytes(), np.uint8)
    return raw[start:]
