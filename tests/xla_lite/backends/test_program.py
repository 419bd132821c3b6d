"""Programs: launches in order, copies, native loops and branches, constants, shared kernels."""

import re
from dataclasses import replace

import llvmlite.binding as llvm
import numpy as np
import pytest

from fnx_xla_lite.backends.cpu.backend import CpuBackend, pack, unpack
from fnx_xla_lite.backends.cpu.engine import emit_assembly
from fnx_xla_lite.backends.cpu.program import emit_modules, program_text
from fnx_xla_lite.backends.cpu.target import AVX2, AVX512, NEON, host
from fnx_xla_lite.hlo.ir import TensorType
from fnx_xla_lite.loops.ir import Store
from fnx_xla_lite.loops.program import Case, Copy, Launch, Program, Slot, While
from fnx_xla_lite.runtime.executable import Executable
from tests.xla_lite.backends.harness import apply, const, kernel, load, program_of, v, vector

VECTOR, FLAG, INDEX = TensorType((20,), "f32"), TensorType((), "i1"), TensorType((), "i32")


def unary(op, *more):
    value = apply(op, load("x", v("i")), *more)
    body = (vector("i", 20, Store("o", (v("i"),), value)),)
    return kernel(body, x=("in", (20,), "f32"), o=("out", (20,), "f32"))


def run(program, *arrays):
    native = CpuBackend(host(), None).compile_program(program)
    made = Executable(
        program, native.entry, stages=native.texts, cost=native.nanoseconds,
        code_bytes=native.code_bytes, keep=native.keep,
    )  # fmt: skip
    return made(*arrays)


def slot(place, index=0, kind=VECTOR):
    return Slot(place, index, kind)


def test_steps_through_the_arena():
    steps = (
        Launch(unary("negate"), (slot("parameter"), slot("arena", 64))),
        Copy(slot("arena", 64), slot("arena", 192)),
        Launch(unary("exponential"), (slot("arena", 192), slot("result"))),
    )
    x = np.linspace(-1, 1, 20, dtype=np.float32)
    (y,) = run(Program("p", (VECTOR,), (VECTOR,), (), 320, steps), x)
    np.testing.assert_allclose(y, np.exp(-x), rtol=1e-6)


def test_constants_are_read_from_their_arrays():
    total = apply("add", load("x", v("i")), load("y", v("i")))
    add = kernel(
        (vector("i", 20, Store("o", (v("i"),), total)),),
        x=("in", (20,), "f32"), y=("in", (20,), "f32"), o=("out", (20,), "f32"),
    )  # fmt: skip
    constant = np.arange(40, dtype=np.float32)[::2]  # not contiguous
    steps = (Launch(add, (slot("parameter"), slot("constant", 1), slot("result"))),)
    x = np.ones(20, np.float32)
    (y,) = run(Program("p", (VECTOR,), (VECTOR,), (np.float32(3), constant), 0, steps), x)
    np.testing.assert_array_equal(y, x + constant)


@pytest.mark.parametrize(("start", "times"), [(0.0, 10), (9.5, 1), (10.0, 0)])
def test_while_runs_natively(start, times):
    less = apply("compare", load("x", v("z", 0)), const(10.0), dtype="i1", detail="LT")
    test = kernel(
        (Store("o", (), less),),
        x=("in", (20,), "f32"), o=("out", (), "i1"),
    )  # fmt: skip
    step = unary("add", const(1.0))
    steps = (
        Copy(slot("parameter"), slot("result")),
        While(
            (Launch(test, (slot("result"), slot("arena", 0, FLAG))),),
            slot("arena", 0, FLAG),
            (Launch(step, (slot("result"), slot("result"))),),
        ),
    )
    (y,) = run(Program("p", (VECTOR,), (VECTOR,), (), 64, steps), np.full(20, start, np.float32))
    np.testing.assert_array_equal(y, np.full(20, start + times, np.float32))


@pytest.mark.parametrize(
    ("index", "branch"), [(0, 0), (1, 1), (2, 2), (3, 2), (-1, 2), (2**31 - 1, 2)]
)
def test_case_out_of_range_runs_the_last_branch(index, branch):
    ops = ("negate", "abs", "square")
    branches = tuple((Launch(unary(op), (slot("parameter", 1), slot("result"))),) for op in ops)
    steps = (Case(slot("parameter", 0, INDEX), branches),)
    x = np.linspace(-2, 2, 20, dtype=np.float32)
    program = Program("p", (INDEX, VECTOR), (VECTOR,), (), 0, steps)
    (y,) = run(program, np.array(index, np.int32), x)
    np.testing.assert_array_equal(y, (-x, abs(x), x * x)[branch])


def text_of(program, target):
    return "\n".join(map(str, emit_modules(program, target)))


def test_many_kernels_are_spread_over_modules_and_run_in_order():
    steps, place = [Copy(slot("parameter"), slot("result"))], slot("result")
    for number in range(20):
        steps.append(Launch(unary("add", const(float(number))), (place, place)))
        steps.append(Launch(unary("multiply", const(1.0 + number / 64)), (place, place)))
    program = Program("p", (VECTOR,), (VECTOR,), (), 0, tuple(steps))
    assert len(list(emit_modules(program, host()))) > 1
    x = expected = np.linspace(-1, 1, 20, dtype=np.float32)
    for number in range(20):
        expected = (expected + np.float32(number)) * np.float32(1.0 + number / 64)
    np.testing.assert_array_equal(run(program, x)[0], expected)


def test_a_program_without_kernels_copies():
    x = np.arange(20, dtype=np.float32)
    steps = (Copy(slot("parameter"), slot("result")),)
    np.testing.assert_array_equal(run(Program("p", (VECTOR,), (VECTOR,), (), 0, steps), x)[0], x)


def test_packed_objects_come_back_and_cut_ones_are_refused():
    objects = [b"one", b"", b"three"]
    assert unpack(pack(objects)) == objects
    with pytest.raises(ValueError, match="cut off"):
        unpack(pack(objects)[:-1])


def chain(names):
    slots = (slot("parameter"), slot("result"))
    steps = tuple(
        Launch(replace(unary("negate"), name=n, location=f"line {n}"), slots) for n in names
    )
    return Program("p", (VECTOR,), (VECTOR,), (), 0, steps)


def test_equal_kernels_are_compiled_once_whatever_they_are_called():
    text = text_of(chain(["first", "second"]), host())
    assert "kernel_0" in text
    assert "kernel_1" not in text
    assert program_text(chain(["first"])) == program_text(chain(["other"]))


@pytest.mark.parametrize(
    ("target", "lanes", "masked"), [(AVX2, 8, True), (AVX512, 16, True), (NEON, 4, False)]
)
def test_vectors_are_the_targets(target, lanes, masked):
    assert target.lanes("f32") == lanes
    body = (vector("i", 21, Store("o", (v("i"),), apply("negate", load("x", v("i"))))),)
    made = kernel(body, x=("in", (21,), "f32"), o=("out", (21,), "f32"))
    text = text_of(program_of(made), target)
    widths = {int(n) for n in re.findall(r"<(\d+) x float>", text)}
    assert max(widths) % lanes == 0
    assert ("llvm.masked" in text) == masked


def test_neon_code_is_accepted_by_llvm():
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        llvm.Target.from_triple(NEON.triple)
    except RuntimeError:
        pytest.skip("this llvmlite has no AArch64 back end")
    assembly = emit_assembly(text_of(chain(["k"]), NEON), NEON)
    assert "fneg" in assembly
