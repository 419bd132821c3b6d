"""Expressions and indices of loops as CUDA C text.

C names: buffers ``b_in0``, loop variables ``i_i0``, values ``x_v0``. Indices are flat (row-major)
and of type ``idx``, which the source defines as 32 or 64 bits wide.
"""

from __future__ import annotations

from collections.abc import Mapping

from fnx_xla_lite.backends.cuda.scalar import (
    NARROW_FLOATS,
    REGISTER_TYPES,
    constant_text,
    convert_text,
    load_text,
    scalar_text,
)
from fnx_xla_lite.loops.affine import add, scale
from fnx_xla_lite.loops.ir import (
    Affine,
    Apply,
    Buffer,
    Const,
    Coord,
    Dynamic,
    Expr,
    Guard,
    Index,
    Load,
    Read,
)

Buffers = Mapping[str, Buffer]


def affine_text(index: Affine) -> str:
    """``(4 * i_i0 + i_i1 + 2)``."""
    parts = [f"i_{v}" if c == 1 else f"{c} * i_{v}" for v, c in index.terms]
    if index.offset or not parts:
        parts.append(str(index.offset))
    return parts[0] if len(parts) == 1 and " " not in parts[0] else f"({' + '.join(parts)})"


def flat_index_text(buffer: Buffer, indices: tuple[Index, ...], buffers: Buffers) -> str:
    """The position of an element in its row-major buffer."""
    fixed, dynamic, stride = Affine(), [], 1
    for index, size in zip(reversed(indices), reversed(buffer.shape), strict=True):
        if isinstance(index, Dynamic):
            fixed = add(fixed, scale(index.plus, stride))
            value = expression_text(index.value, buffers)
            clamped = f"(idx)fnx_clamp_index({value}, {index.lower}, {index.upper})"
            dynamic.append(f"{stride} * {clamped}" if stride != 1 else clamped)
        else:
            fixed = add(fixed, scale(index, stride))
        stride *= size
    return " + ".join([*dynamic, affine_text(fixed)])


def element_text(name: str, indices: tuple[Index, ...], buffers: Buffers) -> str:
    """An element of a buffer, as C's lvalue."""
    return f"b_{name}[{flat_index_text(buffers[name], indices, buffers)}]"


def expression_text(expr: Expr, buffers: Buffers) -> str:
    """An expression in register form; a primary expression of C, so it needs no parentheses."""
    match expr:
        case Load(buffer=name, indices=indices, dtype=dtype):
            return load_text(element_text(name, indices, buffers), dtype)
        case Const(value=value, dtype=dtype):
            return constant_text(value, dtype)
        case Read(name=name):
            return f"x_{name}"
        case Coord(index=index, dtype=dtype):
            return _coordinate_text(index, dtype)
        case Apply(op=op, args=args, dtype=dtype, detail=detail):
            texts = [expression_text(arg, buffers) for arg in args]
            return scalar_text(op, texts, [arg.dtype for arg in args], dtype, detail)
        case Guard():
            return _guard_text(expr, buffers)
    raise AssertionError(expr)


def _coordinate_text(index: Affine, dtype: str) -> str:
    wide = f"((i64){affine_text(index)})"
    if dtype in NARROW_FLOATS or dtype == "i1":
        return convert_text(wide, "i64", dtype)
    return f"(({REGISTER_TYPES[dtype]}){affine_text(index)})"


def _guard_text(expr: Guard, buffers: Buffers) -> str:
    """C's ``?:`` evaluates one side only, so what is outside is not read."""
    index = affine_text(expr.index)
    inside, outside = (expression_text(side, buffers) for side in (expr.inside, expr.outside))
    return f"({expr.lower} <= {index} && {index} < {expr.upper} ? {inside} : {outside})"
