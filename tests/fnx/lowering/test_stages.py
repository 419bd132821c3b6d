"""Stages of a jitted function: trace, lower, compile; what they show, and what they promise."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx.errors import FnxTypeError, FnxValueError
from tests.laws.test_jit import counted_compilations

X = np.ones((5, 3), np.float32)
W = np.ones((3, 7), np.float32)


def layer(x, w):
    return {"out": fnp.tanh(x @ w), "sum": x.sum()}


def test_every_stage_knows_the_result():
    jitted = fnx.jit(layer)
    described = fnx.ShapeDtypeStruct(X.shape, X.dtype), fnx.ShapeDtypeStruct(W.shape, W.dtype)
    for args in ((X, W), described):
        traced = jitted.trace(*args)
        lowered = traced.lower()
        for stage in (traced, lowered, lowered.compile()):
            assert str(stage.out_info) == "{'out': f32[5,7], 'sum': f32[]}"
            assert stage.fun_name == "layer"
            assert "layer" in repr(stage)
    assert jitted.signatures == 1


def test_what_is_compiled_by_hand_is_what_a_call_runs():
    jitted = fnx.jit(layer)
    compiled = jitted.lower(X, W).compile()
    with counted_compilations() as found:
        expected = jitted(X, W)
        outs = compiled(X, fnp.asarray(W))
    assert not found
    np.testing.assert_array_equal(outs["out"], expected["out"])
    np.testing.assert_array_equal(outs["sum"], expected["sum"])


def test_texts_of_all_stages():
    compiled = fnx.jit(layer).lower(X, W).compile()
    wanted = {
        "jaxpr": "dot_general", "stablehlo": "stablehlo.dot_general", "hlo": "stablehlo.tanh",
        "passes": "stablehlo.tanh", "fused": "fnx.fusion", "loops": "matmul", "llvm": "define",
        "assembly": ".globl",
    }  # fmt: skip
    for stage, part in wanted.items():
        assert part in compiled.as_text(stage), stage
    assert compiled.as_text() == compiled.as_text("fused")
    lowered = fnx.jit(layer).lower(X, W)
    assert lowered.as_text() == compiled.as_text("stablehlo")
    assert lowered.as_text("jaxpr") == str(fnx.jit(layer).trace(X, W).jaxpr)


def test_traced_functions_show_what_they_close_over():
    table = fnp.asarray(X)
    jaxpr = fnx.jit(lambda x: x + table).trace(X).jaxpr
    assert [value for _, value in jaxpr.consts] == [table]
    assert len(jaxpr.inputs) == 1
    compiled = fnx.jit(lambda x: x + table).lower(X).compile()
    np.testing.assert_array_equal(compiled(X), 2 * X)


def test_static_arguments_are_left_out_of_calls():
    jitted = fnx.jit(lambda x, n, *, scale: x * n * scale, static_argnums=1)
    compiled = jitted.lower(X, 3, scale=2.0).compile()
    np.testing.assert_array_equal(compiled(X, scale=2.0), 6 * X)


def test_sanitiser_builds_have_stages():
    compiled = fnx.jit(fnp.sqrt, check="nan").lower(X).compile()
    np.testing.assert_array_equal(compiled(X), X)
    with pytest.raises(fnx.errors.FnxError, match="sqrt"):
        compiled(-X)
    assert "sqrt" in compiled.as_text("passes")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(X, W.T), r"argument 1 is f32\[7,3\], but the function was compiled for"),
        (lambda f: f(X.astype("float64"), W), r"argument 0 is f64\[5,3\]"),
        (lambda f: f(X, "w"), "argument 1 is str"),
        (lambda f: f(X), "was compiled for arguments of the structure"),
        (lambda f: f((X, W)), "was compiled for arguments of the structure"),
        (lambda f: fnx.grad(lambda x: f(x, W)["sum"])(X), "cannot be traced by jit, grad or vmap"),
        (lambda f: fnx.vmap(lambda x: f(x, W))(X[None]), "cannot be traced"),
    ],
)
def test_calls_that_do_not_fit(call, message):
    compiled = fnx.jit(layer).lower(X, W).compile()
    with pytest.raises(FnxTypeError, match=message) as info:
        call(compiled)
    assert "test_stages.py" in str(info.value)


def test_unknown_texts():
    lowered = fnx.jit(layer).lower(X, W)
    with pytest.raises(FnxValueError, match="no text 'llvm'; expected one of: jaxpr, stablehlo"):
        lowered.as_text("llvm")
    with pytest.raises(FnxValueError, match="Did you mean 'fused'"):
        lowered.compile().as_text("fuse")


def test_a_function_that_closes_over_a_traced_value_has_no_program():
    def outer(x):
        return fnx.jit(lambda y: x * y).lower(1.0)

    with pytest.raises(FnxTypeError, match="closes over a value that is being traced"):
        fnx.grad(lambda x: outer(x) and x)(1.0)


# Costs --------------------------------------------------------------------------------------------


def cost(f, *args):
    return fnx.jit(f).lower(*args).compile().cost_analysis()


def test_costs_are_those_of_the_formulas():
    found = cost(layer, X, W)
    assert found["flops"] == 2 * 5 * 3 * 7 + (15 - 1)
    assert found["transcendentals"] == 5 * 7
    assert found["bytes accessed"] == 4 * (2 * X.size + W.size + 35 + 1)
    assert found["loops of unknown length"] == 0
    assert sum(k["flops"] * k["times"] for k in found["kernels"]) == found["flops"]
    products = [k for k in found["kernels"] if "dot_general" in k["operations"]]
    assert "test_stages.py" in products[0]["line"]


def test_the_gradient_of_a_dense_layer_multiplies_three_times():
    f = fnx.grad(lambda w, x: fnp.sin(x @ w).sum(), (0, 1))
    a, b = np.ones((64, 64), np.float32), np.ones((64, 64), np.float32)
    assert 3 * 2 * 64**3 <= cost(f, a, b)["flops"] <= 3 * 2 * 64**3 + 20 * 64**2


def test_loops_count_as_often_as_they_run():
    step = lambda c, x: (c @ c + x, None)
    square = np.ones((8, 8), np.float32)
    for length in (1, 10, 1000):
        xs = np.ones((length, 8, 8), np.float32)
        found = cost(lambda xs: fnx.lax.scan(step, square, xs)[0], xs)
        work = length * (2 * 8**3 + 64)
        assert work <= found["flops"] <= work + 4 * length + 4
        assert found["loops of unknown length"] == 0

    def nested(xs):
        return fnx.lax.scan(lambda c, x: (fnx.lax.scan(step, c, xs)[0], None), square, xs)[0]

    found = cost(nested, np.ones((6, 8, 8), np.float32))
    assert 36 * (2 * 8**3 + 64) <= found["flops"] <= 36 * (2 * 8**3 + 64) + 200
    counted = cost(lambda x: fnx.lax.fori_loop(3, 11, lambda i, c: c * 2.0, x), 1.0)
    assert 8 <= counted["flops"] <= 40


def test_loops_of_unknown_length_are_reported():
    f = lambda x: fnx.lax.while_loop(lambda c: c.sum() < 100, lambda c: c * 2, x)
    assert cost(f, X)["loops of unknown length"] == 1


# Memory -------------------------------------------------------------------------------------------


def memory(f, *args, **options):
    return fnx.jit(f, **options).lower(*args).compile().memory_analysis()


def test_memory_is_known_before_running():
    found = memory(lambda x: (fnp.sin(x), x.sum()), np.ones(1000, np.float32))
    assert found.argument_size_in_bytes == 4000
    assert found.output_size_in_bytes == 4004
    assert found.alias_size_in_bytes == 0
    assert found.peak_memory_in_bytes == 8004 + found.temp_size_in_bytes
    assert found.generated_code_size_in_bytes > 100
    given = memory(lambda x: fnp.sin(x), np.ones(1000, np.float32), donate_argnums=0)
    assert given.alias_size_in_bytes == 4000
    assert given.peak_memory_in_bytes == 4000


MEASURE = """
import numpy as np
import fnx, fnx.numpy as fnp

def value(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024

def f(x, w):
    for _ in range(6):
        x = fnp.tanh(x @ w)
    return (x * x).sum()

gradient = fnx.jit({gradient})
x, w = fnp.ones((2048, 1024)), fnp.ones((1024, 1024))
compiled = gradient.lower(x, w).compile()
small = fnp.ones((64, 64))
fnx.jit(lambda a: a @ a)(small)  # the threads and their buffers
before = value("VmRSS")
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak begins anew
out = compiled(x, w)
memory = compiled.memory_analysis()
print(value("VmHWM") - before, memory.peak_memory_in_bytes - memory.argument_size_in_bytes)
"""


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux")
@pytest.mark.parametrize(
    "gradient", ["fnx.grad(f)", "fnx.grad(f, (0, 1))", "fnx.grad(fnx.checkpoint(f), 1)"]
)
def test_the_peak_is_the_measured_one(gradient):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(gradient=gradient)],
        capture_output=True, text=True, check=True, env={**os.environ, "FNX_NUM_THREADS": "1"},
    )  # fmt: skip
    measured, predicted = map(int, done.stdout.split())
    assert predicted > 2**24
    assert abs(measured - predicted) < 0.1 * predicted + 2**22


# Unused arguments ---------------------------------------------------------------------------------


def test_unused_arguments_are_not_part_of_the_program():
    f = lambda x, unused: fnp.sin(x)
    big = np.ones((1000, 1000))
    assert memory(f, X, big).argument_size_in_bytes == X.nbytes
    assert memory(f, X, big, keep_unused=True).argument_size_in_bytes == X.nbytes + big.nbytes
    assert "1000" not in fnx.jit(f).lower(X, big).as_text()
    dead = lambda x, y: (fnp.exp(y), fnp.sin(x))[1]
    assert memory(dead, X, big).argument_size_in_bytes == X.nbytes


@pytest.mark.parametrize("keep_unused", [False, True])
def test_unused_arguments_are_part_of_the_signature(keep_unused):
    f = fnx.jit(lambda x, y: x * len(y.shape) + y.shape[0], keep_unused=keep_unused)
    for _ in range(2):
        for y in (fnp.ones(4), np.ones(4, np.float32), np.ones((5, 2)), fnp.ones((6, 1, 1))):
            np.testing.assert_array_equal(f(X, y), X * y.ndim + y.shape[0])
    with pytest.raises(FnxTypeError, match="argument 1 is a str"):
        f(X, "no array")
    np.testing.assert_array_equal(fnx.vmap(f, (0, None))(X, np.ones(4))[0], X[0] + 4)
    np.testing.assert_array_equal(fnx.grad(lambda y: f(X, y).sum())(np.ones(4)), np.zeros(4))


@pytest.mark.parametrize("keep_unused", [False, True])
def test_unused_arguments_that_are_donated_are_gone(keep_unused):
    f = fnx.jit(lambda x, y: x + 1, donate_argnums=(0, 1), keep_unused=keep_unused)
    for _ in range(2):
        x, y = fnp.ones(3), fnp.ones(4)
        f(x, y)
        assert x.is_deleted()
        assert y.is_deleted()
    with pytest.raises(fnx.errors.FnxError):
        f(fnp.ones(3), y)
