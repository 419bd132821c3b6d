"""Activations and losses against their formulas in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import nn

X = np.concatenate([np.linspace(-6, 6, 41), [-0.0, 0.0, 30.0, -30.0]])
ERF = np.vectorize(math.erf)
FORMULAS: dict[str, Any] = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
    ),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(x, 0),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))),
    "tanh": np.tanh,
    "softmax": lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(),
    "log_softmax": lambda x: x - x.max() - np.log(np.exp(x - x.max()).sum()),
}


def test_every_activation_has_a_formula_here() -> None:
    assert FORMULAS.keys() == nn.ACTIVATIONS.keys()


@pytest.mark.parametrize("name", sorted(FORMULAS))
@pytest.mark.parametrize("jitted", [False, True])
def test_activation_is_its_formula(name: str, jitted: bool) -> None:
    function = fnx.jit(nn.ACTIVATIONS[name]) if jitted else nn.ACTIVATIONS[name]
    np.testing.assert_allclose(
        np.asarray(function(fnp.asarray(X))), FORMULAS[name](X), rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_gradients_are_finite_everywhere(name: str) -> None:
    grads = fnx.grad(lambda x: fnp.sum(nn.ACTIVATIONS[name](x) * fnp.cos(x)))(fnp.asarray(X * 20))
    assert np.isfinite(np.asarray(grads)).all()


def test_exact_gelu() -> None:
    expected = 0.5 * X * (1 + ERF(X / math.sqrt(2)))
    np.testing.assert_allclose(
        np.asarray(nn.gelu(fnp.asarray(X), approximate=False)), expected, atol=1e-14
    )


def test_cross_entropy_of_labels_and_of_probabilities_agree() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((6, 5)), rng.integers(0, 5, 6)
    log_probs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -log_probs[np.arange(6), labels]
    for target in (labels, np.eye(5)[labels]):
        given = fnp.asarray(logits), fnp.asarray(target)
        np.testing.assert_allclose(
            np.asarray(nn.cross_entropy(*given, reduction="none")), expected, rtol=1e-12
        )
        assert float(nn.cross_entropy(*given)) == pytest.approx(expected.mean())
        assert float(nn.cross_entropy(*given, reduction="sum")) == pytest.approx(expected.sum())


def test_the_gradient_of_cross_entropy_is_softmax_minus_one_hot() -> None:
    logits, labels = np.random.default_rng(1).standard_normal((4, 3)), np.array([0, 2, 1, 1])
    grads = fnx.grad(lambda z: nn.cross_entropy(z, fnp.asarray(labels), reduction="sum"))(
        fnp.asarray(logits)
    )
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(np.asarray(grads), probabilities - np.eye(3)[labels], atol=1e-12)


def test_cross_entropy_of_extreme_logits_is_finite() -> None:
    loss = nn.cross_entropy(fnp.asarray([[1e4, -1e4]]), fnp.asarray([1]))
    assert float(loss) == pytest.approx(2e4)


def test_losses_refuse_shapes_that_do_not_fit() -> None:
    with pytest.raises(TypeError, match="without the last axis"):
        nn.cross_entropy(fnp.ones((4, 3)), fnp.zeros((3,), "int32"))
    message = r"shapes must be equal(?s:.*)class numbers\n  must be integers"
    with pytest.raises(TypeError, match=message):
        nn.cross_entropy(fnp.ones((4, 3)), fnp.ones(4))
    with pytest.raises(TypeError, match="shapes must be equal"):
        nn.mse(fnp.ones((4, 1)), fnp.ones((4,)))
    with pytest.raises(ValueError, match="reduction must be"):
        nn.mse(fnp.ones(3), fnp.ones(3), reduction="max")
    assert float(nn.mse(fnp.asarray([1.0, 2.0]), fnp.asarray([0.0, 4.0]))) == 2.5
    assert float(nn.accuracy(fnp.asarray([[1.0, 2.0], [3.0, 0.0]]), fnp.asarray([1, 1]))) == 0.5
