"""Modules: pytrees whose structure holds the static fields."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import nn, tree


class Scale(nn.Module):
    factor: Any
    power: int = 1
    name: str = nn.static(default="scale")

    def __call__(self, x: Any) -> Any:
        return self.factor * x**self.power


def test_arrays_are_leaves_and_plain_fields_are_structure() -> None:
    module = Scale(fnp.asarray(2.0), 3)
    leaves, structure = tree.flatten(module)
    assert [float(x) for x in leaves] == [2.0]
    assert structure == tree.structure(Scale(fnp.asarray(5.0), 3))
    assert structure != tree.structure(Scale(fnp.asarray(2.0), 4))
    assert tree.unflatten(structure, [7.0]).factor == 7.0
    assert tree.paths(module) == [".factor"]


def test_modules_pass_through_the_transforms() -> None:
    module = Scale(fnp.asarray(2.0), 3)
    grads = fnx.grad(lambda m: m(fnp.asarray(2.0)))(module)
    assert type(grads) is Scale
    assert float(grads.factor) == 8.0
    assert float(fnx.jit(lambda m, x: m(x))(module, 3.0)) == 54.0
    batch = Scale(fnp.asarray([1.0, 2.0]), 2)
    assert fnx.vmap(lambda m: m(fnp.asarray(3.0)))(batch).tolist() == [9.0, 18.0]


def test_modules_are_frozen_and_final() -> None:
    module = Scale(1.0)
    message = r"replace\(factor=(?s:.*)build\(factor="
    with pytest.raises(dataclasses.FrozenInstanceError, match=message):
        module.factor = 2.0
    with pytest.raises(TypeError, match="abstract or final"):

        class Other(Scale):
            pass

    assert module.replace(factor=4.0).factor == 4.0
    assert module.factor == 1.0
    with pytest.raises(TypeError, match="has no field"):
        module.replace(colour=1)
    with pytest.raises(TypeError, match="built already"):
        module.build(factor=1, power=2, name="x")
    assert repr(Scale(fnp.zeros(3), 2)) == "Scale(factor=f32[3], power=2, name='scale')"


def test_a_dense_layer_computes_and_checks() -> None:
    layer = nn.Dense(3, 4, activation="relu", key=fnx.random.key(0))
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    expected = np.maximum(x @ np.asarray(layer.weight) + np.asarray(layer.bias), 0)
    np.testing.assert_allclose(np.asarray(layer(fnp.asarray(x))), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(TypeError, match="must end in an axis of 3"):
        layer(fnp.ones((2, 4)))
    with pytest.raises(ValueError, match="Did you mean 'relu'"):
        nn.Dense(3, 4, activation="relou", key=fnx.random.key(0))
    with pytest.raises(ValueError, match="at least 1"):
        nn.Dense(0, 4, key=fnx.random.key(0))
    assert nn.Dense(3, 4, use_bias=False, key=fnx.random.key(0))(fnp.ones((0, 3))).shape == (0, 4)


def test_sequential_is_composition() -> None:
    model = nn.mlp([4, 8, 8, 2], key=fnx.random.key(1))
    x = fnp.ones((3, 4))
    assert len(model) == 3
    assert np.array_equal(np.asarray(model(x)), np.asarray(model[2](model[1](model[0](x)))))
    assert np.array_equal(np.asarray(model[:2](x)), np.asarray(model[1](model[0](x))))
    assert model[2].activation is nn.identity
    assert model[0].activation is nn.relu


def test_plain_functions_are_layers() -> None:
    dense = nn.Dense(2, 3, key=fnx.random.key(0))
    model = nn.Sequential(dense, nn.relu, fnx.jit(fnp.sin))
    x = fnp.ones((4, 2))
    expected = np.asarray(fnp.sin(nn.relu(dense(x))))
    np.testing.assert_array_equal(np.asarray(model(x)), expected)
    np.testing.assert_allclose(np.asarray(fnx.jit(lambda m: m(x))(model)), expected, rtol=1e-6)
    assert len(tree.leaves(model)) == 2
    assert isinstance(model[1], nn.Lambda)
    assert model[0] is dense


@pytest.mark.parametrize(
    ("activation", "variance"),
    [("relu", 2 / 400), ("gelu", 2 / 400), ("tanh", 2 / 600), (None, 2 / 600), ("selu", 1 / 400)],
)
def test_the_initialiser_follows_the_activation(activation: str | None, variance: float) -> None:
    weight = np.asarray(nn.Dense(400, 200, activation=activation, key=fnx.random.key(3)).weight)
    assert abs(weight.mean()) < 3 * np.sqrt(variance / weight.size)
    assert weight.var() == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_variance_scaling_scales_the_variance(mode: str, distribution: str) -> None:
    weight = nn.variance_scaling(3.0, mode, distribution)(fnx.random.key(5), (3, 3, 20, 80))
    fan = {"fan_in": 180, "fan_out": 720, "fan_avg": 450}[mode]
    assert np.asarray(weight).var() == pytest.approx(3.0 / fan, rel=0.05)
    with pytest.raises(ValueError, match="fan_in, fan_out or fan_avg"):
        nn.variance_scaling(1.0, "fan", distribution)
