"""Print kernels: one statement a line, indices in brackets, every type that cannot be inferred.

Grammar::

    kernel   ::= "kernel" name "(" (role name ":" type),* ")" "{" stmt* "}"
    stmt     ::= ("parallel"|"serial"|"vector") var "<" extent ("," affine)? "{" stmt* "}"
               | "let" name "=" expr | "acc" name ":" dtype "=" expr | name op "=" expr
               | name "[" index,* "]" "=" expr
               | "matmul" acc ":" dtype "[" axis,* ";" axis ";" axis ";" axis "]"
                 "=" load "*" load "{" stmt* "}"
    axis     ::= var "<" extent
    expr     ::= name "[" index,* "]" | name | number ":" dtype | "coord." dtype "(" affine ")"
               | op ("." detail)? "." dtype "(" expr,* ")"
               | "guard." dtype "(" affine "in" lower ":" upper "?" expr ":" expr ")"
    index    ::= affine | "clamp(" expr "," lower "," upper ")" "+" affine
    affine   ::= terms such as "2*i0 + i1 - 3"
"""

from __future__ import annotations

from collections.abc import Iterable

from fnx_xla_lite.loops.ir import (
    Affine,
    Apply,
    Const,
    Coord,
    Expr,
    Guard,
    Index,
    Init,
    Kernel,
    Let,
    Load,
    Loop,
    Matmul,
    Read,
    Stmt,
    Store,
    Update,
)


def to_text(kernel: Kernel) -> str:
    """The text of a kernel; ``parse`` reads it back."""
    buffers = ", ".join(f"{b.role} {b.name}: {_type(b.shape, b.dtype)}" for b in kernel.buffers)
    where = f"  // {kernel.location}" if kernel.location else ""
    lines = [f"kernel {kernel.name}({buffers}) {{{where}"]
    lines += _body(kernel.body, "  ")
    return "\n".join([*lines, "}"])


def _type(shape: tuple[int, ...], dtype: str) -> str:
    return f"{dtype}[{','.join(map(str, shape))}]"


def _body(body: Iterable[Stmt], indent: str) -> list[str]:
    return [indent + line for stmt in body for line in _stmt(stmt)]


def _stmt(stmt: Stmt) -> list[str]:
    if isinstance(stmt, Loop):
        bound = f", {affine_text(stmt.bound)}" if stmt.bound is not None else ""
        head = f"{stmt.kind} {stmt.var} < {stmt.extent}{bound} {{"
        return [head, *_body(stmt.body, "  "), "}"]
    if isinstance(stmt, Let):
        return [f"let {stmt.name} = {expr_text(stmt.value)}"]
    if isinstance(stmt, Init):
        return [f"acc {stmt.name}: {stmt.dtype} = {expr_text(stmt.value)}"]
    if isinstance(stmt, Update):
        return [f"{stmt.name} {stmt.op}= {expr_text(stmt.value)}"]
    if isinstance(stmt, Store):
        return [f"{stmt.buffer}{_indices(stmt.indices)} = {expr_text(stmt.value)}"]
    return _matmul(stmt)


def _matmul(stmt: Matmul) -> list[str]:
    axes = "; ".join(f"{v} < {n}" for v, n in (stmt.m, stmt.n, stmt.k))
    batch = ", ".join(f"{v} < {n}" for v, n in stmt.batch)
    head = f"matmul {stmt.acc}: {stmt.dtype} [{batch}; {axes}]"
    return [
        f"{head} = {expr_text(stmt.lhs)} * {expr_text(stmt.rhs)} {{",
        *_body(stmt.epilogue, "  "),
        "}",
    ]


def expr_text(expr: Expr) -> str:
    """The text of an expression."""
    if isinstance(expr, Read):
        return expr.name
    if isinstance(expr, Const):
        return f"{expr.value!r}:{expr.dtype}"
    if isinstance(expr, Load):
        return f"{expr.buffer}{_indices(expr.indices)}"
    if isinstance(expr, Coord):
        return f"coord.{expr.dtype}({affine_text(expr.index)})"
    if isinstance(expr, Apply):
        detail = f".{expr.detail}" if expr.detail else ""
        return f"{expr.op}{detail}.{expr.dtype}({', '.join(map(expr_text, expr.args))})"
    return _guard(expr)


def _guard(expr: Guard) -> str:
    limits = f"{affine_text(expr.index)} in {expr.lower}:{expr.upper}"
    sides = f"{expr_text(expr.inside)} : {expr_text(expr.outside)}"
    return f"guard.{expr.dtype}({limits} ? {sides})"


def _indices(indices: Iterable[Index]) -> str:
    return f"[{', '.join(map(_index, indices))}]"


def _index(index: Index) -> str:
    if isinstance(index, Affine):
        return affine_text(index)
    clamp = f"clamp({expr_text(index.value)}, {index.lower}, {index.upper})"
    return f"{clamp} + {affine_text(index.plus)}"


def affine_text(index: Affine) -> str:
    """Such as ``2*i0 + i1 - 3``."""
    parts = []
    for name, coefficient in index.terms:
        size = name if abs(coefficient) == 1 else f"{abs(coefficient)}*{name}"
        parts.append(f"- {size}" if coefficient < 0 else f"+ {size}")
    if index.offset or not parts:
        parts.append(f"- {-index.offset}" if index.offset < 0 else f"+ {index.offset}")
    text = " ".join(parts)
    return text.removeprefix("+ ") if text.startswith("+") else "-" + text[2:]
