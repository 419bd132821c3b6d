"""Children forked while other threads compile can compile and run."""

import multiprocessing
import threading

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx_xla_lite.runtime.forking import _Gate

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def compile_and_run(scale: float) -> float:
    return float(fnx.jit(lambda x: fnp.sum(fnp.sin(x @ x) * scale))(fnp.ones((8, 8))))


def answer(results) -> None:
    results.put(compile_and_run(-1.0))


def test_fork_while_threads_compile(monkeypatch):
    monkeypatch.setenv("FNX_CACHE", "0")
    stop = threading.Event()

    def keep_compiling() -> None:
        scale = 1.0
        while not stop.is_set():
            compile_and_run(scale)
            scale += 1.0

    threads = [threading.Thread(target=keep_compiling) for _ in range(2)]
    for thread in threads:
        thread.start()
    context = multiprocessing.get_context("fork")
    try:
        for _ in range(4):
            results = context.Queue()
            child = context.Process(target=answer, args=(results,))
            child.start()
            try:
                np.testing.assert_allclose(results.get(timeout=20), -64 * np.sin(8), rtol=1e-5)
                child.join(20)
            finally:
                child.kill()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_the_gate_waits_for_others_and_not_for_its_own_thread():
    gate, entered, leave, closed = _Gate(), threading.Event(), threading.Event(), threading.Event()

    def inside() -> None:
        gate.enter()
        entered.set()
        leave.wait(20)
        gate.leave()

    def close() -> None:
        gate.close()
        closed.set()
        gate.open()

    threads = [threading.Thread(target=inside), threading.Thread(target=close)]
    threads[0].start()
    assert entered.wait(20)
    threads[1].start()
    assert not closed.wait(0.05)
    leave.set()
    assert closed.wait(20)
    for thread in threads:
        thread.join()
    gate.enter()
    gate.close()
    gate.open()
    gate.leave()
