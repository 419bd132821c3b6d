"""Executables: inputs checked and converted, results owned by the caller, donation, stages."""

import gc

import numpy as np
import pytest

import fnx_xla_lite
from fnx_xla_lite.errors import BackendError


@pytest.fixture(scope="module")
def add():
    b = fnx_xla_lite.Builder("add")
    x, y = b.parameter((4, 6), "f32"), b.parameter((4, 6), "f32")
    return fnx_xla_lite.compile(b.build(b.add(x, y)))


@pytest.fixture
def x():
    return np.arange(24, dtype=np.float32).reshape(4, 6)


def test_call(add, x):
    (out,) = add(x, x)
    np.testing.assert_array_equal(out, 2 * x)
    assert out.dtype == np.float32
    assert out.flags.writeable


def test_inputs_of_any_layout_are_taken(add, x):
    transposed = np.asfortranarray(x)
    strided = np.zeros((8, 12), np.float32)[::2, ::2]
    strided[...] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    swapped = x.astype(">f4")
    raw = np.zeros(x.nbytes + 1, np.uint8)[1:]
    misaligned = raw.view(np.float32).reshape(x.shape)
    misaligned[...] = x
    for other in (transposed, strided, frozen, swapped, misaligned, x.tolist()):
        if isinstance(other, list):
            other = np.array(other, np.float32)
        np.testing.assert_array_equal(add(x, other)[0], 2 * x)
    np.testing.assert_array_equal(add(x, np.ma.masked_array(x))[0], 2 * x)


def test_wrong_number_of_arguments(add, x):
    with pytest.raises(TypeError, match="add takes 2 arrays, got 1"):
        add(x)


def test_wrong_dtype_names_the_argument(add, x):
    with pytest.raises(
        TypeError, match=r"argument 1 is of dtype float64, expected tensor<4x6xf32>"
    ):
        add(x, x.astype(np.float64))


def test_wrong_shape_names_the_argument(add, x):
    with pytest.raises(
        ValueError, match=r"argument 0 is of shape \(6, 4\), expected tensor<4x6xf32>"
    ):
        add(x.T, x)


def test_results_are_not_reused_while_a_view_is_alive():
    b = fnx_xla_lite.Builder("big")
    p = b.parameter((300, 300), "f32")
    run = fnx_xla_lite.compile(b.build(b.negate(p)))
    a = np.full((300, 300), 1, np.float32)
    view = run(a)[0][5:7, ::3]
    gc.collect()
    for _ in range(4):
        run(a * 7)
    np.testing.assert_array_equal(view, -1)


def test_a_donated_argument_becomes_the_result():
    b = fnx_xla_lite.Builder("step")
    p = b.parameter((100, 100), "f32", donated=True)
    run = fnx_xla_lite.compile(b.build(b.add(p, b.constant(np.ones((100, 100), np.float32)))))
    assert run.aliases == ((0, 0),)
    a = np.zeros((100, 100), np.float32)
    (out,) = run(a)
    assert np.shares_memory(a, out)
    np.testing.assert_array_equal(out, 1)


def test_a_donated_argument_that_cannot_be_written_is_copied():
    b = fnx_xla_lite.Builder("step")
    p, q = b.parameter((50,), "f32", donated=True), b.parameter((50,), "f32")
    run = fnx_xla_lite.compile(b.build(b.add(p, b.reverse(q, (0,)))))
    frozen = np.arange(50, dtype=np.float32)
    frozen.flags.writeable = False
    (out,) = run(frozen, frozen)
    np.testing.assert_array_equal(out, 49)
    np.testing.assert_array_equal(frozen, np.arange(50))
    shared = np.arange(50, dtype=np.float32)
    np.testing.assert_array_equal(run(shared, shared)[0], 49)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), ()])
def test_arrays_without_elements_and_scalars(shape):
    b = fnx_xla_lite.Builder("f")
    p = b.parameter(shape, "f32")
    run = fnx_xla_lite.compile(b.build(b.negate(p)))
    a = np.ones(shape, np.float32)
    np.testing.assert_array_equal(run(a)[0], -a)


def test_stages_are_named_and_readable(add):
    assert list(add.stages) == ["hlo", "passes", "fused", "loops", "llvm", "assembly"]
    assert "stablehlo.add" in add.stages["hlo"]
    assert "kernel" in add.stages["loops"]
    assert "fadd" in add.stages["llvm"]
    assert add.stages["assembly"] is add.stages["assembly"]
    assert add.cost > 0
    assert add.code_bytes > 0


def test_compile_takes_text_and_refuses_unknown_backends(add, x):
    again = fnx_xla_lite.compile(add.stages["hlo"])
    np.testing.assert_array_equal(again(x, x)[0], add(x, x)[0])
    with pytest.raises(BackendError, match="no backend 'tpu'; we have: cpu"):
        fnx_xla_lite.compile(add.stages["hlo"], backend="tpu")


def test_dump_writes_every_stage(monkeypatch, tmp_path):
    monkeypatch.setenv("FNX_DUMP", str(tmp_path))
    monkeypatch.setenv("FNX_CHECK", "1")
    b = fnx_xla_lite.Builder("dumped")
    fnx_xla_lite.compile(b.build(b.sine(b.parameter((3,), "f32"))))
    (folder,) = tmp_path.iterdir()
    names = [path.name.split("-", 1)[1] for path in sorted(folder.iterdir())]
    assert names[0] == "hlo.mlir"
    assert names[-4:] == ["fused.mlir", "loops.txt", "llvm.ll", "assembly.s"]
    assert "cse.mlir" in names
