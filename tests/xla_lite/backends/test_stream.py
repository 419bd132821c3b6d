"""Streaming stores: the same bytes as ordinary ones, never at an address that is not aligned."""

import numpy as np
import pytest
from hypothesis import given

import fnx_xla_lite
from fnx_xla_lite.backends.cpu import emit_stream
from fnx_xla_lite.backends.cpu.target import host
from tests.xla_lite.hlo.programs import programs

needs_x86 = pytest.mark.skipif(
    not host().triple.startswith("x86_64"), reason="only x86 has streaming stores"
)


@pytest.fixture(autouse=True)
def _uncached(monkeypatch):
    monkeypatch.setenv("FNX_CACHE", "0")  # the threshold is no part of a cached object's name


def compiled(module, least_bytes, is_streaming=None):
    before, emit_stream.LEAST_BYTES = emit_stream.LEAST_BYTES, least_bytes
    try:
        run = fnx_xla_lite.compile(module)
        if is_streaming is not None:
            assert ("sfence" in run.stages["assembly"]) == is_streaming
        return run
    finally:
        emit_stream.LEAST_BYTES = before


@given(program=programs())
def test_drawn_programs_give_the_same_bytes(program):
    module, arrays = program
    with np.errstate(all="ignore"):
        plain, streaming = (compiled(module, least)(*arrays) for least in (1 << 40, 1))
    for x, y in zip(plain, streaming, strict=True):
        assert x.tobytes() == y.tobytes()


def doubled(shape: str, dtype: str = "f32", donated: str = "") -> str:
    kind = f"tensor<{shape}x{dtype}>"
    return f"""
    func.func public @main(%x: {kind}{donated}) -> {kind} {{
      %0 = stablehlo.add %x, %x : {kind}
      return %0 : {kind}
    }}"""


@needs_x86
@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16", "f16", "i8", "i64"])
def test_large_results_are_streamed_and_small_ones_are_not(dtype):
    size = emit_stream.LEAST_BYTES // np.dtype(fnx_xla_lite.hlo.dtypes.to_numpy(dtype)).itemsize
    compiled(doubled(f"{size // 64}x64", dtype), emit_stream.LEAST_BYTES, True)
    compiled(doubled(f"{size // 64 - 1}x64", dtype), emit_stream.LEAST_BYTES, False)


@needs_x86
@pytest.mark.parametrize("shape", ["5x7", "3x1000", "1000x3", "4099", "1", "2x3x16", "33x48"])
def test_ragged_rows(shape):
    run = compiled(doubled(shape), 1, True)
    x = np.random.default_rng(0).standard_normal([int(n) for n in shape.split("x")])
    x = x.astype(np.float32)
    for shift in (0, 4, 64):  # the results of a call come from anywhere
        memory = np.zeros(x.nbytes + 128, np.uint8)
        out = memory[-memory.ctypes.data % 64 + shift :][: x.nbytes].view(np.float32)
        run._run([x], [out])
        np.testing.assert_array_equal(out, (x + x).ravel())
        assert not memory[-memory.ctypes.data % 64 + shift + x.nbytes :].any()


@needs_x86
def test_a_donated_array_of_the_caller_may_lie_anywhere():
    """Its memory becomes the result's."""
    run = compiled(doubled("64x32", donated=" {jax.buffer_donor = true}"), 1, True)
    memory = np.zeros(64 * 32 * 4 + 256, np.uint8)
    for shift in (0, 4, 12, 60):
        start = -memory.ctypes.data % 64 + shift
        x = memory[start : start + 64 * 32 * 4].view(np.float32).reshape(64, 32)
        x[...] = np.arange(64 * 32).reshape(64, 32)
        expected = x + x
        np.testing.assert_array_equal(run(x)[0], expected)


@needs_x86
def test_a_loop_streams_into_its_arena():
    text = """
    func.func public @main(%x: tensor<64x32xf32>) -> tensor<64x32xf32> {
      %zero = stablehlo.constant dense<0> : tensor<i32>
      %one = stablehlo.constant dense<1> : tensor<i32>
      %three = stablehlo.constant dense<3> : tensor<i32>
      %0:2 = stablehlo.while(%i = %zero, %y = %x) : tensor<i32>, tensor<64x32xf32>
      cond {
        %c = stablehlo.compare LT, %i, %three : (tensor<i32>, tensor<i32>) -> tensor<i1>
        stablehlo.return %c : tensor<i1>
      } do {
        %n = stablehlo.add %i, %one : tensor<i32>
        %t = stablehlo.transpose %y, dims = [1, 0] : (tensor<64x32xf32>) -> tensor<32x64xf32>
        %s = stablehlo.reshape %t : (tensor<32x64xf32>) -> tensor<64x32xf32>
        %z = stablehlo.add %s, %y : tensor<64x32xf32>
        stablehlo.return %n, %z : tensor<i32>, tensor<64x32xf32>
      }
      return %0#1 : tensor<64x32xf32>
    }"""
    x = np.random.default_rng(1).standard_normal((64, 32)).astype(np.float32)
    expected = x
    for _ in range(3):
        expected = expected.T.reshape(64, 32) + expected
    np.testing.assert_array_equal(compiled(text, 1, True)(x)[0], expected)
