"""Tracebacks: what leaves a public function shows the user's frames, not ours."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import threading
import traceback
from pathlib import Path

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx.core import tracebacks
from fnx.core.sources import LIBRARY, OURS, USERS, owner
from fnx.errors import FnxError, FnxTypeError

HERE = str(Path(__file__))
ROOT = Path(__file__).resolve().parents[3]
FACADES = (
    "fnx",
    "fnx.data",
    "fnx.lax",
    "fnx.nn",
    "fnx.numpy",
    "fnx.optim",
    "fnx.random",
    "fnx.tree",
)
ONE = fnp.asarray(1.0)


def is_ours(file: str) -> bool:
    return file.startswith((str(ROOT / "fnx"), str(ROOT / "fnx_xla_lite"), "<fnx"))


def frames(error: BaseException) -> list[traceback.FrameSummary]:
    return list(traceback.extract_tb(error.__traceback__))


def caught(call: object) -> Exception:
    with pytest.raises(Exception) as info:  # noqa: PT011  any
        call()
    return info.value


def assert_users(error: Exception) -> None:
    """No frame of ours, in the text as Python prints it; the last one is the user's."""
    text = "".join(traceback.format_exception(error))
    assert not [f for f in frames(error) if is_ours(f.filename)], text
    assert str(ROOT / "fnx") + "/" not in text
    assert frames(error)[-1].filename == HERE, text


def public_functions() -> list[tuple[str, object]]:
    found = []
    for facade in FACADES:
        module = importlib.import_module(facade)
        for name in dir(module):
            value = getattr(module, name)
            is_own = getattr(value, "__module__", "").startswith("fnx")
            if not name.startswith("_") and inspect.isfunction(value) and is_own:
                found.append((f"{facade}.{name}", value))
    return found


@pytest.mark.parametrize(("name", "function"), public_functions())
def test_every_public_function(name, function):
    """Called with what no function takes, each fails (or returns) without showing our frames."""
    parameters = inspect.signature(function).parameters.values()
    wanted = [p for p in parameters if p.default is p.empty and p.kind <= p.VAR_POSITIONAL]
    named = {
        p.name: object() for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty
    }
    calls = [
        lambda: function(*[object() for _ in wanted], **named),
        lambda: function(*[{"a": object()} for _ in wanted], **named),
        lambda: function(*[ONE for _ in wanted], unknown=1, **named),
    ]
    failed = 0
    for call in calls:
        try:
            call()
        except Exception as error:
            failed += 1
            assert_users(error)
    assert failed, name


def scalar_loss(x):
    return x


def branches(x):
    return x if x > 0 else -x


def adds(x):
    return fnp.add(x, fnp.ones(3))


class Layer(fnx.nn.Module):
    weight: object

    def __call__(self, x):
        return x @ self.weight


def rows(x):
    for row in x:
        yield row + fnp.ones(7)


def cut(x):
    return x[:, 0]


VECTOR = fnp.ones(4)
MATRIX = fnp.ones((2, 4))
WRONG = {
    "jit": lambda: fnx.jit(branches)(1.0),
    "jit twice": lambda: fnx.jit(fnx.jit(branches))(1.0),
    "jit of what is no function": lambda: fnx.jit(3),
    "jit with options": lambda: fnx.jit(static_argnums=7)(scalar_loss),
    "jit trace": lambda: fnx.jit(branches).trace(1.0),
    "grad": lambda: fnx.grad(scalar_loss)(VECTOR),
    "value_and_grad": lambda: fnx.value_and_grad(scalar_loss)(3),
    "vjp": lambda: fnx.vjp(scalar_loss, 1.0)[1](VECTOR),
    "jvp": lambda: fnx.jvp(scalar_loss, (1.0,), (VECTOR,)),
    "linearize": lambda: fnx.linearize(scalar_loss, 1.0)[1](VECTOR),
    "vmap": lambda: fnx.vmap(adds)(MATRIX),
    "vmap axes": lambda: fnx.vmap(adds, in_axes=3)(MATRIX),
    "jacfwd": lambda: fnx.jacfwd(scalar_loss)(3),
    "jacrev": lambda: fnx.jacrev(adds)(VECTOR),
    "hessian": lambda: fnx.hessian(adds)(VECTOR),
    "checkpoint": lambda: fnx.checkpoint(adds)(VECTOR),
    "make_jaxpr": lambda: fnx.make_jaxpr(adds)(VECTOR),
    "eval_shape": lambda: fnx.eval_shape(adds, VECTOR),
    "custom_jvp": lambda: fnx.custom_jvp(scalar_loss)(1.0),
    "custom_vjp": lambda: fnx.custom_vjp(scalar_loss)(1.0),
    "cond": lambda: fnx.lax.cond(VECTOR, scalar_loss, scalar_loss, 1.0),
    "operator": lambda: VECTOR + fnp.ones(3),
    "operator of a tracer": lambda: fnx.jit(lambda x: x + fnp.ones(3))(VECTOR),
    "reflected operator": lambda: np.ones(3) + VECTOR,
    "comparison": lambda: fnp.ones(3) > VECTOR,
    "matrix product": lambda: VECTOR @ fnp.ones(3),
    "method": lambda: VECTOR.reshape(3, 2),
    "reduction": lambda: VECTOR.sum(axis=3),
    "reduction of a tracer": lambda: fnx.jit(lambda x: x.sum(axis=3))(VECTOR),
    "property": lambda: VECTOR.mT,
    "index": lambda: VECTOR[9],
    "index of a tracer": lambda: fnx.jit(cut)(VECTOR),
    "assignment": lambda: VECTOR.__setitem__(0, 1.0),
    "attribute": lambda: VECTOR.nothing,
    "no such name": lambda: fnx.nothing,
    "changed copy": lambda: VECTOR.at[9].set(1.0),
    "truth": lambda: bool(VECTOR),
    "float": lambda: float(VECTOR),
    "conversion to numpy": lambda: fnx.jit(np.asarray)(VECTOR),
    "iteration": lambda: iter(ONE),
    "length": lambda: len(ONE),
    "hash": lambda: hash(VECTOR),
    "numpy function": lambda: fnx.jit(np.sin)(VECTOR),
    "layer": lambda: fnx.nn.Dense(3, 2, key=fnx.random.key(0))(VECTOR),
    "own layer": lambda: Layer(fnp.ones(3))(VECTOR),
    "setting a field": lambda: setattr(Layer(1.0), "weight", 2.0),
    "missing field": lambda: Layer(1.0).replace(bias=2.0),
    "loss": lambda: fnx.nn.cross_entropy(VECTOR, MATRIX),
    "optimiser": lambda: fnx.optim.adam(0.1).update([1.0], fnx.optim.adam(0.1).init({"a": ONE})),
    "random": lambda: fnx.random.normal((3,)),
    "tree": lambda: fnx.tree.map(lambda x, y: x, [1], (1,)),
    "loader": lambda: fnx.data.DataLoader(VECTOR, batch_size=0, key=fnx.random.key(0)),
    "generator": lambda: list(rows(MATRIX)),
    "traced generator": lambda: fnx.jit(lambda x: list(rows(x)))(MATRIX),
    "sorting": lambda: fnx.jit(sorted)(VECTOR),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_errors_show_the_users_frames(name):
    assert_users(caught(WRONG[name]))


def test_the_users_frames_between_ours_stay():
    error = caught(lambda: fnx.vmap(fnx.jit(fnx.grad(adds)))(MATRIX))
    assert [f.name for f in frames(error)][-2:] == ["<lambda>", "adds"]
    assert str(error).splitlines()[1].endswith("return fnp.add(x, fnp.ones(3))")


def test_the_users_exceptions_pass_as_they_are():
    mine = ValueError("mine")

    def fails(x):
        raise mine

    def calls(x):
        return fnx.jit(fails)(x)

    error = caught(lambda: fnx.grad(fnx.vmap(calls))(VECTOR))
    assert error is mine
    assert [f.name for f in frames(error)][-2:] == ["calls", "fails"]


def test_what_libraries_do_for_us_is_not_shown_and_what_they_do_for_users_is():
    norm = caught(lambda: fnx.jit(np.linalg.norm)(VECTOR))
    assert_users(norm)
    reduced = caught(lambda: functools.reduce(lambda a, b: a + b, [VECTOR, fnp.ones(3)]))
    assert_users(reduced)
    replaced = caught(lambda: dataclasses.replace(ONE))
    assert frames(replaced)[-1].filename.endswith("dataclasses.py")


def test_causes_and_contexts_of_ours_are_not_shown():
    error = caught(lambda: fnx.jit(scalar_loss, static_argnums=0)([1]))
    assert error.__cause__ is None
    assert "During handling" not in "".join(traceback.format_exception(error))
    inner = tracebacks.boundary(_fails_in_fnx)
    assert caught(inner).__context__ is None


def _fails_in_fnx():
    try:
        fnx.tree.unflatten(fnx.tree.structure([1]), [])
    except ValueError as error:
        error.__traceback__ = None
        raise FnxTypeError("the one that tells") from None


def test_contexts_of_the_users_stay():
    def retries():
        try:
            raise KeyError("first")
        except KeyError:
            adds(VECTOR)

    error = caught(retries)
    assert isinstance(error.__context__, KeyError)
    assert_users(error)


def test_all_frames_on_demand(monkeypatch):
    full = dataclasses.replace(tracebacks.config, traceback="full")
    monkeypatch.setattr(tracebacks, "config", full)
    error = caught(WRONG["vmap"])
    assert [f for f in frames(error) if is_ours(f.filename)]
    assert str(error).count("test_tracebacks.py") == 1


def test_deep_recursion():
    def dives(x):
        return fnx.jit(dives)(x)

    error = caught(lambda: dives(ONE))
    assert isinstance(error, RecursionError)
    assert not [f for f in frames(error) if is_ours(f.filename)]
    assert {f.name for f in frames(error) if f.filename == HERE} >= {"dives"}


def test_other_threads():
    found = []

    def run():
        try:
            WRONG["vmap"]()
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert_users(found[0])


def test_a_failed_assertion_of_ours_keeps_its_frames():
    fails = {}
    exec(compile("def fails():\n    assert False, 'bug'", "<fnx test>", "exec"), fails)
    error = caught(tracebacks.boundary(tracebacks.boundary(fails["fails"])))
    assert frames(error)[-1].filename == "<fnx test>"
    assert error.__notes__ == ["This is a bug of fnx: please report it, with the lines above."]

    def users():
        assert False, "mine"  # noqa: B011, PT015

    assert not hasattr(caught(lambda: fnx.jit(users)()), "__notes__")


def test_errors_without_a_line_get_the_users():
    error = caught(WRONG["layer"])
    assert isinstance(error, FnxError)
    assert error.source.file == HERE


def test_whose_code_it_is():
    assert owner(fnx.jit.__wrapped__.__code__, {}) is OURS
    assert owner(np.linalg.norm.__wrapped__.__code__, {}) is LIBRARY
    assert owner(dataclasses.replace.__code__, {}) is LIBRARY
    assert owner(caught.__code__, {}) is USERS
    assert owner(pytest.importorskip.__code__, {}) is USERS
    text = compile("1", "<string>", "eval")
    assert owner(text, {"__name__": "fnx.nn.dense"}) is OURS
    assert owner(text, {"__name__": "fnxtra"}) is USERS


def test_public_functions_are_themselves():
    assert fnp.absolute is fnp.abs
    assert fnx.nn.Dense.__call__.__name__ == "__call__"
    assert tracebacks.boundary(fnp.abs) is fnp.abs
    assert fnp.mean.__module__ == "fnx.numpy"
    assert inspect.signature(fnp.mean) == inspect.signature(fnp.mean.__wrapped__)
