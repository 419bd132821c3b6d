"""Packed panels against NumPy: every method, width, depth and type, and nothing else written."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from fnx_xla_lite.backends.cpu import gemm_blocking, target
from fnx_xla_lite.backends.cpu.caches import Caches, from_sysfs
from fnx_xla_lite.backends.cpu.gemm_pack import Packing
from fnx_xla_lite.backends.cpu.gemm_panels import least_depth, panel_packer
from fnx_xla_lite.backends.cpu.gemm_problem import problem_of
from fnx_xla_lite.backends.cpu.gemm_types import ITEMSIZE, compute_dtype
from fnx_xla_lite.hlo.dtypes import to_numpy
from tests.xla_lite.backends.test_gemm import Case

GUARD = 77
HOST = target.host()


def compiled(spec, width, machine=HOST):
    module = ir.Module("test")
    module.triple = machine.triple
    function = panel_packer(module, spec, width)
    function.linkage = "external"
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    return parsed, function.name


def packed(spec, width, source, count, depth):
    """What the machine code writes; ``source`` is (depth, lanes) or (lanes, depth) by method."""
    parsed, name = compiled(spec, width)
    keep = llvm.create_mcjit_compiler(parsed, HOST.machine(2))
    keep.finalize_object()
    word, pointer = ctypes.c_int64, ctypes.c_void_p
    kind = ctypes.CFUNCTYPE(None, pointer, word, pointer, word, word)
    out = np.full(count * depth * width + spec.lanes, GUARD, to_numpy(spec.dtype))
    stride = source.strides[0] // source.itemsize
    call = kind(keep.get_function_address(name))
    call(source.ctypes.data, stride, out.ctypes.data, count, depth)
    return out


def operand(spec, width, count, depth, seed=0):
    """Numbers whose rows lie further apart than they are long."""
    across = count * width
    shape = (depth, across) if spec.method == "runs" else (across, depth)
    rng = np.random.default_rng(seed)
    whole = rng.integers(-9, 9, (shape[0], shape[1] + 3)).astype(to_numpy(spec.source))
    return whole[:, : shape[1]]


def wanted(spec, width, source, count):
    rows = source.T if spec.method == "runs" else source  # (lanes, depth)
    panels = rows.reshape(count, width, source.shape[spec.method == "transpose"]).transpose(0, 2, 1)
    return panels.astype(to_numpy(spec.dtype)).ravel()


def check(method, source, width, count, extra):
    dtype = compute_dtype(source)
    spec = Packing(method, source, dtype, HOST.lanes(dtype))
    depth = least_depth(spec, width) + extra
    data = operand(spec, width, count, depth)
    out = packed(spec, width, data, count, depth)
    want = wanted(spec, width, data, count)
    np.testing.assert_array_equal(out[: want.size], want)
    spilled = spec.lanes - width % spec.lanes if method == "transpose" and width % spec.lanes else 0
    assert (out[want.size + spilled :] == GUARD).all()


@pytest.mark.parametrize("method", ["runs", "transpose"])
@pytest.mark.parametrize("width", [1, 2, 3, 5, 6, 7, 8, 12, 13, 16, 24, 32])
def test_panels_of_every_width(method, width):
    for count, extra in ((1, 0), (3, 1), (2, 13), (1, 40), (0, 3)):
        check(method, "f32", width, count, extra)


@pytest.mark.parametrize("source", ["f64", "i32", "i64", "bf16", "f16", "f8E5M2", "f8E4M3FN"])
def test_panels_of_every_type(source):
    lanes = HOST.lanes(compute_dtype(source))
    for width, extra in ((lanes, 0), (2 * lanes, 5)):
        check("runs", source, width, 2, extra)
    for width, extra in ((lanes, 0), (6, 3), (2 * lanes, 5)):
        check("transpose", source, width, 2, extra)


def test_what_has_no_straight_code():
    assert least_depth(Packing("elements", "f32", "f32", 8), 16) == 0
    assert least_depth(Packing("transpose", "i8", "i8", 32), 32) == 0
    assert least_depth(Packing("runs", "bf16", "f32", 8), 6) == 0  # would put narrow lanes together
    assert least_depth(Packing("runs", "bf16", "f32", 8), 16) > 0


NAMED = [m for m in (target.AVX2, target.AVX512, target.NEON) if m.triple[:6] == HOST.triple[:6]]


@pytest.mark.parametrize("machine", NAMED, ids=lambda machine: machine.name)
@pytest.mark.parametrize("source", ["f32", "f64", "i32", "bf16", "f16", "f8E5M2"])
def test_packers_become_machine_code_of_other_targets(machine, source):
    dtype = compute_dtype(source)
    for method in ("runs", "transpose"):
        for width in {machine.lanes(dtype), *gemm_blocking.USUAL[machine.registers], 6, 13}:
            spec = Packing(method, source, dtype, machine.lanes(dtype))
            if least_depth(spec, width):
                parsed, _ = compiled(spec, width, machine)
                assert machine.machine(2).emit_object(parsed)


def test_sizes_of_caches_come_from_the_system(tmp_path):
    for index, (level, kind, size) in enumerate(
        [("1", "Data", "32K"), ("2", "Instruction", "9M"), ("2", "Unified", "512K"),
         ("3", "Unified", "32768K"), ("4", "Unified", "1G")]
    ):  # fmt: skip
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, text in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(text + "\n")
    assert from_sysfs(tmp_path) == {"second": 512 << 10, "third": 32 << 20}


def test_what_the_system_does_not_say_is_left_out(tmp_path):
    assert from_sysfs(tmp_path) == {}
    folder = tmp_path / "index0"
    folder.mkdir()
    (folder / "level").write_text("2\n")
    (folder / "size").write_text("plenty\n")
    assert from_sysfs(tmp_path) == {}


def sizes(machine, m, n, k, **layout):
    kernel = Case(m, n, k, **layout).kernel()
    return gemm_blocking.plan(problem_of(kernel, kernel.body[0]), machine)


def test_blocks_follow_the_caches_and_bits_do_not():
    small = Caches(second=256 << 10, third=4 << 20)
    for machine in (target.AVX2, target.AVX512):
        narrow = target.replace(machine, caches=small)
        wide, slim = sizes(machine, 2048, 2048, 2048), sizes(narrow, 2048, 2048, 2048)
        assert slim.mc < wide.mc
        whole_tiles = (slim.mc - slim.rows) * slim.kc * ITEMSIZE["f32"]
        assert whole_tiles < gemm_blocking.left_bytes(narrow)
        assert slim.kc == wide.kc


def test_short_tiles_read_rows_a_cache_period_apart_in_place():
    assert not sizes(target.AVX2, 1024, 1024, 1024).pack_lhs
    assert not sizes(target.AVX512, 1024, 1024, 1024).pack_lhs
    tall = sizes(target.AVX512, 1024, 288, 1024)  # the usual tile would be padded by a tenth
    assert tall.rows >= gemm_blocking.FIGHTING_ROWS
    assert tall.pack_lhs
    assert not sizes(target.AVX512, 1024, 288, 1040).pack_lhs
