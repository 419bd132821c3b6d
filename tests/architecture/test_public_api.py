"""The public names: a written list, and a docstring for every function and class."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType

import pytest

import fnx
import fnx_xla_lite
from fnx.core.array import Array
from fnx.core.tracer import Tracer

FACADES = (
    "fnx", "fnx.checkify", "fnx.data", "fnx.debug", "fnx.extend", "fnx.lax", "fnx.nn", "fnx.numpy",
    "fnx.optim", "fnx.random", "fnx.tree", "fnx_xla_lite",
)  # fmt: skip

NAMES = [
    "Array", "ShapeDtypeStruct", "checkpoint", "custom_jvp", "custom_vjp", "data", "debug",
    "eval_shape", "extend", "get_threads", "grad", "hessian", "io_callback", "jacfwd", "jacrev",
    "checkify",
    "jit", "jvp", "lax", "linear_transpose", "linearize", "make_jaxpr", "nn", "numpy", "optim",
    "pure_callback", "random", "set_threads", "tree", "value_and_grad", "vjp", "vmap",
    "checkpoint_name", "checkpoint_policies", "remat", "custom_vmap", "sequential_vmap",
]  # fmt: skip

COMPILER_NAMES = [
    "Builder", "Executable", "HloModule", "compile", "get_threads", "interpret", "parse",
    "set_threads",
]  # fmt: skip

# Modules that are imported, and so stand in the namespace, but are no part of the interface.
INTERNAL = {"api", "checks", "config", "control", "core", "errors", "lowering", "ops", "transforms"}


def public(module: ModuleType) -> dict[str, object]:
    """Public names of a façade with their values."""
    found = {name for name in dir(module) if not name.startswith("_")}
    return {name: getattr(module, name) for name in sorted(found)}


def test_the_public_names_of_fnx_are_these() -> None:
    found = {n for n in public(fnx) if n not in INTERNAL} - {"importlib", "Any", "TYPE_CHECKING"}
    assert sorted(found) == sorted(NAMES), "a new name is a promise: add it here, and to docs"


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
