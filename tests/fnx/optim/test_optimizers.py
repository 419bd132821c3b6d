"""Optimisers against their papers' recurrences in NumPy; as pytrees; as programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import optim, tree
from fnx.errors import FnxTypeError

Update = Callable[[np.ndarray, np.ndarray, dict[str, Any], int], np.ndarray]


def sgd(p: np.ndarray, g: np.ndarray, s: dict[str, Any], t: int) -> np.ndarray:
    return p - 0.1 * g


def heavy_ball(p: np.ndarray, g: np.ndarray, s: dict[str, Any], t: int) -> np.ndarray:
    s["m"] = 0.9 * s.get("m", 0) + g
    return p - 0.1 * s["m"]


def nesterov(p: np.ndarray, g: np.ndarray, s: dict[str, Any], t: int) -> np.ndarray:
    s["m"] = 0.9 * s.get("m", 0) + g
    return p - 0.1 * (g + 0.9 * s["m"])


def adam(p: np.ndarray, g: np.ndarray, s: dict[str, Any], t: int, decay: float = 0.0) -> np.ndarray:
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g * g
    step = s["m"] / (1 - 0.9**t) / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-8)
    return p - 0.1 * (step + decay * p)


def rmsprop(p: np.ndarray, g: np.ndarray, s: dict[str, Any], t: int) -> np.ndarray:
    s["v"] = 0.9 * s.get("v", 0) + 0.1 * g * g
    return p - 0.1 * g / np.sqrt(s["v"] + 1e-8)


def clipped(p: np.ndarray, g: np.ndarray, s: dict[str, Any], t: int) -> np.ndarray:
    return p - 0.1 * g * min(1.0, 0.5 / np.sqrt((g * g).sum()))


TABLE: dict[str, tuple[optim.Optimizer, Update]] = {
    "sgd": (optim.sgd(0.1), sgd),
    "momentum": (optim.sgd(0.1, momentum=0.9), heavy_ball),
    "nesterov": (optim.sgd(0.1, momentum=0.9, nesterov=True), nesterov),
    "adam": (optim.adam(0.1), adam),
    "adamw": (optim.adamw(0.1, weight_decay=0.3), lambda p, g, s, t: adam(p, g, s, t, 0.3)),
    "rmsprop": (optim.rmsprop(0.1), rmsprop),
    "clipping": (optim.chain(optim.clip_by_global_norm(0.5), optim.sgd(0.1)), clipped),
}


def gradient(p: Any) -> Any:
    """Of a function that is not symmetric, so that mixed-up coordinates show."""
    return p * np.array([1.0, 5.0, 0.3]) + np.array([0.2, -1.0, 0.0])


@pytest.mark.parametrize("name", sorted(TABLE))
@pytest.mark.parametrize("jitted", [False, True])
def test_ten_steps_follow_the_recurrence(name: str, jitted: bool) -> None:
    optimizer, reference = TABLE[name]

    def step(params: Any, state: Any) -> Any:
        updates, state = optimizer.update(tree.map(gradient, params), state, params)
        return optim.apply_updates(params, updates), state

    step = fnx.jit(step) if jitted else step
    start = np.array([1.0, -2.0, 3.0])
    params, expected, memory = {"w": fnp.asarray(start)}, start, {}
    state = optimizer.init(params)
    for t in range(1, 11):
        params, state = step(params, state)
        expected = reference(expected, gradient(expected), memory, t)
        np.testing.assert_allclose(
            np.asarray(params["w"]), expected, rtol=2e-6, err_msg=f"step {t}"
        )


def test_parameters_keep_their_dtypes() -> None:
    params = {"a": fnp.ones(2, "bfloat16"), "b": fnp.ones(2, "float64"), "n": fnp.ones(2, "int32")}
    grads = {"a": fnp.ones(2, "bfloat16"), "b": fnp.ones(2, "float64"), "n": fnp.zeros(2, "int32")}
    optimizer = optim.sgd(0.5)
    updates, _ = optimizer.update({k: grads[k] for k in grads}, optimizer.init(params), params)
    moved = optim.apply_updates(params, updates)
    assert {k: str(v.dtype) for k, v in moved.items()} == {
        "a": "bfloat16",
        "b": "float64",
        "n": "int32",
    }
    assert moved["n"].tolist() == [1, 1]


def test_a_batch_of_learning_rates_is_a_vmap() -> None:
    def train(optimizer: Any) -> Any:
        params, state = fnp.asarray([1.0, 2.0]), optimizer.init(fnp.asarray([1.0, 2.0]))
        for _ in range(3):
            updates, state = optimizer.update(params, state, params)
            params = optim.apply_updates(params, updates)
        return params

    rates = [0.1, 0.2, 0.5]
    batch = fnx.vmap(train)(optim.sgd(fnp.asarray(rates)))
    single = [np.asarray(train(optim.sgd(rate))) for rate in rates]
    np.testing.assert_allclose(np.asarray(batch), np.stack(single), rtol=1e-6)


def test_a_schedules_parameters_can_be_differentiated() -> None:
    def after_two_steps(schedule: Any) -> Any:
        optimizer = optim.sgd(schedule)
        p = fnp.asarray(1.0)
        state = optimizer.init(p)
        for _ in range(2):
            updates, state = optimizer.update(p, state, p)
            p = optim.apply_updates(p, updates)
        return p

    grads = fnx.grad(after_two_steps)(optim.Constant(fnp.asarray(0.25)))
    assert float(grads.value) == pytest.approx(-2 * (1 - 0.25))  # d/dr (1 - r)^2


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (optim.Constant(0.3), {0: 0.3, 1000: 0.3}),
        (optim.Cosine(1.0, 10, 0.2), {0: 1.0, 5: 0.6, 10: 0.2, 50: 0.2}),
        (optim.Step(1.0, 10, 0.5), {0: 1.0, 9: 1.0, 10: 0.5, 25: 0.25}),
        (optim.Linear(1.0, 0.0, 4), {0: 1.0, 1: 0.75, 4: 0.0, 9: 0.0}),
        (optim.Warmup(4, optim.Cosine(1.0, 10)), {0: 0.0, 2: 0.5, 4: 1.0, 9: 0.5, 14: 0.0}),
    ],
)
def test_schedules_pass_through_their_points(
    schedule: optim.Schedule, values: dict[int, float]
) -> None:
    for count, expected in values.items():
        assert float(schedule(count)) == pytest.approx(expected, abs=1e-6)
        assert float(fnx.jit(lambda n: schedule(n))(fnp.asarray(count))) == pytest.approx(
            expected, abs=1e-6
        )


@pytest.mark.parametrize("make", [optim.sgd, optim.adam, optim.adamw, optim.rmsprop])
def test_a_rate_is_a_function_of_the_step_count(make: Any) -> None:
    """It is no leaf, so that an optimiser stays an argument of compiled functions."""

    def train(optimizer: Any) -> Any:
        p = fnp.asarray([1.0, -2.0])
        state = optimizer.init(p)
        for _ in range(3):
            updates, state = optimizer.update(p, state, p)
            p = optim.apply_updates(p, updates)
        return p

    optimizer = make(lambda step: 0.5 - 0.125 * step)
    same = train(make(optim.Linear(0.5, 0.0, 4)))
    np.testing.assert_allclose(np.asarray(train(optimizer)), np.asarray(same), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(fnx.jit(train)(optimizer)), np.asarray(same), rtol=1e-6)


@pytest.mark.parametrize("rate", [None, "fast", optim.Cosine, [0.1]])
def test_what_is_no_rate_is_refused(rate: Any) -> None:
    for make in (optim.sgd, lambda rate: optim.sgd(optim.Warmup(10, rate))):
        with pytest.raises(FnxTypeError, match="expected a number or a schedule of the step count"):
            make(rate)


def test_clipping_takes_all_leaves_as_one_vector() -> None:
    grads = {"a": fnp.asarray([3.0, 0.0]), "b": [fnp.asarray(4.0)]}
    assert float(optim.global_norm(grads)) == 5.0
    assert float(optim.global_norm({})) == 0.0
    clipped, _ = optim.clip_by_global_norm(1.0).update(grads, ())
    assert clipped["a"].tolist() == pytest.approx([0.6, 0.0])
    assert float(clipped["b"][0]) == pytest.approx(0.8)
    untouched, _ = optim.clip_by_global_norm(10.0).update(grads, ())
    assert untouched["a"].tolist() == [3.0, 0.0]
    zero, _ = optim.clip_by_global_norm(1.0).update({"a": fnp.zeros(2)}, ())
    assert zero["a"].tolist() == [0.0, 0.0]


def test_decay_says_that_it_needs_the_parameters() -> None:
    optimizer = optim.adamw(0.1)
    with pytest.raises(ValueError, match="expected the parameters"):
        optimizer.update(fnp.ones(2), optimizer.init(fnp.ones(2)))


@pytest.mark.parametrize(("flag", "rate"), [(bool, float), ("bool", "float")])
def test_plain_annotations_are_static_as_values_and_as_strings(flag: Any, rate: Any) -> None:
    """A module without ``from __future__ import annotations`` has classes for annotations."""
    kind = type("Signed", (optim.Optimizer,), {"__annotations__": {"rate": rate, "is_up": flag}})
    leaves, structure = tree.flatten(kind(0.5, True))
    assert leaves == [0.5]
    assert structure != tree.structure(kind(0.5, False))
