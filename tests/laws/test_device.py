"""Law *backends* on a CUDA device: HLO interpreter = CPU = CUDA; and a network learns there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import fnx
from fnx import data, nn, optim
from fnx.lowering.lower import lower
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.interpret import interpret
from fnx_xla_lite.hlo.text import to_text
from fnx_xla_lite.pipeline import compile
from tests.laws.drawing import each, examples
from tests.laws.large import large_modules, tolerance_of
from tests.laws.lowered import modules_of
from tests.oracles import assert_all_close
from tests.strategies import WIDE, recipes
from tests.xla_lite.hlo.programs import programs as modules

pytestmark = pytest.mark.gpu


def on_device(module, *arrays):
    """What the CUDA backend gives, as NumPy arrays."""
    results = compile(module, backend="cuda")(*arrays)
    kinds = [to_numpy(result.type.dtype) for result in module.main.body.results]
    return [x.get().view(kind) for x, kind in zip(results, kinds, strict=True)]


# Device time is dear: what fails is shown as it was drawn.
UNSHRUNK = settings.get_profile("unshrunk").phases


@each
@settings(examples(1), phases=UNSHRUNK)
@given(recipe=recipes())
def test_programs(name, recipe):
    program = recipe.program(name, WIDE)
    for jaxpr, arrays in modules_of(program):
        module = lower(jaxpr)
        expected = interpret(module, *arrays)
        note = f"{program!r}\n{to_text(module)}"
        assert_all_close(compile(module)(*arrays), expected, program.tolerance, note)
        assert_all_close(on_device(module, *arrays), expected, program.tolerance, note)


@settings(examples(40), phases=UNSHRUNK)
@given(drawn=modules())
def test_drawn_modules_with_special_numbers(drawn):
    module, arrays = drawn
    note = to_text(module)
    tolerance = 1e-1 if "bf16" in note else 1e-4
    assert_all_close(on_device(module, *arrays), interpret(module, *arrays), tolerance, note)


@settings(examples(12), phases=UNSHRUNK)
@given(drawn=large_modules)
def test_large_modules(drawn):
    module, arrays = drawn
    expected = interpret(module, *arrays)
    assert_all_close(on_device(module, *arrays), expected, tolerance_of(module), to_text(module))


def training():
    """A training step of the digits, and its arguments: model, optimiser state, a batch."""
    train, _ = data.digits()
    model = nn.mlp([64, 96, 64, 10], activation="relu", key=fnx.random.key(0))
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(2e-3))

    def step(model, state, images, labels):
        loss_of = lambda model: nn.cross_entropy(model(images), labels)
        loss, grads = fnx.value_and_grad(loss_of)(model)
        updates, state = optimizer.update(grads, state, model)
        return optim.apply_updates(model, updates), state, loss

    batch = [x[:128] for x in train]
    return step, (model, optimizer.init(model), *batch)


def test_a_network_learns_as_on_the_cpu():
    """Twenty steps whose state stays on the device, in memory that each step hands on."""
    step, arguments = training()
    lowered = fnx.jit(step, donate_argnums=(0, 1)).lower(*arguments)
    run = compile(lowered.as_text(), backend="cuda")
    native = compile(lowered.as_text())
    start = [np.asarray(x) for x in fnx.tree.leaves(arguments)]
    count = len(start) - 2  # leaves of the model and of the optimiser's state
    device, host, losses = start, start, []
    for _ in range(20):
        device, host = (
            [*f(*x[:count], *start[count:])] for f, x in ((run, device), (native, host))
        )
        losses.append((float(device[count]), float(host[count])))
    found, expected = np.array(losses).T
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    assert found[-1] < 0.5 * found[0]
    for x, y in zip(device[:count], host[:count], strict=True):
        np.testing.assert_allclose(x.get(), y, rtol=2e-2, atol=2e-3)
