"""Programs that JAX printed.

Read, run, compare with JAX's results, print back as JAX printed them.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.interpret import interpret
from fnx_xla_lite.hlo.isomorphism import isomorphic
from fnx_xla_lite.hlo.text import parse, to_text
from fnx_xla_lite.hlo.verify import verify
from fnx_xla_lite.passes.algebraic import algebraic
from fnx_xla_lite.passes.canonicalize import canonicalize
from fnx_xla_lite.passes.constant_fold import constant_fold
from fnx_xla_lite.passes.cse import cse
from fnx_xla_lite.passes.dce import dce
from fnx_xla_lite.passes.inline_calls import inline_calls
from fnx_xla_lite.passes.reshapes import reshapes

FOLDER = Path(__file__).parent / "stablehlo"
NAMES = sorted(path.stem for path in FOLDER.glob("*.mlir"))
PASSES = (
    inline_calls,
    constant_fold,
    canonicalize,
    algebraic,
    reshapes,
    canonicalize,
    constant_fold,
    cse,
    dce,
)
TOLERANCE = {"bf16": 2e-2, "f16": 2e-3, "f32": 3e-6, "f64": 1e-13}


def read(name):
    return (FOLDER / f"{name}.mlir").read_text()


def arrays(name, letter, types):
    with np.load(FOLDER / f"{name}.npz") as file:
        assert sum(key.startswith(letter) for key in file.files) == len(types)
        return [file[f"{letter}{i}"].view(to_numpy(t.dtype)) for i, t in enumerate(types)]


def recorded(name, module):
    body = module.main.body
    return (
        arrays(name, "a", [x.type for x in body.parameters]),
        arrays(name, "r", [x.type for x in body.results]),
    )


def narrowest(module):
    """The tolerance of all results: XLA keeps some intermediate narrow floats in float32."""
    types = {x.type.dtype for x in (*module.main.body.parameters, *module.main.body.results)}
    return max(TOLERANCE[dtype] for dtype in types & TOLERANCE.keys() | {"f64"})


def assert_close(got, expected, dtype, bound, what):
    if dtype not in TOLERANCE:
        np.testing.assert_array_equal(got, expected, err_msg=what)
        return
    wide = (x.astype(np.float64) for x in (got, expected))
    np.testing.assert_allclose(*wide, rtol=bound, atol=bound, err_msg=what)


def test_at_least_a_dozen_programs_are_recorded():
    assert len(NAMES) >= 24


@pytest.mark.parametrize("name", NAMES)
def test_interpretation_gives_jax_results(name):
    module = verify(parse(read(name)))
    inputs, expected = recorded(name, module)
    results = interpret(module, *inputs)
    for i, (got, want, value) in enumerate(
        zip(results, expected, module.main.body.results, strict=True)
    ):
        assert got.shape == value.type.shape
        assert got.dtype == to_numpy(value.type.dtype)
        assert_close(got, want, value.type.dtype, narrowest(module), f"{name}, result {i}")


@pytest.mark.parametrize("name", NAMES)
def test_print_and_parse_are_inverse(name):
    module = parse(read(name))
    for locations in (False, True):
        text = to_text(module, locations=locations)
        assert isomorphic(parse(text), module, locations=locations)


def stripped(text):
    """JAX's text without the annotations that mean nothing to a compiler of one device."""
    text = re.sub(r' \{jax\.result_info = "[^"]*"\}', "", text)
    text = re.sub(r"-> \((tensor<[^>]*>)\) \{$", r"-> \1 {", text, flags=re.MULTILINE)
    text = re.sub(r"\{tf\.aliasing_output = \d+ : i32\}", "{jax.buffer_donor = true}", text)
    return re.sub(r" attributes \{mhlo[^}]*\}", "", text).strip()


@pytest.mark.parametrize("name", NAMES)
def test_we_print_what_jax_prints(name):
    text = read(name)
    assert to_text(parse(text)).strip() == stripped(text)


@pytest.mark.parametrize("name", NAMES)
def test_every_pass_keeps_every_bit(name):
    module = parse(read(name))
    inputs, _ = recorded(name, module)
    expected = interpret(module, *inputs)
    for run in PASSES:
        module = verify(run(module))
        for got, want in zip(interpret(module, *inputs), expected, strict=True):
            assert got.dtype == want.dtype
            assert got.tobytes() == want.tobytes(), run.__name__


@pytest.mark.parametrize("name", NAMES)
def test_passes_shrink_and_settle(name):
    module = parse(read(name))
    for run in PASSES * 3:
        module = run(module)
    settled = module
    for run in PASSES:
        settled = run(settled)
    assert isomorphic(settled, module)
    assert len(module.functions) == 1
