"""The examples in the documentation of arrays, fnx.numpy, fnx.lax and fnx.random are true."""

import doctest
import importlib
import pkgutil

import pytest

import fnx.numpy

MODULES = [f"fnx.numpy.{m.name}" for m in pkgutil.iter_modules(fnx.numpy.__path__)]
MODULES += ["fnx.core.array", "fnx.core.dtypes", "fnx.random.keys", "fnx.lax"]
MODULES += ["fnx.core.avals", "fnx.lax.collectives", "fnx.lowering.stages", "fnx.lowering.jit"]
MODULES += [
    "fnx.optim.schedules",
    "fnx.control.checkpoints.checkpoint",
    "fnx.control.custom.jvp",
    "fnx.control.custom.vmap",
]
MODULES += [f"fnx.api.{m.name}" for m in pkgutil.iter_modules(fnx.api.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    modules = map(importlib.import_module, MODULES)
    assert sum(bool(test.examples) for module in modules for test in finder.find(module)) > 10
