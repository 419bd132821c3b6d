"""Nothing is left out: every primitive has its rules, every operation its rows.

What is missing is named.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

import fnx.control.checkpoints.checkpoint
import fnx.control.custom.jvp
import fnx.control.custom.vjp
import fnx.control.effects.callback
import fnx.ops.collectives
import fnx.ops.random_bits  # noqa: F401
from fnx.checks.classes import CLASSES
from fnx.core.primitive import REGISTRY, NotDifferentiable, NotLinear
from fnx_xla_lite.backends.cpu.scalar import SCALAR as CPU_SCALAR
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.ir import HloModule
from fnx_xla_lite.hlo.numerics import SCALAR as NUMPY_SCALAR
from fnx_xla_lite.hlo.opset import OPS, SCALAR_OPS
from fnx_xla_lite.pipeline import PASSES
from tests.op_specs import SPECS
from tests.xla_lite.loops.cases import CASES, build

ROOT = Path(__file__).resolve().parents[2]
RULES = ("type", "numpy", "jvp", "transpose", "batch", "lower")


def names(found: object) -> list[str]:
    return sorted(map(str, found))


@pytest.mark.parametrize("rule", RULES)
def test_every_primitive_has_every_rule_or_says_why_not(rule: str) -> None:
    for name, primitive in REGISTRY.items():
        value = getattr(primitive, rule)
        if isinstance(value, NotDifferentiable | NotLinear):
            assert len(value.reason) > 10, f"{name}.{rule}: a reason"
        else:
            assert callable(value), f"{name}.{rule}"


def test_every_first_order_primitive_has_an_op_spec() -> None:
    first_order = {name for name, p in REGISTRY.items() if p.split is None and p.collect is None}
    assert names(first_order) == names(SPECS)


def test_every_primitive_is_classified_for_checks() -> None:
    """A new primitive says in `fnx.checks.classes` what can go wrong in it."""
    ours = {n for n, p in REGISTRY.items() if (m := _module_of(p)) and m.startswith("fnx.")}
    assert names(ours - set(CLASSES)) == []
    known = {"nan", "overflow", "index", "div", "user"}
    for name, row in CLASSES.items():
        assert row.fails <= known, name
        assert name not in REGISTRY or not row.is_pointwise or REGISTRY[name].split is None


def _module_of(primitive: object) -> str:
    return inspect.getmodule(inspect.unwrap(_code(primitive.batch))).__name__


def test_rules_stand_in_ops_and_higher_order_primitives_in_control() -> None:
    for name, primitive in REGISTRY.items():
        home = inspect.getmodule(inspect.unwrap(_code(primitive.batch))).__name__
        wanted = "fnx.control." if primitive.split is not None else "fnx.ops."
        assert home.startswith(wanted), f"{name}.batch stands in {home}"


def _code(rule: object) -> object:
    return getattr(rule, "func", rule)  # functools.partial


def test_every_operation_has_a_meaning() -> None:
    without = {name for name, row in OPS.items() if row.numpy is None and row.regions == 0}
    assert names(without) == ["call", "custom_call"]  # the called function's own
    assert not [name for name, row in OPS.items() if not callable(row.infer)]
    dtype_rules = {"bitcast_convert", "compare", "convert"}  # in numerics, by a function of dtypes
    assert names(set(SCALAR_OPS) - set(NUMPY_SCALAR)) == names(dtype_rules)


def test_every_operation_has_a_builder_method() -> None:
    methods = {name.removesuffix("_") for name in dir(Builder) if not name.startswith("_")}
    missing = set(OPS) - methods
    assert names(missing) == ["fusion"]  # passes make those


def test_every_structural_operation_is_in_a_program_that_is_built_into_kernels() -> None:
    """Elementwise ones are drawn by the laws, and share one way through the loops."""
    found: set[str] = {"fusion", "call", *SCALAR_OPS}  # made of others; inlined
    for name in CASES:
        found |= set(operations(build(name)[0]))
    assert not names(set(OPS) - found), "operations without a case in tests/xla_lite/loops/cases.py"


def operations(module: HloModule) -> list[str]:
    todo, found = [function.body for function in module.functions], []
    while todo:
        for instruction in todo.pop().instructions:
            found.append(instruction.op)
            todo += instruction.regions
    return found


def test_the_cpu_has_every_scalar_operation() -> None:
    assert names(CPU_SCALAR) == names(SCALAR_OPS)


def test_the_gpu_has_every_scalar_operation() -> None:
    rows = importlib.import_module("fnx_xla_lite.backends.cuda.scalar").SCALAR
    others = {"convert", "bitcast_convert", "compare", "select"}  # which take several types
    assert names(set(rows) | others) == names(SCALAR_OPS)


def test_every_pass_is_a_file_and_is_in_the_pipeline_with_its_reason() -> None:
    files = {path.stem for path in (ROOT / "fnx_xla_lite/passes").glob("*.py")}
    assert names(files - {"__init__", "base"}) == names(step.name for step in PASSES)
    for step in PASSES:
        assert step.run.__module__ == f"fnx_xla_lite.passes.{step.name}"
        assert step.run.__name__ == step.name
        assert len(step.reason) > 10, step.name


def test_every_module_under_test_has_its_place() -> None:
    """tests/fnx and tests/xla_lite mirror the packages: no folder of tests without its package."""
    for tests, package in (("tests/fnx", "fnx"), ("tests/xla_lite", "fnx_xla_lite")):
        folders = {path.parent.name for path in (ROOT / tests).glob("*/*.py")}
        modules = {path.stem for path in (ROOT / package).iterdir()}
        assert not folders - modules
