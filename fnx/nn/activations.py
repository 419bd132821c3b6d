"""Activations: elementwise functions (and softmax), by name where a layer takes a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fnx.numpy as fnp
from fnx import lax
from fnx.core.tracebacks import boundary
from fnx.errors import FnxValueError, did_you_mean

Activation = Callable[[Any], Any]


def identity(x: Any) -> Any:
    """``x``."""
    return x


def relu(x: Any) -> Any:
    """``max(x, 0)``; its derivative at 0 is 0."""
    return fnp.where(x > 0, x, fnp.zeros_like(x))


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """``x`` where positive, ``slope * x`` elsewhere."""
    return fnp.where(x > 0, x, slope * x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere (Clevert et al. 2016)."""
    safe = fnp.where(x > 0, fnp.zeros_like(x), x)
    return fnp.where(x > 0, x, alpha * fnp.expm1(safe))


def selu(x: Any) -> Any:
    """The self-normalising ELU (Klambauer et al. 2017)."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``."""
    return lax.logistic(x)


def silu(x: Any) -> Any:
    """``x * sigmoid(x)``, also called swish (Elfwing et al. 2018)."""
    return x * lax.logistic(x)


def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``, without overflow."""
    return fnp.logaddexp(x, fnp.zeros_like(x))


def gelu(x: Any, approximate: bool = True) -> Any:
    """``x * Phi(x)`` (Hendrycks & Gimpel 2016), by erf or by its tanh approximation."""
    if approximate:
        return 0.5 * x * (1 + fnp.tanh(0.7978845608028654 * (x + 0.044715 * (x * x * x))))
    return 0.5 * x * (1 + lax.erf(x * 0.7071067811865476))


def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return fnp.tanh(x)


def softmax(x: Any, axis: int = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along ``axis``, shifted by the maximum so that nothing overflows."""
    shifted = fnp.exp(x - lax.stop_gradient(fnp.max(x, axis=axis, keepdims=True)))
    return shifted / fnp.sum(shifted, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """``log(softmax(x))`` along ``axis``, accurate for small probabilities."""
    shifted = x - lax.stop_gradient(fnp.max(x, axis=axis, keepdims=True))
    return shifted - fnp.log(fnp.sum(fnp.exp(shifted), axis=axis, keepdims=True))


ACTIVATIONS: dict[str, Activation] = {
    f.__name__: boundary(f, "fnx.nn")
    for f in (
        identity, relu, leaky_relu, elu, selu, sigmoid, silu, softplus, gelu, tanh, softmax,
        log_softmax,
    )
}  # fmt: skip


def resolve(activation: str | Activation | None) -> Activation:
    """The function of a name; a function is itself, None is the identity.

    Raises:
        FnxValueError: no activation has that name.
    """
    if activation is None:
        return ACTIVATIONS["identity"]
    if callable(activation):
        return activation
    if activation not in ACTIVATIONS:
        raise FnxValueError(
            f"activation: expected a function or the name of one, got {activation!r}.",
            hint=f"{did_you_mean(str(activation), ACTIVATIONS)}"
            f"The names are: {', '.join(sorted(ACTIVATIONS))}.",
        )
    return ACTIVATIONS[activation]
