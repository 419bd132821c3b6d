"""Callbacks of compiled programs: as interpreted, and whatever they do, no crash and no leak."""

from __future__ import annotations

import os
import threading
import weakref

import numpy as np
import pytest

from fnx_xla_lite import Builder, compile, interpret, parse, set_threads
from fnx_xla_lite.backends.cpu.threads import get_threads
from fnx_xla_lite.backends.cuda.program import emit_program
from fnx_xla_lite.errors import ParseError, UnsupportedOpError, VerifyError
from fnx_xla_lite.fusion.outline import fuse
from fnx_xla_lite.hlo.ir import TensorType
from fnx_xla_lite.hlo.isomorphism import isomorphic
from fnx_xla_lite.hlo.text import to_text
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.execute import execute
from fnx_xla_lite.passes.cse import cse
from fnx_xla_lite.passes.dce import dce
from fnx_xla_lite.runtime import native_pool
from tests.xla_lite.loops.cases import build

SCALAR = TensorType((), "f32")
COUNT = TensorType((), "i32")


def test_native_is_as_interpreted():
    module, arrays = build("python")
    for got, wanted in zip(compile(module)(*arrays), interpret(module, *arrays), strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got.astype("f8"), wanted.astype("f8"), rtol=1e-5)


def events_of(make):
    """What each way of running a program notes."""
    log = []
    b = Builder("events")
    module = b.build(*make(b, log))
    arrays = [np.ones(p.type.shape, "f4") for p in module.main.body.parameters]
    ways = {
        "interpreter": lambda: interpret(module, *arrays),
        "fused": lambda: interpret(fuse(module), *arrays),
        "loops": lambda: execute(build_program(module), *arrays),
        "native": lambda: compile(module)(*arrays),
    }
    found = {}
    for way, run in ways.items():
        run()
        found[way], log[:] = list(log), []
    return found


def note(log, name):
    return lambda *xs: log.append((name, *[x.tolist() for x in xs])) or []


def nested(b, log):
    """Effects in a loop in a branch in a loop, between kernels of every kind."""
    x = b.parameter((), "f32")
    one, three = b.constant(np.int32(1)), b.constant(np.int32(3))

    def inner(b, j, w):
        b.custom_call(note(log, "inner"), [j, w], [])
        return b.add(j, one), b.multiply(w, b.constant(np.float32(2)))

    def body(b, i, v):
        b.custom_call(note(log, "before"), [i], [])
        v = b.sine(v)

        def odd(b):
            below = lambda b, j, w: b.compare(j, i, "LT")
            return b.while_((b.constant(np.int32(0)), v), below, inner)[1]

        def even(b):
            b.custom_call(note(log, "even"), [v], [])
            return v

        (v,) = b.case(b.and_(i, one), [even, odd])
        b.custom_call(note(log, "after"), [], [])
        return b.add(i, one), v

    below = lambda b, i, v: b.compare(i, three, "LT")
    b.while_((b.constant(np.int32(0)), x), below, body)  # nobody reads the loop
    return (x,)


def chains(b, log):
    """Two independent chains, whose effects alternate."""
    x, y = b.parameter((3,), "f32"), b.parameter((2,), "f32")
    for turn in range(3):
        x = b.add(b.tanh(x), x)
        b.custom_call(note(log, f"y{turn}"), [y], [])
        y = b.multiply(y, y)
        b.custom_call(note(log, f"x{turn}"), [x], [])
    return y, x


@pytest.mark.parametrize("make", [nested, chains])
def test_every_way_of_running_notes_the_same(make):
    found = events_of(make)
    assert len(found["interpreter"]) >= 6
    for way, events in found.items():
        names = [(name, *xs[:1]) if name != "y2" else name for name, *xs in events]
        assert [name for name, *_ in events] == [name for name, *_ in found["interpreter"]], way
        np.testing.assert_allclose(
            np.concatenate([np.ravel(x) for _, *xs in events for x in xs]),
            np.concatenate([np.ravel(x) for _, *xs in found["interpreter"] for x in xs]),
            rtol=1e-6,
            err_msg=str(names),
        )


def test_text_and_passes_keep_effects():
    text = """
module @m {
  func.func public @main(%arg0: tensor<f32>) -> tensor<f32> {
    stablehlo.custom_call @fnx.callback(%arg0) {api_version = 4 : i32, backend_config = {handle = 0 : i64}, has_side_effect = true} : (tensor<f32>) -> ()
    %0 = stablehlo.custom_call @fnx.callback(%arg0) {api_version = 4 : i32, backend_config = {handle = 1 : i64}, has_side_effect = true} : (tensor<f32>) -> tensor<f32>
    stablehlo.custom_call @fnx.callback(%arg0) {api_version = 4 : i32, backend_config = {handle = 0 : i64}, has_side_effect = true} : (tensor<f32>) -> ()
    %1 = stablehlo.custom_call @fnx.callback(%arg0) {api_version = 4 : i32, backend_config = {handle = 1 : i64}} : (tensor<f32>) -> tensor<f32>
    %2 = stablehlo.custom_call @fnx.callback(%arg0) {api_version = 4 : i32, backend_config = {handle = 1 : i64}} : (tensor<f32>) -> tensor<f32>
    %3 = stablehlo.custom_call @fnx.callback(%arg0) {api_version = 4 : i32, backend_config = {handle = 2 : i64}} : (tensor<f32>) -> tensor<f32>
    %4 = stablehlo.add %1, %2 : tensor<f32>
    return %4 : tensor<f32>
  }
}
"""  # noqa: E501
    module = parse(text)
    assert to_text(module).strip() == text.strip()
    assert isomorphic(parse(to_text(module)), module)
    handles = [i.attributes.get("handle") for i in dce(cse(module)).main.body.instructions]
    assert handles == [0, 1, 0, 1, None]  # the pure ones: equal ones merged, the unread one gone
    generic = text.replace(
        "stablehlo.custom_call @fnx.callback(%arg0) {",
        '"stablehlo.custom_call"(%arg0) <{call_target_name = "fnx.callback", ',
    )
    generic = generic.replace("true} :", "true}> :").replace("i64}} :", "i64}}> :")
    assert isomorphic(parse(generic), module)


def test_a_text_is_given_its_callbacks():
    b = Builder("m")
    (y,) = b.custom_call(lambda x: [x + 1], [b.parameter((), "f32")], [SCALAR])
    module = b.build(y)
    text = to_text(module)
    with pytest.raises(VerifyError, match="calls Python function 0, and was given 0: pass them"):
        compile(text)
    with pytest.raises(VerifyError, match="calls Python function 0"):
        interpret(parse(text), np.float32(1))
    assert compile(text, callbacks=[lambda x: [x * 5]])(np.float32(2))[0] == 10
    assert compile(module)(np.float32(2))[0] == 3  # the same object code, from the cache


def test_other_custom_calls_are_refused():
    text = "func.func @main(%a: tensor<f32>) -> tensor<f32> {{ %0 = {} : (tensor<f32>) -> tensor<f32> return %0 : tensor<f32> }}"  # noqa: E501
    with pytest.raises(UnsupportedOpError, match="custom_call @cudnn is not supported"):
        parse(text.format("stablehlo.custom_call @cudnn(%a)"))
    with pytest.raises(VerifyError, match=r"the only target is fnx\.callback"):
        parse(text.format('"stablehlo.custom_call"(%a) <{call_target_name = "cudnn", handle = 0}>'))
    with pytest.raises(ParseError, match="handle"):
        parse(text.format("stablehlo.custom_call @fnx.callback(%a)"))
    with pytest.raises(VerifyError, match="must be the number of a callback"):
        parse(text.format("stablehlo.custom_call @fnx.callback(%a) {handle = -1}"))


def test_the_gpu_says_that_it_cannot():
    module, _ = build("python")
    with pytest.raises(UnsupportedOpError, match=r"callbacks .* run on the cpu backend only"):
        emit_program(build_program(module))


def test_results_are_checked():
    b = Builder("m")
    (y,) = b.custom_call(lambda x: [np.float64(x)], [b.parameter((), "f32")], [SCALAR])
    run = compile(b.build(y))
    with pytest.raises(TypeError, match=r"must return 1 arrays of types tensor<f32>; got"):
        run(np.float32(1))


def loop(times, callback, width=1):
    """``x`` through ``callback`` again and again, beside work for all threads."""
    b = Builder("loop")
    x, big = b.parameter((), "f32"), b.parameter((width,), "f32")

    def body(b, i, v, w):
        (v,) = b.custom_call(callback, [i, v], [SCALAR])
        return b.add(i, b.constant(np.int32(1))), v, b.tanh(w)

    below = lambda b, i, v, w: b.compare(i, b.constant(np.int32(times)), "LT")
    return b.build(*b.while_((b.constant(np.int32(0)), x, big), below, body)[1:])


class Stop(Exception):
    pass


def stop_at(limit):
    def callback(i, v):
        if i == limit:
            raise Stop(int(i))
        return [v + 1]

    return callback


@pytest.mark.parametrize("width", [1, 300_000])
def test_a_loop_ends_where_its_callback_fails(width):
    threads = get_threads()
    set_threads(2)
    try:
        run = compile(loop(10, stop_at(7), width))
        big = np.ones(width, "f4")
        for _ in range(3):
            with pytest.raises(Stop, match="7"):
                run(np.float32(0), big)
        v, w = compile(loop(5, stop_at(7), width))(np.float32(0), big)
    finally:
        set_threads(threads)
    assert v == 5
    wanted = big
    for _ in range(5):
        wanted = np.tanh(wanted)
    np.testing.assert_allclose(w, wanted, rtol=1e-5)


def test_failures_give_scratch_memory_back():
    def attempt():
        with pytest.raises(Stop):
            run(np.float32(0), big)
        return native_pool.support().live_bytes()

    run, big = compile(loop(10, stop_at(3), 50_000)), np.ones(50_000, "f4")
    first = attempt()
    assert {attempt() for _ in range(5)} == {first}


def test_hammering_one_program_from_four_threads():
    run, wrong = compile(loop(20, stop_at(15))), []
    fine = compile(loop(20, stop_at(99)))
    big = np.ones(1, "f4")

    def work():
        for turn in range(60):
            try:
                run(np.float32(0), big)
                wrong.append("no error")
            except Stop as error:
                if error.args != (15,):
                    wrong.append(error)
            if fine(np.float32(turn), big)[0] != turn + 20:
                wrong.append(turn)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_program_may_run_inside_of_its_own_callback():
    def callback(i, v):
        return [np.float32(v + (run(v - 100, np.ones(1, "f4"))[0] if v > 50 else 1))]

    run = compile(loop(2, callback))
    assert run(np.float32(0), np.ones(1, "f4"))[0] == 2
    assert run(np.float32(60), np.ones(1, "f4"))[0] == 60 + (60 - 100 + 2) + 1


def test_a_child_forked_inside_of_a_callback_goes_on():
    def callback(i, v):
        if i == 1:
            return [v + (1 if os.fork() else 100)]
        return [v]

    run, parent = compile(loop(3, callback, 300_000)), os.getpid()
    v = None
    try:
        v, _ = run(np.float32(0), np.ones(300_000, "f4"))
    finally:
        if os.getpid() != parent:
            os._exit(0 if v == 100 else 1)
    assert v == 1
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0


def test_callbacks_die_with_their_program():
    class Callback:
        def __call__(self, i, v):
            return [v]

    callback = Callback()
    run, alive = compile(loop(2, callback)), weakref.ref(callback)
    del callback
    run(np.float32(0), np.ones(1, "f4"))
    assert alive() is not None
    del run
    assert alive() is None


def test_donated_memory_is_read_before_it_is_written():
    seen = []
    b = Builder("m")
    x = b.parameter((1000,), "f32", donated=True)
    y = b.add(x, b.full(1.0, (1000,), "f32"))
    b.custom_call(lambda x, y: seen.append((x, y)) or [], [x, y], [])
    run = compile(b.build(y))
    given = np.zeros(1000, "f4")
    (out,) = run(given)
    assert np.array_equal(seen[0][0], np.zeros(1000))
    assert np.array_equal(seen[0][1], np.ones(1000))
    assert np.array_equal(out, np.ones(1000))
