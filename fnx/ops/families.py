"""Families: the rules that many primitives share, and ``add``, the sum of the chain rule.

*Elementwise*: ``out[i] = f(x[i], y[i], ...)``. Operands have equal shapes; a scalar (a literal) may
stand beside operands of any shape. *Reduction*: ``axes`` of one operand make one value.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import FLOATS, NUMBERS
from fnx.core.primitive import Linear, NotDifferentiable, NotLinear, Primitive
from fnx.core.trace import bind
from fnx.ops.checks import (
    PYTHON_SCALARS,
    as_operands,
    as_scalar,
    check_dtypes,
    check_equal_dtypes,
    check_equal_shapes,
    fail,
    is_scalar,
)
from fnx.ops.layout import broadcast_in_dim, expand, kept_batch_axis, move_axis, reduced, shifted
from fnx.ops.precision import one_array

NOT_LINEAR = NotLinear()

PartialRule = Callable[
    ..., Any
]  # (tangent, out, *primals, **params) -> this operand's contribution
TransposeRule = Callable[..., Any]  # (cotangent, *inputs, **params) -> this operand's cotangent


def elementwise(
    name: str,
    *,
    arity: int | None = None,
    dtypes: Collection[np.dtype] = FLOATS,
    numpy: Callable[..., Any],
    jvp: tuple[PartialRule | None, ...] | PartialRule | NotDifferentiable,
    transpose: tuple[TransposeRule | None, ...] | TransposeRule | NotLinear = NOT_LINEAR,
    lower: Callable[..., Any],
    type_rule: Callable[..., tuple[Aval, ...]] | None = None,
    result: np.dtype | None = None,
) -> Primitive:
    """A primitive of the elementwise family with one result.

    Args:
        name: the primitive's name.
        arity: number of operands; as many as there are ``jvp`` rules, if not given.
        dtypes: the dtypes allowed; all operands have the same one.
        numpy: ``numpy(xp, *xs, **params)``, the eager meaning.
        jvp: for each operand ``rule(t, out, *xs, **params)``, the part of the result's tangent that
            comes from this operand's tangent ``t``, or None where it is zero. One rule if unary.
        transpose: for each operand ``rule(ct, *xs, **params)``, or None where it is not linear.
        lower: ``lower(b, *operands, **params)``, the result; operands have equal shapes here,
            literals too. `fnx.extend.lowered_by` writes one.
        type_rule: the whole type rule, where the shared one does not fit.
        result: the result's dtype if it is not the operands' own.
    """
    operands = arity or (len(jvp) if isinstance(jvp, tuple) else 1)
    primitive = Primitive(
        name=name,
        type=type_rule or functools.partial(elementwise_type, name, operands, dtypes, result),
        numpy=one_array(numpy),
        jvp=_sum_of_parts(jvp),
        transpose=_transpose_each(transpose),
        batch=lambda *args, **params: batch_elementwise(primitive, *args, **params),
        lower=lambda b, *xs, **params: _as_tuple(lower(b, *with_equal_shapes(b, xs), **params)),
        pointwise=True,
    )
    return primitive


def _as_tuple(value: Any) -> tuple[Any, ...]:
    """One HLO value, or the tuple of one that `fnx.extend.lowered_by` makes."""
    return value if isinstance(value, tuple) else (value,)


def elementwise_type(
    name: str,
    arity: int,
    dtypes: Collection[np.dtype],
    result: np.dtype | None,
    *avals: Aval,
) -> tuple[Aval]:
    """The type rule: operands of equal shapes and dtypes; ``result`` is a dtype if another."""
    if len(avals) != arity:
        fail(name, f"takes {arity} operands, got {len(avals)}")
    check_dtypes(name, dtypes, *avals)
    check_equal_dtypes(name, *avals)
    shape = check_equal_shapes(name, *avals)
    return (Aval.of(shape, result or avals[0].dtype, result is None and is_weak(avals)),)


def is_weak(avals: tuple[Aval, ...]) -> bool:
    """Whether an elementwise result is weak: all operands are, literals beside arrays aside."""
    ranked = [aval for aval in avals if aval.shape]
    return all(aval.weak for aval in ranked or avals)


def _sum_of_parts(
    parts: tuple[PartialRule | None, ...] | PartialRule | NotDifferentiable,
) -> Callable[..., tuple[Any]] | NotDifferentiable:
    """The chain rule: dout = sum over the operands of (dout/dx) dx."""
    if isinstance(parts, NotDifferentiable):
        return parts
    rules = parts if isinstance(parts, tuple) else (parts,)

    def jvp(primals: tuple, tangents: tuple, outs: tuple, **params: Any) -> tuple[Any]:
        terms = [
            rule(t, outs[0], *primals, **params)
            for rule, t in zip(rules, tangents, strict=True)
            if rule is not None and t is not None
        ]
        return (functools.reduce(add, terms) if terms else None,)

    return jvp


def _transpose_each(
    rules: tuple[TransposeRule | None, ...] | TransposeRule | NotLinear,
) -> Callable[..., tuple[Any, ...]] | NotLinear:
    if isinstance(rules, NotLinear):
        return rules
    rules = rules if isinstance(rules, tuple) else (rules,)

    def transpose(cts: tuple[Any], inputs: tuple, **params: Any) -> tuple[Any, ...]:
        (ct,) = cts
        assert ct is None or all(
            rule is not None for rule, x in zip(rules, inputs, strict=True) if isinstance(x, Linear)
        )
        return tuple(
            rule(ct, *inputs, **params) if isinstance(x, Linear) and ct is not None else None
            for rule, x in zip(rules, inputs, strict=True)
        )

    return transpose


def batch_elementwise(
    primitive: Primitive,
    inputs: tuple[Any, ...],
    axes: tuple[int | None, ...],
    size: int,
    **params: Any,
) -> tuple[tuple[Any, ...], tuple[int | None, ...]]:
    """The same operation with the batch axis in one place of all operands; literals need none."""
    axis = next((axis for axis in axes if axis is not None), None)
    if axis is not None:
        inputs = tuple(
            x if is_scalar(x) else _aligned(x, a, axis, size)
            for x, a in zip(inputs, axes, strict=True)
        )
    outs = bind(primitive, *inputs, **params)
    return outs, (axis,) * len(outs)


def _aligned(x: Any, axis: int | None, target: int, size: int) -> Any:
    return expand(x, size, target) if axis is None else move_axis(x, axis, target)


def spread_literal(x: Any, like: Any) -> Any:
    """A literal in the shape of ``like``, for rules that compute with one operand alone."""
    return broadcast_in_dim(x, shape=like.shape, dimensions=()) if is_scalar(x) else x


def with_equal_shapes(b: Any, operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """HLO operands of an elementwise operation, literals broadcast as StableHLO wants them."""
    shape = next((x.type.shape for x in operands if x.type.shape), ())
    return tuple(x if x.type.shape == shape else b.broadcast_in_dim(x, shape, ()) for x in operands)


def constant_like(b: Any, x: Any, value: Any) -> Any:
    """The HLO constant ``value`` in the shape and dtype of the HLO value ``x``."""
    constant = b.constant(value, dtype=x.type.dtype)
    return b.broadcast_in_dim(constant, x.type.shape, ()) if x.type.shape else constant


def apply(primitive: Primitive, *xs: Any) -> Any:
    """Bind an elementwise primitive of one result, Python scalars in the other operands' dtype."""
    return bind(primitive, *as_operands(primitive.name, *xs))[0]


def apply_binary(primitive: Primitive, x: Any, y: Any) -> Any:
    """The same for two operands; fast for arrays of one aval, and for an array and a scalar."""
    try:
        if x.aval is y.aval:
            return bind(primitive, x, y)[0]
    except AttributeError:  # a Python scalar or a NumPy value
        if type(y) in PYTHON_SCALARS and hasattr(x, "aval"):
            return bind(primitive, x, as_scalar(primitive.name, y, x.aval.dtype))[0]
    return bind(primitive, *as_operands(primitive.name, x, y))[0]


# add: the first elementwise primitive, here because the chain rule sums with it -------------------

add_p = elementwise(
    "add",
    arity=2,
    dtypes=NUMBERS,
    numpy=lambda xp, x, y: xp.add(x, y),
    jvp=(lambda t, out, x, y: t, lambda t, out, x, y: t),
    transpose=(lambda ct, x, y: ct, lambda ct, x, y: ct),
    lower=lambda b, x, y: b.add(x, y),
)


def add(x: Any, y: Any) -> Any:
    """Elementwise sum ``x + y``; integers wrap around."""
    return apply_binary(add_p, x, y)


def reduction(
    name: str,
    *,
    dtypes: Collection[np.dtype],
    numpy: Callable[..., Any],
    jvp: Callable[..., tuple[Any]] | NotDifferentiable,
    lower: Callable[..., tuple[Any]],
) -> Primitive:
    """A primitive that combines the elements along the parameter ``axes``, not linearly.

    Args:
        name: the primitive's name.
        dtypes: the dtypes allowed.
        numpy: ``numpy(xp, x, axes=axes)``, the eager meaning.
        jvp: the whole jvp rule.
        lower: ``lower(b, x, axes=axes) -> (out,)``.
    """

    def type_rule(x: Aval, *, axes: tuple[int, ...]) -> tuple[Aval]:
        check_dtypes(name, dtypes, x)
        return (reduced(name, x, axes),)

    def batch(
        inputs: tuple[Any], batch_axes: tuple[int | None], size: int, *, axes: tuple[int, ...]
    ) -> tuple[tuple[Any], tuple[int]]:
        (axis,) = batch_axes
        outs = bind(primitive, inputs[0], axes=shifted(axes, axis))
        return outs, (kept_batch_axis(axes, axis),)

    primitive = Primitive(
        name=name,
        type=type_rule,
        numpy=one_array(numpy),
        jvp=jvp,
        transpose=NotLinear(f"{name} combines the elements of its operand with each other"),
        batch=batch,
        lower=lower,
    )
    return primitive
