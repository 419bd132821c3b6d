"""Plain products as calls of cuBLAS: which kernels have one, and what the calls mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fnx_xla_lite.backends.cuda.blas import blas_call, kernel_call, plain_product
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.interpret import interpret
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.program import Launch
from fnx_xla_lite.pipeline import fused_of
from tests.xla_lite.backends.cuda_cases import KERNELS, dense_layers, product
from tests.xla_lite.backends.harness import random_array


def column_major(memory, matrix, rows, columns, batch):
    """A matrix as the BLAS standard reads it: element (i, j) at ``i + leading * j``."""
    if matrix.transposed:
        rows, columns = columns, rows
    assert matrix.leading >= max(rows, 1)
    steps = [matrix.batch_stride, 1, matrix.leading]
    strides = [step * memory.itemsize for step in steps]
    view = np.lib.stride_tricks.as_strided(memory[matrix.offset :], (batch, rows, columns), strides)
    return np.swapaxes(view, 1, 2) if matrix.transposed else view


def run(call, memory):
    """What cuBLAS does with a call."""
    wide = np.float64 if call.out_dtype == "f64" else np.float32
    a = column_major(memory[call.a.buffer], call.a, call.m, call.k, call.batch)
    b = column_major(memory[call.b.buffer], call.b, call.k, call.n, call.batch)
    out = column_major(memory[call.out.buffer], call.out, call.m, call.n, call.batch)
    out[...] = (a.astype(wide) @ b.astype(wide)).astype(out.dtype)


def kernels_of(module):
    """The kernels of a program, in order."""
    return [step.kernel for step in build_program(fused_of(module)).steps if type(step) is Launch]


def test_the_plain_product_may_go_to_a_library():
    (plain,) = filter(None, map(plain_product, kernels_of(dense_layers())))
    # (90, 70) = transpose of h (70, 90) times x (70, 100), seen through strides
    assert (plain.lhs.shape, plain.lhs.strides) == ((90, 70), (1, 90))
    assert (plain.rhs.shape, plain.rhs.strides) == ((70, 100), (100, 1))
    assert (plain.out.shape, plain.out.strides) == ((90, 100), (100, 1))
    call = blas_call(plain)
    assert (call.m, call.n, call.k, call.batch) == (100, 90, 70, 1)
    assert (call.a.buffer, call.a.transposed, call.a.leading) == (plain.rhs.buffer, False, 100)
    assert (call.b.buffer, call.b.transposed, call.b.leading) == (plain.lhs.buffer, True, 90)


@pytest.mark.parametrize("name", ["tiled product", "integer product", "many rows"])
def test_other_kernels_are_no_plain_products(name):
    assert plain_product(KERNELS[name]) is None
    assert kernel_call(KERNELS[name]) is None


SIZES = st.sampled_from((1, 2, 3, 17))


@example((1, 17, 3), (2,), (True, False), (True, True), "f32")
@given(
    sizes=st.tuples(SIZES, SIZES, SIZES),
    batch=st.sampled_from(((), (1,), (3,), (2, 3))),
    swaps=st.tuples(st.booleans(), st.booleans()),
    outer=st.tuples(st.booleans(), st.booleans()),
    dtype=st.sampled_from(("f32", "f64", "f16", "bf16")),
)
def test_calls_mean_what_the_module_means(sizes, batch, swaps, outer, dtype):
    """Operands transposed or not, batch axes first or in the middle."""
    (m, n, k), b, at = sizes, Builder("product"), len(batch)
    operands, axes = [], []
    for pair, swap, inside in zip(((m, k), (n, k)), swaps, outer, strict=True):
        first, second = pair[::-1] if swap else pair
        shape = (first, *batch, second) if inside else (*batch, first, second)
        operands.append(b.parameter(shape, dtype))
        ends = (0, at + 1) if inside else (at, at + 1)
        axes.append((ends[0 if swap else 1], tuple(range(1 if inside else 0, at + inside))))
    (left, lb), (right, rb) = axes
    y = b.dot_general(*operands, contracting=((left,), (right,)), batching=(lb, rb))
    module = b.build(y)
    found = [kernel for kernel in kernels_of(module) if plain_product(kernel)]
    if not found:  # an axis of one element made it a sum or an outer product
        assert 1 in sizes
        return
    (made,) = found
    call = kernel_call(made)
    if call is None:  # two batch axes that do not follow each other, or rows and columns apart
        assert any(outer)
        assert at
        return
    rng = np.random.default_rng(0)
    arrays = [random_array(rng, x.type.shape, dtype) for x in operands]
    out = np.empty(y.type.size, to_numpy(dtype))
    names = [buffer.name for buffer in made.parameters]
    run(call, dict(zip(names, [*(x.ravel() for x in arrays), out], strict=True)))
    (expected,) = interpret(module, *arrays)
    np.testing.assert_allclose(
        out.reshape(expected.shape).astype(float), expected.astype(float), rtol=1e-2, atol=1e-2
    )


def test_narrow_operands_may_keep_their_sums():
    made = kernel_call(without_bias("bf16"))
    assert (made.operand_dtype, made.out_dtype) == ("bf16", "f32")
    assert kernel_call(without_bias("f8E5M2")) is None


def without_bias(dtype):
    """A product in f32 of narrow operands."""
    whole = product(20, 30, 40, dtype)
    (body,) = whole.body
    store = body.epilogue[-1]
    plain = replace(store, value=replace(store.value, name=body.acc))
    return replace(whole, body=(replace(body, epilogue=(plain,)),))
