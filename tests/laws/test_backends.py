"""Law *backends*: HLO interpreter = loop interpreter over planned memory = native code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fnx.core.dtypes import FLOATS
from fnx.lowering.lower import lower
from fnx_xla_lite.backends.cpu.backend import CpuBackend
from fnx_xla_lite.backends.cpu.target import host
from fnx_xla_lite.fusion.outline import fuse
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.interpret import interpret
from fnx_xla_lite.hlo.opset import OPS, SCALAR_OPS
from fnx_xla_lite.hlo.text import to_text
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.execute import execute
from fnx_xla_lite.pipeline import stages
from fnx_xla_lite.runtime.executable import Executable
from tests.laws.drawing import each, examples
from tests.laws.large import (
    MAKERS,
    columns,
    everything,
    large_module,
    large_modules,
    tolerance_of,
)
from tests.laws.lowered import modules_of
from tests.laws.special import SPECIAL, attempt
from tests.oracles import assert_all_close
from tests.programs import TOLERANCES
from tests.strategies import WIDE, recipes
from tests.xla_lite.backends.harness import targets
from tests.xla_lite.hlo.programs import programs as modules


def tolerance_by_dtype(arrays):
    """The tolerance for results that depend on values of these dtypes."""
    return max([TOLERANCES[x.dtype] for x in arrays if x.dtype in FLOATS], default=0.0)


def optimised(module):
    """The module as it reaches the backend."""
    *_, (_, fused) = stages(module)
    return fused


def native(module, target):
    """The module compiled for a target, outside of the disk cache."""
    program = build_program(optimised(module))
    compiled = CpuBackend(target, None).compile_program(program)
    return Executable(
        program, compiled.entry, stages={}, cost=compiled.nanoseconds,
        code_bytes=compiled.code_bytes, keep=compiled.keep,
    )  # fmt: skip


@each
@examples(4)
@given(recipe=recipes(), options=st.sampled_from([WIDE, replace(WIDE, wide=False)]))
def test_loops_mean_what_the_module_means(name, recipe, options):
    program = recipe.program(name, options)
    for jaxpr, arrays in modules_of(program):
        module = lower(jaxpr)
        expected = interpret(module, *arrays)
        for fused in (fuse(module), optimised(module)):
            given = [np.array(x, order="C") for x in arrays]
            actual = execute(build_program(fused), *given)
            assert_all_close(actual, expected, program.tolerance, f"{program!r}\n{to_text(module)}")
            assert all(a.tobytes() == b.tobytes() for a, b in zip(given, arrays, strict=True))


@each
@examples(2)
@given(recipe=recipes(after=1))
def test_donated_memory_changes_no_result(name, recipe):
    program = recipe.program(name, WIDE)
    for jaxpr, arrays in modules_of(program):
        module = optimised(lower(jaxpr))
        everything = frozenset(range(len(arrays)))
        donating = replace(module, functions=(replace(module.main, donated=everything),))
        expected = interpret(module, *arrays)
        actual = execute(build_program(donating), *[np.array(x, order="C") for x in arrays])
        assert_all_close(actual, expected, program.tolerance, f"{program!r}\n{to_text(module)}")


@each
@examples(2)
@given(recipe=recipes())
def test_native_code_means_what_the_module_means(name, recipe):
    program = recipe.program(name, WIDE)
    target = targets()[recipe.seed % len(targets())]
    for jaxpr, arrays in modules_of(program):
        module = lower(jaxpr)
        expected = interpret(module, *arrays)
        actual = native(module, target)(*arrays)
        note = f"{target.name}\n{program!r}\n{to_text(module)}"
        assert_all_close(actual, expected, program.tolerance, note)


@examples(60)
@given(drawn=modules())
def test_native_code_of_drawn_modules_with_special_numbers(drawn):
    module, arrays = drawn
    expected = interpret(module, *arrays)
    note = to_text(module)
    tolerance = 1e-1 if "bf16" in note else 1e-4
    assert_all_close(native(module, host())(*arrays), expected, tolerance, note)


@examples(8)
@given(drawn=large_modules)
def test_native_code_of_large_modules(drawn):
    module, arrays = drawn
    expected = interpret(module, *arrays)
    assert_all_close(
        native(module, host())(*arrays), expected, tolerance_of(module), to_text(module)
    )


@pytest.mark.parametrize("dtype", SPECIAL)
def test_native_scalar_operations_on_special_numbers(dtype):
    """Every elementwise operation on every pair of special numbers, in one program."""
    numbers = np.array(SPECIAL[dtype], to_numpy(dtype))
    arrays = [np.repeat(numbers, len(numbers)), np.tile(numbers, len(numbers))]
    b = Builder(dtype)
    x, y = (b.parameter(array.shape, dtype) for array in arrays)
    results = [b.compare(x, y, way) for way in ("EQ", "NE", "LT", "LE", "GT", "GE")]
    for op in sorted(SCALAR_OPS - {"compare", "select"}):
        found = attempt(b, op, (x, y, y)[: OPS[op].arity], dtype)
        results += [] if found is None else [found]
    results.append(b.select(results[2], x, y))
    module = b.build(*results)
    expected = interpret(module, *arrays)
    assert_all_close(native(module, host())(*arrays), expected, 1e-5, to_text(module))


SPLIT = [(columns, (257, 513)), (columns, (1000, 130)), (everything, (257, 513))]
LOOPS = [*[(make, (70, 130)) for make in MAKERS], *SPLIT]


@pytest.mark.parametrize(("make", "shape"), LOOPS)
def test_loops_of_large_modules(make, shape):
    module, arrays = large_module(make, shape)
    actual = execute(build_program(optimised(module)), *arrays)
    assert_all_close(actual, interpret(module, *arrays), tolerance_of(module), to_text(module))


PRODUCT_SIZES = st.sampled_from((1, 2, 5, 6, 16, 17, 31, 64, 65, 70, 130))


@examples(20)
@example((7, 33, 1100), None, (False, False), "f32", "both", 0)  # in several blocks of the depth
@given(
    sizes=st.tuples(PRODUCT_SIZES, PRODUCT_SIZES, st.sampled_from((1, 2, 6, 17, 65, 130, 1100))),
    batch=st.sampled_from((None, 1, 3)),
    swaps=st.tuples(st.booleans(), st.booleans()),
    dtype=st.sampled_from(("f32", "f64", "bf16")),
    epilogue=st.sampled_from(("none", "bias", "tanh", "residual", "both")),
    seed=st.integers(0, 1000),
)
def test_products_with_their_epilogues(sizes, batch, swaps, dtype, epilogue, seed):
    (m, n, k), lead = sizes, () if batch is None else (batch,)
    b, at = Builder("product"), len(lead)
    left = b.parameter((*lead, *((k, m) if swaps[0] else (m, k))), dtype)
    right = b.parameter((*lead, *((n, k) if swaps[1] else (k, n))), dtype)
    axes = ((at + (not swaps[0]),), (at + swaps[1],))
    shape = (*lead, m, n)
    batching = (tuple(range(at)), tuple(range(at)))
    y = b.dot_general(left, right, batching=batching, contracting=axes)
    bias = b.parameter((n,), dtype)
    residual = b.parameter(shape, dtype)
    if epilogue in ("bias", "both"):
        y = b.add(y, b.broadcast_in_dim(bias, shape, (at + 1,)))
    if epilogue in ("tanh", "both"):
        y = b.tanh(y)
    if epilogue in ("residual", "both"):
        y = b.subtract(y, residual)
    module = b.build(y)
    rng = np.random.default_rng(seed)
    arrays = [
        np.asarray(rng.uniform(-1, 1, t.shape) / np.sqrt(k)).astype(_numpy(t.dtype))
        for t in (x.type for x in (left, right, bias, residual))
    ]
    expected = interpret(module, *arrays)
    for target in targets():
        assert_all_close(
            native(module, target)(*arrays), expected, tolerance_by_dtype(arrays), to_text(module)
        )


def _numpy(dtype):
    return {"f32": np.float32, "f64": np.float64, "bf16": _BFLOAT16}[dtype]


_BFLOAT16 = next(dtype for dtype in TOLERANCES if str(dtype) == "bfloat16")
