"""The thread pool: same bits for any number of threads, many callers, fork, bad arguments."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import fnx_xla_lite
from fnx_xla_lite.backends.cpu import threads
from fnx_xla_lite.loops.ir import Affine, Init, Let, Store, Update
from fnx_xla_lite.runtime.executable import Executable
from tests.xla_lite.backends.harness import (
    apply,
    const,
    executable,
    kernel,
    load,
    parallel,
    read,
    v,
    vector,
)


@pytest.fixture(autouse=True)
def _restore_threads():
    before = threads.get_threads()
    yield
    threads.set_threads(before)


def softmax(rows: int, columns: int) -> Executable:
    i, j = v("i"), v("j")
    e = apply("exponential", load("x", i, j))
    body = parallel(
        "i", rows,
        Init("t", const(0.0), "f32"),
        vector("j", columns, Let("e", e), Update("t", "add", read("e"))),
        vector("j", columns, Store("o", (i, j), apply("divide", e, read("t")))),
    )  # fmt: skip
    shape = (rows, columns)
    return executable(kernel((body,), x=("in", shape, "f32"), o=("out", shape, "f32")))


def test_bits_do_not_depend_on_the_number_of_threads():
    run = softmax(500, 333)
    x = np.random.default_rng(0).normal(size=(500, 333)).astype(np.float32)
    threads.set_threads(1)
    alone = run(x)[0].copy()
    for count in (2, 3, 8, 64):
        threads.set_threads(count)
        for _ in range(5):
            assert run(x)[0].tobytes() == alone.tobytes(), count


def test_large_scratch_is_private_to_each_thread():
    n = 8192
    i, j = v("i"), v("j")
    body = parallel(
        "i", 64,
        vector("j", n, Store("row", (j,), apply("add", load("x", i, j), const(1.0)))),
        vector("j", n, Store("o", (i, j), load("row", v("j", -1, n - 1)))),
    )  # fmt: skip
    run = executable(
        kernel(
            (body,),
            x=("in", (64, n), "f32"),
            o=("out", (64, n), "f32"),
            row=("scratch", (n,), "f32"),
        )
    )
    x = np.random.default_rng(1).normal(size=(64, n)).astype(np.float32)
    threads.set_threads(4)
    np.testing.assert_array_equal(run(x)[0], (x + 1)[:, ::-1])


def test_many_python_threads_call_at_once():
    threads.set_threads(2)
    run = softmax(200, 300)
    rng = np.random.default_rng(2)
    inputs = [rng.normal(size=(200, 300)).astype(np.float32) for _ in range(6)]
    expected = [run(x)[0].tobytes() for x in inputs]
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(30):
            if run(inputs[number])[0].tobytes() != expected[number]:
                wrong.append(number)

    callers = [threading.Thread(target=work, args=(n,)) for n in range(len(inputs))]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_its_own_workers():
    threads.set_threads(2)
    run = softmax(300, 300)
    x = np.random.default_rng(3).normal(size=(300, 300)).astype(np.float32)
    expected = run(x)[0].tobytes()
    child = os.fork()
    if child == 0:
        good = all(run(x)[0].tobytes() == expected for _ in range(5))
        os._exit(0 if good else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert run(x)[0].tobytes() == expected


def test_floating_point_control_is_ours_inside_and_restored_after():
    # 1e-39 is subnormal: a library that flushes those to zero must not change our results.
    i = Affine((("i", 1),))
    body = (vector("i", 64, Store("o", (i,), apply("multiply", load("x", i), const(0.5)))),)
    run = executable(kernel(body, x=("in", (64,), "f32"), o=("out", (64,), "f32")))
    x = np.full(64, 1e-39, np.float32)
    np.testing.assert_array_equal(run(x)[0], x * np.float32(0.5))
    assert run(x)[0][0] != 0.0


@pytest.mark.parametrize("bad", [0, -1, 257])
def test_set_threads_says_what_it_expects(bad):
    with pytest.raises(ValueError, match=r"expected 1 to 256 threads"):
        fnx_xla_lite.set_threads(bad)


@pytest.mark.parametrize("bad", [1.5, True, "2", None])
def test_set_threads_takes_an_int(bad):
    with pytest.raises(TypeError, match="expected an int"):
        fnx_xla_lite.set_threads(bad)


def test_get_threads_gives_back_what_was_set():
    fnx_xla_lite.set_threads(3)
    assert fnx_xla_lite.get_threads() == 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3", "3"),
        ("zero", "expected a number"),
        ("0", "expected a number"),
        ("²", "expected a number"),
    ],
)
def test_environment_sets_the_default(value, expected):
    code = "from fnx_xla_lite.backends.cpu.threads import get_threads; print(get_threads())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"FNX_NUM_THREADS": value},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert expected in done.stdout + done.stderr


def test_a_process_ends_cleanly_while_workers_wait():
    code = (
        "import numpy as np, fnx_xla_lite as x\n"
        "b = x.Builder('f'); p = b.parameter((400, 4000), 'f32')\n"
        "run = x.compile(b.build(b.tanh(p))); x.set_threads(2)\n"
        "run(np.ones((400, 4000), np.float32)); print('done')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr
