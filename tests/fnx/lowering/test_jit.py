"""jit: signatures, static and donated arguments, nesting, caching, errors."""

from __future__ import annotations

import functools
import gc
import math
import threading
from typing import Any, NamedTuple

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx.errors import FnxTypeError


class Pair(NamedTuple):
    first: Any
    second: Any


def counted(function: Any) -> tuple[Any, list[int]]:
    """The function, and a list that grows by one each time that Python runs it."""
    runs: list[int] = []

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        runs.append(1)
        return function(*args, **kwargs)

    return wrapper, runs


def test_a_signature_is_traced_once() -> None:
    f, runs = counted(lambda x: x + 1)
    g = fnx.jit(f)
    for start in (0.0, 1.0, 2.0):
        assert g(fnp.asarray([start])).tolist() == [start + 1]
    assert len(runs) == 1
    g(fnp.asarray([1, 2]))
    g(fnp.asarray([1.0, 2.0]))
    g(fnp.asarray([1]))
    assert len(runs) == 4
    assert g.signatures == 4
    for x in ([1.0], [1, 2], [1.0, 2.0], [1]):
        g(fnp.asarray(x))
    assert len(runs) == 4


def test_numpy_arrays_and_numbers_are_arguments_too() -> None:
    f = fnx.jit(lambda x, y: x * y)
    for _ in range(3):
        assert f(np.arange(3, dtype=np.float32), 2.0).tolist() == [0.0, 2.0, 4.0]
        assert f(fnp.arange(3.0), 2.0).dtype == np.float32
        assert f(np.arange(6, dtype=np.float64)[::2], 1.0).tolist() == [0.0, 2.0, 4.0]
        assert f(3, 4).tolist() == 12


def test_a_numpy_argument_is_read_at_every_call() -> None:
    f, x = fnx.jit(lambda x: x + 1), np.zeros(2, np.float32)
    y = f(x)
    x[:] = 5
    assert y.tolist() == [1.0, 1.0]
    assert f(x).tolist() == [6.0, 6.0]


def test_a_numpy_array_closed_over_counts_as_it_was_when_traced() -> None:
    held = np.ones(2, np.float32)
    f, g = fnx.jit(lambda x: x + held), fnx.jit(lambda x: fnp.multiply(held, x))
    assert f(1.0).tolist() == [2.0, 2.0]
    assert g(1.0).tolist() == [1.0, 1.0]
    _, pull_back = fnx.vjp(lambda x: x * held, fnp.ones(2))
    held[:] = 7
    assert f(1.0).tolist() == [2.0, 2.0]
    assert g(1.0).tolist() == [1.0, 1.0]
    assert pull_back(fnp.ones(2))[0].tolist() == [1.0, 1.0]


def test_structures_come_back_as_they_are() -> None:
    @fnx.jit
    def f(tree: Any) -> Any:
        return {
            "z": [tree["a"][0] + 1, None],
            "p": Pair(tree["b"].second, ()),
            "t": (tree["a"][1],),
        }

    tree = {"a": (fnp.asarray(1.0), fnp.asarray(2.0)), "b": Pair(None, fnp.asarray(3.0))}
    for _ in range(3):
        out = f(tree)
        assert float(out["z"][0]) == 2.0
        assert out["z"][1] is None
        assert type(out["p"]) is Pair
        assert float(out["p"].first) == 3.0
        assert out["p"].second == ()
        assert float(out["t"][0]) == 2.0
    with pytest.raises(KeyError):
        f({"a": tree["a"], "c": tree["b"]})
    assert float(f(tree)["z"][0]) == 2.0


def test_structures_that_look_alike_are_told_apart() -> None:
    f = fnx.jit(lambda t: t[0] - t[1])
    one, two = fnp.asarray(1.0), fnp.asarray(2.0)
    for _ in range(2):
        assert float(f((one, two))) == -1.0
        assert float(f([two, one])) == 1.0
        assert float(f(Pair(one, two))) == -1.0
    assert f.signatures == 3


def test_keyword_arguments() -> None:
    f = fnx.jit(lambda x, *, scale, shift=0.0: x * scale + shift)
    for _ in range(2):
        assert float(f(2.0, scale=3.0)) == 6.0
        assert float(f(2.0, scale=3.0, shift=1.0)) == 7.0


def test_static_arguments_by_position_and_name() -> None:
    def f(x: Any, n: int, mode: str = "add") -> Any:
        for _ in range(n):
            x = x + 1 if mode == "add" else x * 2
        return x

    for g in (
        fnx.jit(f, static_argnums=(1, 2)),
        fnx.jit(f, static_argnames=("n", "mode")),
        fnx.jit(f, static_argnums=(-2, -1)),
    ):
        for _ in range(2):
            assert float(g(1.0, 3)) == 4.0
            assert float(g(1.0, 3, "double")) == 8.0
            assert float(g(1.0, n=3)) == 4.0
            assert float(g(1.0, 2, mode="double")) == 4.0


def test_static_values_of_another_type_are_another_signature() -> None:
    f = fnx.jit(lambda x, n: x + (1 if n is True else 10), static_argnums=1)
    for _ in range(2):
        assert float(f(0.0, True)) == 1.0
        assert float(f(0.0, 1)) == 10.0


def test_bad_static_and_donated_arguments_are_explained() -> None:
    with pytest.raises(TypeError, match=r"cannot be hashed.*\n.*test_jit\.py"):
        fnx.jit(lambda x, n: x, static_argnums=1)(1.0, [1, 2])
    with pytest.raises(TypeError, match="static_argnums has 3"):
        fnx.jit(lambda x: x, static_argnums=3)
    with pytest.raises(TypeError, match="donate_argnames has 'y'"):
        fnx.jit(lambda x: x, donate_argnames="y")
    with pytest.raises(TypeError, match="jit: expected a function, got int 3"):
        fnx.jit(3)
    with pytest.raises(TypeError, match="which is not an array"):
        fnx.jit(lambda x: x)("text")
    with pytest.raises(TypeError, match="results must be arrays"):
        fnx.jit(lambda x: "text")(1.0)


def test_a_donated_array_is_gone_and_its_memory_is_used_again() -> None:
    f = fnx.jit(lambda x, y: x + y, donate_argnums=0)
    x, y = f(fnp.zeros(100), fnp.zeros(100)), fnp.ones(100)
    address = np.asarray(x).ctypes.data
    gc.collect()
    z = f(x, y)
    assert np.asarray(z).ctypes.data == address
    assert z.tolist() == [1.0] * 100
    with pytest.raises(RuntimeError, match="donated"):
        x.tolist()
    with pytest.raises(RuntimeError, match="donated"):
        f(x, y)
    with pytest.raises(RuntimeError, match="donated"):
        x + 1
    assert y.tolist() == [1.0] * 100


def test_donation_never_changes_what_others_see() -> None:
    f = fnx.jit(lambda x: x * 2, donate_argnums=0)
    x = f(fnp.ones(8))
    seen = np.asarray(x)
    y = f(x)
    assert seen.tolist() == [2.0] * 8
    assert y.tolist() == [4.0] * 8
    source = np.ones(8, np.float32)
    f(fnp.asarray(source))
    f(source)
    assert source.tolist() == [1.0] * 8


def test_a_donated_array_cannot_be_passed_twice() -> None:
    f = fnx.jit(lambda x, y: x + y, donate_argnums=0)
    x = fnp.ones(4)
    for _ in range(2):
        with pytest.raises(ValueError, match="passed twice"):
            f(x, x)
        assert x.tolist() == [1.0] * 4


def test_swapped_donated_arguments() -> None:
    f = fnx.jit(lambda a, b: (b, a), donate_argnums=(0, 1))
    a, b = fnp.zeros(5) + 1, fnp.zeros(5) + 2
    for _ in range(3):
        a, b = f(a, b)
    assert (a.tolist(), b.tolist()) == ([2.0] * 5, [1.0] * 5)


def test_results_that_are_arguments_or_constants() -> None:
    held = fnp.asarray([1.0, 2.0])
    f = fnx.jit(lambda x: (x, x, held, 3, fnp.zeros(2)))
    for _ in range(2):
        x = fnp.asarray([5.0])
        out = f(x)
        assert [np.asarray(o).tolist() for o in out] == [[5.0], [5.0], [1.0, 2.0], 3, [0.0, 0.0]]


def test_no_arguments_and_no_results() -> None:
    assert float(fnx.jit(lambda: fnp.asarray(2.0) * 3)()) == 6.0
    assert fnx.jit(lambda x: ())(1.0) == ()
    assert fnx.jit(lambda: None)() is None


def test_jit_inside_jit_and_under_the_transforms() -> None:
    inner = fnx.jit(lambda x: fnp.sin(x) * x)
    outer = fnx.jit(lambda x: inner(x) + inner(2 * x))
    x = fnp.asarray(0.7, "float64")
    expected = np.sin(0.7) * 0.7 + np.sin(1.4) * 1.4
    assert float(outer(x)) == pytest.approx(expected)
    derivative = np.sin(0.7) + 0.7 * np.cos(0.7) + 2 * (np.sin(1.4) + 1.4 * np.cos(1.4))
    for f in (fnx.grad(outer), fnx.jit(fnx.grad(outer)), fnx.grad(fnx.jit(outer))):
        assert float(f(x)) == pytest.approx(derivative)
    third = fnx.jit(fnx.grad(fnx.grad(fnx.grad(inner))))
    assert float(third(x)) == pytest.approx(-3 * np.sin(0.7) - 0.7 * np.cos(0.7))
    xs = fnp.linspace(0.0, 1.0, 5, dtype="float64")
    second = fnx.jit(fnx.vmap(fnx.grad(fnx.grad(inner))))
    np.testing.assert_allclose(
        np.asarray(second(xs)), 2 * np.cos(xs) - np.asarray(xs) * np.sin(xs), atol=1e-12
    )


def test_closures_over_tracers_are_not_remembered() -> None:
    def f(x: Any) -> Any:
        return fnx.jit(lambda y: y * x)(3.0)

    assert float(fnx.grad(f)(2.0)) == 3.0
    assert float(fnx.jit(f)(2.0)) == 6.0
    assert fnx.vmap(f)(fnp.arange(3.0)).tolist() == [0.0, 3.0, 6.0]

    shared: dict[str, Any] = {}
    g = fnx.jit(lambda y: y * shared["x"])

    def h(x: Any) -> Any:
        shared["x"] = x
        return g(3.0)

    assert float(fnx.grad(h)(2.0)) == 3.0
    assert float(fnx.grad(h)(4.0)) == 3.0
    assert float(fnx.grad(lambda x: h(x) * x)(4.0)) == 24.0


def test_an_abstract_value_in_an_if_names_the_line() -> None:
    @fnx.jit
    def f(x: Any) -> Any:
        if x > 0:  # the line that the message must show
            return x
        return -x

    with pytest.raises(TypeError, match=r"test_jit\.py:\d+.*the line that the message must show"):
        f(1.0)


def test_a_leaked_tracer_is_explained() -> None:
    leaked: list[Any] = []
    fnx.jit(lambda x: leaked.append(x * 2) or x)(1.0)
    with pytest.raises(RuntimeError, match=r"made in test_jit\.py"):
        leaked[0] + 1
    with pytest.raises(RuntimeError, match=r"outside of the function"):
        fnx.jit(lambda x: x + leaked[0])(1.0)


def test_methods_and_decorators() -> None:
    class Model:
        scale = 3.0

        @functools.partial(fnx.jit, static_argnums=0)
        def __call__(self, x: Any) -> Any:
            return x * self.scale

        @fnx.jit
        @staticmethod
        def double(x: Any) -> Any:
            return x * 2

    @fnx.jit(static_argnames="n")
    def power(x: Any, n: int) -> Any:
        """Documented."""
        return x**n

    model = Model()
    for _ in range(2):
        assert float(model(2.0)) == 6.0
        assert float(power(3.0, n=2)) == 9.0
    assert power.__doc__ == "Documented."
    assert power.__name__ == "power"


def test_many_threads_share_a_jitted_function() -> None:
    f, wrong = fnx.jit(lambda x, y: fnp.sum(fnp.sin(x) @ y)), []
    x, y = fnp.ones((20, 30)), fnp.ones((30, 10))
    expected = float(np.sin(1.0) * 30 * 200)

    def work() -> None:
        for _ in range(50):
            if abs(float(f(x, y)) - expected) > 1e-2:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert f.signatures == 1


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0), (2, 1, 3)])
def test_odd_shapes(shape: tuple[int, ...]) -> None:
    x = np.full(shape, 0.5, np.float32)
    y = fnx.jit(lambda x: (x * 2 + 1, fnp.sum(x), fnp.exp(x).T))(x)
    np.testing.assert_allclose(np.asarray(y[0]), x * 2 + 1)
    np.testing.assert_allclose(np.asarray(y[1]), x.sum(), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(y[2]), np.exp(x).T, rtol=1e-6)


def test_nan_and_infinity_pass_through() -> None:
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0], np.float32)
    f = lambda x: (
        fnp.maximum(x, 0),
        fnp.exp(x),
        1 / x,
        fnp.where(x > 0, x, -x),
        fnp.sum(x),
        fnp.max(x),
    )
    for eager, compiled in zip(f(fnp.asarray(x)), fnx.jit(f)(x), strict=True):
        assert np.asarray(eager).tobytes() == np.asarray(compiled).tobytes() or np.allclose(
            np.asarray(eager), np.asarray(compiled), equal_nan=True
        )


def test_static_values_that_python_holds_equal_are_different_signatures():
    f = fnx.jit(lambda n: fnp.asarray(1.0) / n, static_argnums=0)
    assert [float(f(n)) for n in (0.0, -0.0, 0.0, -0.0)] == [math.inf, -math.inf] * 2
    g = fnx.jit(lambda n: fnp.asarray(n[0]), static_argnums=0)
    kinds = [g((n,)).dtype.kind for n in (1, True, 1.0, 1, True)]
    assert kinds == ["i", "b", "f", "i", "b"]


def test_a_static_nan_is_one_signature():
    f = fnx.jit(lambda x, n: x * n, static_argnums=1)
    for _ in range(3):
        f(fnp.ones(2), float("nan"))
    assert f.signatures == 1


@pytest.mark.parametrize(
    "options", [{"donate_argnums": "x"}, {"static_argnums": 0.0}, {"static_argnames": (1,)}]
)
def test_argnums_and_argnames_of_wrong_types(options):
    with pytest.raises(FnxTypeError, match=r"are ints and .* are strings"):
        fnx.jit(lambda x: x, **options)


def test_what_is_no_array_is_named_by_its_argument():
    f = fnx.jit(lambda n, x, y=None: x, static_argnums=0)
    with pytest.raises(FnxTypeError, match=r"argument 1\['a'\] is a str"):
        f(3, {"a": "text"})
    with pytest.raises(FnxTypeError, match=r"argument 'y'\[1\] is a str"):
        f(3, 1.0, y=[2.0, "text"])


def test_too_little_memory_says_what_was_wanted():
    f = fnx.jit(lambda x: fnp.broadcast_to(x, (2**44, 2**10)))
    with pytest.raises(MemoryError, match=r"no memory for f32.*\[17592186044416,1024\]"):
        f(1.0)
