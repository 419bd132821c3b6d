"""Jacobians: jacfwd, jacrev, hessian: one linearisation, then a batched pass over a basis."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fnx import tree
from fnx.api.arguments import Argnums, Chosen, F, WithAux, as_result, differentiable_values
from fnx.core.array import wrap
from fnx.core.avals import Aval
from fnx.core.eager import aval_of
from fnx.core.evaluate import evaluate
from fnx.core.ir import Jaxpr
from fnx.core.sources import always_asked_for, user_source
from fnx.errors import GradTypeError
from fnx.ops.layout import reshape
from fnx.transforms.linearize import linearize_flat
from fnx.transforms.transpose import transpose_flat
from fnx.transforms.vmap import place_axis, vmap_flat
from fnx.transforms.zeros import is_differentiable, zeros

Rows = dict[tuple[int, int], Any]


def jacfwd(f: F, argnums: Argnums = 0, has_aux: bool = False) -> F:
    """The Jacobian of a function by columns, in forward mode: cheap where results outnumber inputs.

    Args:
        f: arguments and results can be pytrees of floating-point arrays.
        argnums: which positional arguments to differentiate.
        has_aux: whether ``f`` returns ``(out, aux)``.

    Returns:
        A function of the same arguments. Its result has the structure of ``f``'s result; each leaf
        is replaced by a tree in the structure of the argument, with leaves of shape ``(*out.shape,
        *argument.shape)``.

    >>> jacfwd(lambda x: x * x)(np.array([1.0, 2.0], "float32"))
    Array([[2., 0.],
           [0., 4.]], dtype=float32)
    """
    return _jacobian(f, "jacfwd", argnums, has_aux, _columns)


def jacrev(f: F, argnums: Argnums = 0, has_aux: bool = False) -> F:
    """The Jacobian of a function, row by row in reverse mode: cheap where inputs outnumber results.

    Arguments and result as in `jacfwd`.

    >>> jacrev(lambda x: x * x)(np.array([1.0, 2.0], "float32"))
    Array([[2., 0.],
           [0., 4.]], dtype=float32)
    """
    return _jacobian(f, "jacrev", argnums, has_aux, _rows)


def hessian(f: F, argnums: Argnums = 0, has_aux: bool = False) -> F:
    """The matrix of second derivatives, forward over reverse.

    >>> float(hessian(lambda x: x * x * x)(2.0))
    12.0
    """
    return jacfwd(jacrev(f, argnums, has_aux), argnums, has_aux)


def _jacobian(
    f: F, what: str, argnums: Argnums, has_aux: bool, blocks_of: Callable[..., Rows]
) -> F:
    @functools.wraps(f, updated=())
    @always_asked_for(user_source())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        function = WithAux(f) if has_aux else f
        chosen = Chosen(function, argnums, args, kwargs)
        values = differentiable_values(what, f, chosen.leaves, chosen.paths)
        outs, linear, active = linearize_flat(chosen.flat, values, [True] * len(values))
        in_avals, out_avals = [x.aval for x in values], [aval_of(y) for y in outs]
        _check_results(what, out_avals)
        blocks = blocks_of(linear, active, in_avals, out_avals)
        leaves = [
            chosen.unflatten([blocks[i, j] for j in range(len(in_avals))])
            for i in range(len(out_avals))
        ]
        assert chosen.flat.out_tree is not None
        result = tree.unflatten(chosen.flat.out_tree, leaves)
        return (result, function.result()) if has_aux else result

    return jacobian


def _check_results(what: str, avals: Sequence[Aval]) -> None:
    bad = next((aval for aval in avals if not is_differentiable(aval)), None)
    if bad is not None:
        raise GradTypeError(
            f"{what}: only floating-point results have a Jacobian, got {bad}.",
            source=user_source(),
            hint="Return other data with has_aux=True.",
        )


def _basis(aval: Aval) -> Any:
    """All unit vectors of a space, along a new first axis."""
    return wrap(np.eye(aval.size).astype(aval.dtype).reshape((aval.size, *aval.shape)))


def _columns(
    linear: Jaxpr, active: Sequence[bool], ins: Sequence[Aval], outs: Sequence[Aval]
) -> Rows:
    """Blocks (result, input): push the basis of each input forward, the batch axis last."""
    blocks: Rows = {}
    push = functools.partial(evaluate, linear)
    for j, aval in enumerate(ins):
        tangents = [_basis(a) if k == j else zeros(a) for k, a in enumerate(ins)]
        axes = [0 if k == j else None for k in range(len(ins))]
        found, placed = vmap_flat(push, tangents, axes, aval.size)
        columns = iter(zip(found, placed, strict=True))
        for i, (out, is_active) in enumerate(zip(outs, active, strict=True)):
            shape = (*out.shape, *aval.shape)
            block = place_axis(*next(columns), len(out.shape), aval.size) if is_active else None
            blocks[i, j] = _shaped(block, shape, out)
    return blocks


def _rows(linear: Jaxpr, active: Sequence[bool], ins: Sequence[Aval], outs: Sequence[Aval]) -> Rows:
    """Blocks (result, input): pull the basis of each result back, the batch axis first."""
    blocks: Rows = {}
    marks = [True] * len(ins)
    position = 0
    for i, (out, is_active) in enumerate(zip(outs, active, strict=True)):
        found: Sequence[Any] = [None] * len(ins)
        if is_active:
            found = _pull_basis(linear, marks, position, out)
            position += 1
        for j, (aval, block) in enumerate(zip(ins, found, strict=True)):
            blocks[i, j] = _shaped(block, (*out.shape, *aval.shape), aval)
    return blocks


def _pull_basis(linear: Jaxpr, marks: Sequence[bool], position: int, out: Aval) -> list[Any]:
    nonzero: list[int] = []

    def pull(ct: Any) -> list[Any]:
        cts = [ct if k == position else None for k in range(len(linear.outputs))]
        found = transpose_flat(linear, marks, [None] * len(marks), cts)
        nonzero.extend(j for j, x in enumerate(found) if x is not None)
        return [x for x in found if x is not None]

    batches, placed = vmap_flat(pull, [_basis(out)], [0], out.size)
    result: list[Any] = [None] * len(marks)
    for j, x, axis in zip(nonzero, batches, placed, strict=True):
        result[j] = place_axis(x, axis, 0, out.size)
    return result


def _shaped(block: Any, shape: tuple[int, ...], aval: Aval) -> Any:
    if block is None:
        return as_result(zeros(Aval.of(shape, aval.dtype)))
    return as_result(reshape(block, shape=shape))
