"""What shares a kernel and what does not, on the programs that matter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fnx_xla_lite.fusion.outline import fuse, is_fused
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.verify import verify
from tests.xla_lite.loops.cases import CASES, build, softmax, splat, spread, total


def fusions(module):
    """The operations inside of each fusion, in order."""
    return [
        [i.op for i in instr.regions[0].instructions]
        for instr in verify(fuse(module)).main.body.instructions
        if instr.op == "fusion"
    ]


def count(module, op):
    return sum(ops.count(op) for ops in fusions(module))


@pytest.mark.parametrize(
    "name", ["chain", "row_softmax", "layer_norm", "gelu_norm_kept", "middle_softmax"]
)
def test_one_kernel(name):
    assert len(fusions(build(name)[0])) == 1


@pytest.mark.parametrize("name", CASES)
def test_fusing_twice_changes_nothing(name):
    fused = fuse(build(name)[0])
    assert is_fused(fused)
    assert fuse(fused) is fused


def test_epilogue_with_several_results():
    b = Builder()
    x, w, bias = (
        b.parameter((8, 16), "f32"),
        b.parameter((16, 24), "f32"),
        b.parameter((24,), "f32"),
    )
    z = b.add(b.dot_general(x, w, contracting=((1,), (0,))), spread(b, bias, (8, 24), 1))
    zero = splat(b, 0.0, z)
    (ops,) = fusions(b.build(b.maximum(z, zero), b.compare(z, zero, "GT")))
    assert ops.count("dot_general") == 1


def row_function(rows, columns, again):
    """exp of the sums of rows, which is read along the rows again, or not."""
    b = Builder()
    x = b.parameter((rows, columns), "f32")
    y = b.exponential(total(b, x, (1,)))
    return b.build(b.multiply(x, spread(b, y, (rows, columns), 0)) if again else y)


@pytest.mark.parametrize(
    ("rows", "columns", "again", "kernels"),
    [(32, 32, False, 2), (32, 32, True, 1), (32, 512, False, 1), (4, 32, False, 1)],
)
def test_a_costly_function_of_short_rows_is_computed_in_vectors(rows, columns, again, kernels):
    assert len(fusions(row_function(rows, columns, again))) == kernels


def train_step():
    """A layer, cross-entropy, its gradient by hand, and Adam."""
    b = Builder("step")
    x, y = b.parameter((16, 12), "f32"), b.parameter((16, 10), "f32")
    w, m, v = (b.parameter((12, 10), "f32", donated=True) for _ in range(3))
    bias, step = b.parameter((10,), "f32", donated=True), b.parameter((), "i32")
    logits = b.add(b.dot_general(x, w, contracting=((1,), (0,))), spread(b, bias, (16, 10), 1))
    p = softmax(b, logits, 1)
    loss = b.negate(total(b, b.multiply(y, b.log(p)), (0, 1)))
    d = b.subtract(p, y)
    g = b.dot_general(x, d, contracting=((0,), (0,)))
    time = b.convert(b.add(step, b.constant(np.int32(1))), "f32")
    one = b.constant(np.float32(1))
    decay = [b.subtract(one, b.power(b.constant(np.float32(r)), time)) for r in (0.9, 0.999)]
    m = b.add(b.multiply(m, splat(b, 0.9, m)), b.multiply(g, splat(b, 0.1, g)))
    v = b.add(b.multiply(v, splat(b, 0.999, v)), b.multiply(b.multiply(g, g), splat(b, 0.001, g)))
    m_hat, v_hat = (b.divide(s, spread(b, c, (12, 10))) for s, c in zip((m, v), decay, strict=True))
    w = b.subtract(w, b.divide(m_hat, b.add(b.sqrt(v_hat), splat(b, 1e-8, v))))
    bias = b.subtract(bias, b.multiply(total(b, d, (0,)), splat(b, 0.1, bias)))
    return b.build(w, m, v, bias, loss)


def test_train_step():
    found = fusions(train_step())
    assert len(found) == 6  # logits, softmax + loss rows, loss, decays, dW + Adam, db + update
    (adam,) = (ops for ops in found if "dot_general" in ops and "sqrt" in ops)
    assert "power" not in adam  # scalars are computed once, not for each element
    (rows,) = (ops for ops in found if "exponential" in ops)
    assert {"reduce", "divide", "subtract"} <= set(rows)
    (bias,) = (
        ops
        for ops in found
        if "reduce" in ops and "multiply" in ops and "exponential" not in ops and "log" not in ops
    )
    assert "subtract" in bias


def test_scalars_gather():
    b = Builder()
    x, y = b.parameter((), "f32"), b.parameter((), "f32")
    scalars = [b.exponential(x), b.negate(y), b.sqrt(x), b.multiply(x, x)]
    assert len(fusions(b.build(*scalars))) == 1


def test_what_is_dear_is_not_repeated():
    b = Builder()
    x, y = b.parameter((300,), "f32"), b.parameter((200, 300), "f32")
    e = b.exponential(x)
    module = b.build(b.add(y, spread(b, e, (200, 300), 1)))
    assert len(fusions(module)) == 2
    assert count(module, "exponential") == 1


def test_what_is_cheap_is_repeated():
    b = Builder()
    x, y = b.parameter((300,), "f32"), b.parameter((200, 300), "f32")
    e = b.add(x, x)
    assert len(fusions(b.build(b.multiply(y, spread(b, e, (200, 300), 1))))) == 1


def test_a_product_does_not_swallow_what_follows_a_reduction_of_it():
    b = Builder()
    x, w = b.parameter((8, 16), "f32"), b.parameter((16, 24), "f32")
    z = b.dot_general(x, w, contracting=((1,), (0,)))
    found = fusions(b.build(softmax(b, z, 1)))
    assert found[0] == ["dot_general"]
    assert len(found) == 2


def test_rows_that_do_not_fit_the_cache_are_not_read_again():
    b = Builder()
    x = b.parameter((64, 100_000), "f32")
    assert len(fusions(b.build(softmax(b, x, 1)))) > 1


def test_two_products_are_two_kernels():
    b = Builder()
    x, w, u = b.parameter((8, 8), "f32"), b.parameter((8, 8), "f32"), b.parameter((8, 8), "f32")
    z = [b.dot_general(x, y, contracting=((1,), (0,))) for y in (w, u)]
    assert len(fusions(b.build(b.tanh(b.add(*z))))) == 2


def test_location_is_the_users():
    b = Builder()
    x = b.parameter((3,), "f32")
    with b.location("model.py:7 in f"):
        y = b.negate(x)
    (fusion,) = fuse(b.build(b.exponential(y))).main.body.instructions
    assert fusion.location == "model.py:7 in f"


def test_readers_of_a_donated_parameter_come_first():
    b = Builder()
    w, x = b.parameter((8, 8), "f32"), b.parameter((8, 8), "f32")
    g = b.dot_general(x, x, contracting=((0,), (0,)))
    new = b.subtract(w, g)
    other = b.dot_general(x, w, contracting=((1,), (1,)))
    module = b.build(new, other)
    module = replace(module, functions=(replace(module.main, donated=frozenset({0})),))
    first, second = (i for i in fuse(module).main.body.instructions if i.op == "fusion")
    assert first.results[0] is other
    assert second.results[0] is new


def test_the_epilogue_of_a_product_computes_cheap_factors_again():
    """(g @ w) * (1 - y * y): the factor is not kept from where y was made."""
    b = Builder("backward")
    x, w, g = (b.parameter(shape, "f32") for shape in ((8, 16), (16, 16), (8, 16)))
    dot = lambda p, q: b.dot_general(p, q, contracting=((1,), (0,)))
    y = b.tanh(dot(x, w))
    one = b.full(1, (8, 16), "f32")
    factor = b.subtract(one, b.multiply(y, y))
    back = b.multiply(dot(g, w), factor)
    fused = fuse(b.build(y, back))
    fusions = [i for i in fused.main.body.instructions if i.op == "fusion"]
    assert [len(i.results) for i in fusions] == [1, 1]
    assert "subtract" in [i.op for i in fusions[1].regions[0].instructions]
