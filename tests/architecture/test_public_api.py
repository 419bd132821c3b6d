"""The public names: a written list, and a docstring for every function and class."""

from __future__ import annotations

import importlib
import inspect
import operator
from types import ModuleType

import pytest

import fnx
import fnx_xla_lite
from fnx.core.array import Array
from fnx.core.missing_names import missing_names
from fnx.core.tracer import Tracer

FACADES = (
    "fnx", "fnx.checkify", "fnx.data", "fnx.debug", "fnx.errors", "fnx.extend", "fnx.lax",
    "fnx.nn", "fnx.numpy", "fnx.optim", "fnx.random", "fnx.tree", "fnx_xla_lite",
)  # fmt: skip

NAMES = [
    "Array", "ShapeDtypeStruct", "checkpoint", "custom_jvp", "custom_vjp", "data", "debug",
    "errors", "eval_shape", "extend", "get_threads", "grad", "hessian", "io_callback", "jacfwd",
    "jacrev", "checkify",
    "jit", "jvp", "lax", "linear_transpose", "linearize", "make_jaxpr", "nn", "numpy", "optim",
    "pure_callback", "random", "set_threads", "tree", "value_and_grad", "vjp", "vmap",
    "checkpoint_name", "checkpoint_policies", "remat", "custom_vmap", "sequential_vmap",
]  # fmt: skip

COMPILER_NAMES = [
    "Builder", "Executable", "HloModule", "compile", "get_threads", "interpret", "parse",
    "set_threads",
]  # fmt: skip


def public(module: ModuleType) -> dict[str, object]:
    """Public names of a façade with their values."""
    found = {name for name in dir(module) if not name.startswith("_")}
    return {name: getattr(module, name) for name in sorted(found)}


def test_the_public_names_of_fnx_are_these() -> None:
    assert dir(fnx) == sorted(NAMES), "a new name is a promise: add it here, and to docs"
    modules = {name for name, value in public(fnx).items() if inspect.ismodule(value)}
    facades = {name.removeprefix("fnx.") for name in FACADES if name.startswith("fnx.")}
    assert modules == facades | {"checkpoint_policies"}


@pytest.mark.parametrize("facade", [*FACADES[1:-1], "fnx.checkpoint_policies"])
def test_what_a_facade_lists_is_public(facade: str) -> None:
    """Tab completion shows no modules of ours, and nothing that was imported for our own use."""
    module = operator.attrgetter(facade.removeprefix("fnx."))(fnx)
    assert dir(module) == sorted(module.__all__)
    for name, value in public(module).items():
        assert not inspect.ismodule(value), name
        owner = getattr(value, "__module__", None) or "fnx"
        assert owner.split(".")[0] in ("fnx", "numpy", "ml_dtypes", "builtins"), f"{name}: {owner}"


@pytest.mark.parametrize(
    "module", ["fnx", "fnx.numpy", "fnx.lax", "fnx.random", "fnx.tree", "fnx.nn", "fnx.optim"]
)
def test_missing_names_are_missing_and_what_they_say_exists(module: str) -> None:
    facade = importlib.import_module(module)
    for name, missing in missing_names(module).items():
        assert not hasattr(facade, name), f"{module}.{name} exists: take it out of missing_names.py"
        with pytest.raises(AttributeError, match=f"{module} has no {name!r}") as info:
            getattr(facade, name)
        assert ("yet" in str(info.value)) is missing.is_planned


def test_the_public_names_of_the_compiler_are_these() -> None:
    assert sorted(fnx_xla_lite.__all__) == sorted(COMPILER_NAMES)


@pytest.mark.parametrize("facade", FACADES)
def test_every_public_function_and_class_explains_itself(facade: str) -> None:
    module = importlib.import_module(facade)
    assert module.__doc__
    silent = []
    for name, value in public(module).items():
        if not (inspect.isfunction(value) or inspect.isclass(value)):
            continue
        if not value.__module__.startswith("fnx") or inspect.getdoc(value):
            continue
        silent.append(name)
    assert not silent, f"{facade}: no docstring: {silent}"


@pytest.mark.parametrize("facade", FACADES)
def test_docstrings_are_sentences(facade: str) -> None:
    """The first line says what it does, and ends."""
    unfinished = []
    for name, value in public(importlib.import_module(facade)).items():
        if inspect.isfunction(value) and value.__module__.startswith("fnx"):
            first = (inspect.getdoc(value) or "").split("\n\n")[0].strip()
            if first and first[-1] not in ".:;)`":
                unfinished.append(f"{name}: {first[-40:]}")
    assert not unfinished, f"{facade}: {unfinished}"


@pytest.mark.parametrize("kind", [Array, Tracer])
def test_methods_of_arrays_explain_themselves(kind: type) -> None:
    silent = [
        name
        for name, value in vars(kind).items()
        if not name.startswith("_") and inspect.isfunction(value) and not value.__doc__
    ]
    assert not silent, f"{kind.__name__}: no docstring: {silent}"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="fnx has no 'fold'"):
        _ = fnx.fold
