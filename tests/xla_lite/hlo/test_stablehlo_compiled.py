"""The recorded JAX programs through the whole compiler, compared with JAX's results."""

from __future__ import annotations

import numpy as np
import pytest

from fnx_xla_lite.hlo.text import parse
from fnx_xla_lite.pipeline import compile
from tests.xla_lite.hlo.test_stablehlo import NAMES, assert_close, narrowest, read, recorded


@pytest.mark.parametrize("name", NAMES)
def test_compiled_programs_give_jax_results(name):
    module = parse(read(name))
    inputs, expected = recorded(name, module)
    results = compile(read(name))(*inputs)
    types = [value.type for value in module.main.body.results]
    for i, (got, want, type_) in enumerate(zip(results, expected, types, strict=True)):
        assert got.shape == type_.shape
        assert_close(np.asarray(got), want, type_.dtype, narrowest(module), f"{name}, result {i}")
