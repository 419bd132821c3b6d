"""Transposition: linear_transpose, of functions that are linear themselves."""

from __future__ import annotations

from typing import Any

from fnx import tree
from fnx.api.arguments import F, as_result
from fnx.core.avals import Aval
from fnx.core.dtypes import INTS
from fnx.core.flatten import FlatFunction, as_aval, as_value, name_of
from fnx.core.sources import user_source
from fnx.core.trace import trace
from fnx.errors import FnxTypeError, GradTypeError
from fnx.transforms.dce import dce_jaxpr
from fnx.transforms.linearity import check_linear
from fnx.transforms.transpose import pull_back
from fnx.transforms.zeros import is_differentiable


def linear_transpose(fun: F, *primals: Any) -> F:
    """The transpose of a linear function.

    Where ``fun`` is the matrix A, the result is A's transpose; nothing is evaluated forwards.

    Args:
        fun: linear in all its arguments, which are pytrees of floating-point arrays, or all of
            integers.
        *primals: its arguments, or `ShapeDtypeStruct` objects: only shapes and dtypes matter.

    Returns:
        A function from a cotangent, in the structure of the result, to a tuple with one cotangent
        for each argument.

    Raises:
        DerivativeError: if the function is not linear; it shows the first operation that is not.
        GradTypeError: if arguments or results are neither all floats nor all integers.

    >>> import fnx.numpy as fnp
    >>> transposed = linear_transpose(lambda x: 3.0 * x.sum(), fnp.ones(2))
    >>> transposed(1.0)
    (Array([3., 3.], dtype=float32),)
    """
    leaves, in_tree = tree.flatten((primals, {}))
    flat = FlatFunction(fun, in_tree)
    jaxpr = dce_jaxpr(trace(flat, [as_aval(x) for x in leaves]))
    what = f"linear_transpose({name_of(fun)})"
    out_avals = [a.aval for a in jaxpr.outputs]
    _check_dtypes(what, [v.aval for v in jaxpr.inputs], out_avals)
    check_linear(what, jaxpr, [True] * len(jaxpr.inputs))
    out_tree = flat.out_tree
    assert out_tree is not None

    def transposed(ct: Any) -> Any:
        """Cotangents of the arguments, as a tuple."""
        given = tree.flatten_up_to(out_tree, ct, f"{what}: a cotangent")
        pairs = zip(given, out_avals, strict=True)
        found = pull_back(jaxpr, [_cotangent(what, x, aval) for x, aval in pairs])
        return tree.unflatten(in_tree, [as_result(x) for x in found])[0]

    return transposed


def _check_dtypes(what: str, ins: list[Aval], outs: list[Aval]) -> None:
    for fits in (is_differentiable, lambda aval: aval.dtype in INTS):
        if all(map(fits, (*ins, *outs))):
            return
    raise GradTypeError(
        f"{what}: arguments and results must all be floats, or all integers, got {ins} and {outs}.",
        source=user_source(),
        hint="Close over values that the function is not linear in, instead of passing them.",
    )


def _cotangent(what: str, ct: Any, aval: Aval) -> Any:
    if isinstance(ct, bool | int | float) and not aval.shape:
        ct = aval.dtype.type(ct)
    ct = as_value(ct)
    if ct.aval.shape != aval.shape or ct.aval.dtype != aval.dtype:
        raise FnxTypeError(
            f"{what}: a cotangent must have the shape and dtype of its result, {aval.strong()}, "
            f"got {ct.aval}.",
            source=user_source(),
        )
    return ct
