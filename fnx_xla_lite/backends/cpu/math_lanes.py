"""Lanes: LLVM values with Python operators, so that math code reads like math.

``Lanes`` wraps an LLVM value and the builder that extends it; ``x * y + 1.0`` emits instructions,
and numbers become splat constants of the other operand's type. The same code therefore serves
scalars and vectors of any width. Floating-point operations are emitted without fast-math flags:
what is written is what is computed, at every width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

FLOAT, DOUBLE, HALF, BFLOAT_BITS = ir.FloatType(), ir.DoubleType(), ir.HalfType(), 16
I1 = ir.IntType(1)

# Bits of the stored significand, exponent bias, and the number whose addition rounds a float to
# an integer that stands in its low bits.
MANTISSA = {"f32": 23, "f64": 52}
BIAS = {"f32": 127, "f64": 1023}
ROUNDER = {"f32": 1.5 * 2.0**23, "f64": 1.5 * 2.0**52}


def element(kind: ir.Type) -> ir.Type:
    """The type of one lane."""
    return kind.element if isinstance(kind, ir.VectorType) else kind


def with_element(kind: ir.Type, lane: ir.Type) -> ir.Type:
    """``kind`` with another lane type: a vector of as many lanes, or a scalar."""
    return ir.VectorType(lane, kind.count) if isinstance(kind, ir.VectorType) else lane


def splat(kind: ir.Type, number: float) -> ir.Constant:
    """A constant with ``number`` in every lane."""
    scalar = ir.Constant(element(kind), number)
    if not isinstance(kind, ir.VectorType):
        return scalar
    constant = ir.FormattedConstant(kind, "")
    constant.constant = f"splat ({scalar})"  # the constructor would repeat the text for every lane
    return constant


def type_suffix(kind: ir.Type) -> str:
    """LLVM's name for a type inside an intrinsic's name: ``f32``, ``i8``, ``v16f32``."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{type_suffix(kind.element)}"
    if isinstance(kind, ir.IntType):
        return f"i{kind.width}"
    return {FLOAT: "f32", DOUBLE: "f64", HALF: "f16"}[kind]


def intrinsic(
    builder: ir.IRBuilder,
    name: str,
    args: Sequence[ir.Value],
    result: ir.Type | None = None,
    overloads: Sequence[ir.Type] | None = None,
) -> ir.Value:
    """Call ``llvm.<name>``, declared once per module; overloaded on the first by default."""
    kinds = overloads if overloads is not None else (args[0].type,)
    full = ".".join(["llvm", name, *map(type_suffix, kinds)])
    module = builder.module
    function = module.globals.get(full)
    if function is None:
        signature = ir.FunctionType(result or args[0].type, [arg.type for arg in args])
        function = ir.Function(module, signature, full)
    return builder.call(function, args)


@dataclass(frozen=True, slots=True, eq=False)
class Lanes:
    """An LLVM value under construction; comparisons give masks (lanes of i1)."""

    builder: ir.IRBuilder
    value: ir.Value

    # --- types -----------------------------------------------------------------------------------
    @property
    def type(self) -> ir.Type:
        """The LLVM type, scalar or vector."""
        return self.value.type

    @property
    def is_int(self) -> bool:
        """Whether the lanes are integers (masks included)."""
        return isinstance(element(self.type), ir.IntType)

    @property
    def dtype(self) -> str:
        """``f32``, ``f64``, ``i32`` ...: the lane type's short name."""
        return type_suffix(element(self.type))

    def like(self, number: float | Lanes) -> Lanes:
        """``number`` as a constant of this type; lanes pass through."""
        if isinstance(number, Lanes):
            return number
        return Lanes(self.builder, splat(self.type, number))

    def _binary(self, float_name: str, int_name: str, other: float | Lanes) -> Lanes:
        name = int_name if self.is_int else float_name
        method: Callable[..., ir.Value] = getattr(self.builder, name)
        return Lanes(self.builder, method(self.value, self.like(other).value))

    # --- arithmetic ------------------------------------------------------------------------------
    def __add__(self, other: float | Lanes) -> Lanes:
        return self._binary("fadd", "add", other)

    def __radd__(self, other: float) -> Lanes:
        return self.like(other) + self

    def __sub__(self, other: float | Lanes) -> Lanes:
        return self._binary("fsub", "sub", other)

    def __rsub__(self, other: float) -> Lanes:
        return self.like(other) - self

    def __mul__(self, other: float | Lanes) -> Lanes:
        return self._binary("fmul", "mul", other)

    def __rmul__(self, other: float) -> Lanes:
        return self.like(other) * self

    def __truediv__(self, other: float | Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.fdiv(self.value, self.like(other).value))

    def __rtruediv__(self, other: float) -> Lanes:
        return self.like(other) / self

    def __neg__(self) -> Lanes:
        if self.is_int:
            return self.like(0) - self
        return Lanes(self.builder, self.builder.fneg(self.value))

    # --- integers and masks ----------------------------------------------------------------------
    def __and__(self, other: int | Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.and_(self.value, self.like(other).value))

    def __or__(self, other: int | Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.or_(self.value, self.like(other).value))

    def __xor__(self, other: int | Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.xor(self.value, self.like(other).value))

    def __invert__(self) -> Lanes:
        return self ^ -1

    def __lshift__(self, other: int | Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.shl(self.value, self.like(other).value))

    def __rshift__(self, other: int | Lanes) -> Lanes:
        """Arithmetic shift: keeps the sign."""
        return Lanes(self.builder, self.builder.ashr(self.value, self.like(other).value))

    def shift_logical(self, other: int | Lanes) -> Lanes:
        """Shift right, filling with zeros."""
        return Lanes(self.builder, self.builder.lshr(self.value, self.like(other).value))

    # --- comparisons: ordered (False for NaN) except !=, signed for integers ---------------------
    def _compare(self, sign: str, other: float | Lanes) -> Lanes:
        right = self.like(other).value
        if self.is_int:
            return Lanes(self.builder, self.builder.icmp_signed(sign, self.value, right))
        if sign == "!=":
            return Lanes(self.builder, self.builder.fcmp_unordered(sign, self.value, right))
        return Lanes(self.builder, self.builder.fcmp_ordered(sign, self.value, right))

    def __lt__(self, other: float | Lanes) -> Lanes:
        return self._compare("<", other)

    def __le__(self, other: float | Lanes) -> Lanes:
        return self._compare("<=", other)

    def __gt__(self, other: float | Lanes) -> Lanes:
        return self._compare(">", other)

    def __ge__(self, other: float | Lanes) -> Lanes:
        return self._compare(">=", other)

    def equals(self, other: float | Lanes) -> Lanes:
        """Lanes that are equal."""
        return self._compare("==", other)

    def differs(self, other: float | Lanes) -> Lanes:
        """Lanes that differ or hold a NaN."""
        return self._compare("!=", other)

    def is_nan(self) -> Lanes:
        """Lanes that hold a NaN."""
        return Lanes(self.builder, self.builder.fcmp_unordered("uno", self.value, self.value))

    # --- bits and conversions --------------------------------------------------------------------
    @property
    def bits(self) -> Lanes:
        """The same bits as integers."""
        width = {"f16": 16, "f32": 32, "f64": 64}[self.dtype]
        return self._cast("bitcast", ir.IntType(width))

    @property
    def floats(self) -> Lanes:
        """The same bits as floats."""
        return self._cast("bitcast", {"i16": HALF, "i32": FLOAT, "i64": DOUBLE}[self.dtype])

    def _cast(self, method: str, lane: ir.Type) -> Lanes:
        kind = with_element(self.type, lane)
        if kind == self.type:
            return self
        return Lanes(self.builder, getattr(self.builder, method)(self.value, kind))

    def to_f64(self) -> Lanes:
        """f32 lanes widened, exactly."""
        return self._cast("fpext", DOUBLE)

    def to_f32(self) -> Lanes:
        """f64 lanes rounded to the nearest f32."""
        return self._cast("fptrunc", FLOAT)

    def sign_extend(self, width: int) -> Lanes:
        """Integer lanes widened, keeping the sign."""
        return self._cast("sext", ir.IntType(width))

    def zero_extend(self, width: int) -> Lanes:
        """Integer lanes widened with zeros."""
        return self._cast("zext", ir.IntType(width))

    def truncate(self, width: int) -> Lanes:
        """The low bits of integer lanes."""
        return self._cast("trunc", ir.IntType(width))

    def call(self, name: str, *others: float | Lanes) -> Lanes:
        """``llvm.<name>(self, *others)``, overloaded on this type, with a result of this type."""
        args = [self.value, *(self.like(other).value for other in others)]
        return Lanes(self.builder, intrinsic(self.builder, name, args))


def fma(x: Lanes, y: float | Lanes, z: float | Lanes) -> Lanes:
    """``x * y + z`` with one rounding."""
    return x.call("fma", y, z)


def where(mask: Lanes, yes: float | Lanes, no: float | Lanes) -> Lanes:
    """``yes`` where the mask is set, else ``no``; at least one of them is lanes."""
    model = yes if isinstance(yes, Lanes) else no
    chosen = mask.builder.select(mask.value, model.like(yes).value, model.like(no).value)
    return Lanes(mask.builder, chosen)


def horner(x: Lanes, coefficients: Sequence[float]) -> Lanes:
    """``c[0] + c[1] x + c[2] x^2 + ...`` by fused multiply-adds."""
    total = x.like(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = fma(x, total, coefficient)
    return total


def horner_by_pairs(x: Lanes, coefficients: Sequence[float]) -> Lanes:
    """The same sum by Horner's rule in x^2 over pairs of terms: half the steps that wait."""
    square = x * x
    pairs = [
        fma(x, coefficients[i + 1], coefficients[i]) for i in range(0, len(coefficients) - 1, 2)
    ]
    total = x.like(coefficients[-1]) if len(coefficients) % 2 else pairs.pop()
    for pair in reversed(pairs):
        total = fma(square, total, pair)
    return total


def at_least(x: Lanes, bound: float) -> Lanes:
    """``max(x, bound)``, keeping NaN."""
    return where(x < bound, bound, x)


def at_most(x: Lanes, bound: float) -> Lanes:
    """``min(x, bound)``, keeping NaN."""
    return where(x > bound, bound, x)


def any_lane(mask: Lanes) -> ir.Value:
    """One i1: whether the mask is set in any lane."""
    if not isinstance(mask.type, ir.VectorType):
        return mask.value
    return intrinsic(mask.builder, "vector.reduce.or", [mask.value], I1)
