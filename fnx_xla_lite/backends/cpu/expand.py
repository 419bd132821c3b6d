"""Expand: a kernel's Matmul statements -> plain loops, where the tiled code does not fit.

``acc[b, m, n] = sum_k lhs * rhs`` becomes a vector loop over n with a serial loop over k inside; a
product that is the whole kernel runs its batch and m loops in parallel.
"""

from __future__ import annotations

from dataclasses import replace

from fnx_xla_lite.loops import ir as loops


def expand_matmul(kernel: loops.Kernel) -> loops.Kernel:
    """The same kernel without Matmul statements."""
    whole = len(kernel.body) == 1 and isinstance(kernel.body[0], loops.Matmul)
    return replace(kernel, body=_expand_body(kernel.body, parallel=whole))


def _expand_body(body: tuple[loops.Stmt, ...], *, parallel: bool) -> tuple[loops.Stmt, ...]:
    result: list[loops.Stmt] = []
    for statement in body:
        match statement:
            case loops.Matmul():
                result.append(_expand(statement, parallel=parallel))
            case loops.Loop(body=inner, kind=kind):
                inside = _expand_body(inner, parallel=parallel or _is_lone(inner, kind))
                result.append(replace(statement, body=inside))
            case _:
                result.append(statement)
    return tuple(result)


def _is_lone(body: tuple[loops.Stmt, ...], kind: str) -> bool:
    """Whether a product may prolong the kernel's parallel prefix."""
    return kind == "parallel" and len(body) == 1 and isinstance(body[0], loops.Matmul)


def _expand(matmul: loops.Matmul, *, parallel: bool) -> loops.Loop:
    k, k_extent = matmul.k
    product = loops.Apply(
        "multiply", (_as(matmul, matmul.lhs), _as(matmul, matmul.rhs)), matmul.dtype
    )
    if matmul.dtype == "i1":
        product = loops.Apply("and", product.args, "i1")
    op = "or" if matmul.dtype == "i1" else "add"
    inner = (
        loops.Init(matmul.acc, loops.Const(0, matmul.dtype), matmul.dtype),
        loops.Loop(k, k_extent, (loops.Update(matmul.acc, op, product),)),
        *matmul.epilogue,
    )
    loop = loops.Loop(*matmul.n, inner, "vector")
    for var, extent in (matmul.m, *reversed(matmul.batch)):
        loop = loops.Loop(var, extent, (loop,), "parallel" if parallel else "serial")
    return loop


def _as(matmul: loops.Matmul, load: loops.Load) -> loops.Expr:
    """An operand in the accumulator's type."""
    return load if load.dtype == matmul.dtype else loops.Apply("convert", (load,), matmul.dtype)
