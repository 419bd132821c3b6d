"""Every rule of every first-order primitive, on the cases that its spec draws."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import fnx.ops.contraction
import fnx.ops.elementwise
import fnx.ops.indexing
import fnx.ops.random_bits
import fnx.ops.reduction
import fnx.ops.shape  # noqa: F401
from fnx.core.dtypes import FLOAT64, FLOATS
from fnx.core.eager import as_array
from fnx.core.primitive import REGISTRY, Linear, NotDifferentiable, NotLinear
from fnx.core.trace import bind, trace
from fnx.lowering.lower import lower
from fnx.ops.creation import zeros_like
from fnx.transforms.jvp import jvp_flat
from fnx_xla_lite.hlo.interpret import interpret
from tests.op_specs import SPECS, Case, OpSpec

SEEDS = range(12)
STEP = 1e-5

every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
differentiable = pytest.mark.parametrize(
    "spec", [s for s in SPECS.values() if s.wrt], ids=lambda s: s.name
)


def run(name: str, case: Case) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(out) for out in bind(REGISTRY[name], *case.args, **case.params))


def assert_close(actual: Any, expected: Any, tolerance: float, note: str = "") -> None:
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{actual.shape} is not {expected.shape} {note}"
    if actual.dtype not in FLOATS:
        np.testing.assert_array_equal(actual, expected, note)
        return
    actual, expected = actual.astype(FLOAT64), expected.astype(FLOAT64)
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        error = np.where(same, 0, np.abs(actual - expected) / np.maximum(1, np.abs(expected)))
    assert not error.size or error.max() <= tolerance, (
        f"error {error.max()} {note}\n{actual}\n{expected}"
    )


def test_every_primitive_has_a_spec() -> None:
    """But for collectives: `tests.laws.test_collectives` has theirs."""
    own = {name for name, p in REGISTRY.items() if p.split is None and p.collect is None}
    assert own == set(SPECS)


@every_spec
def test_numpy_rule_means_what_the_reference_says(spec: OpSpec) -> None:
    for dtype, seed in itertools.product(spec.dtypes, range(4)):
        case = spec.case(seed, dtype)
        outs, expected = run(spec.name, case), spec.expected(case)
        for out, right in zip(outs, expected, strict=True):
            assert_close(out, right, spec.tolerance(out.dtype), f"{dtype} seed {seed} {case}")


@every_spec
def test_type_rule_says_what_the_numpy_rule_returns(spec: OpSpec) -> None:
    primitive = REGISTRY[spec.name]
    for dtype, seed in itertools.product(spec.dtypes, range(3)):
        case = spec.case(seed, dtype)
        avals = primitive.type(*[as_array(x).aval for x in case.args], **case.params)
        buffers = [np.ascontiguousarray(x).reshape(x.shape) for x in case.args]
        with np.errstate(all="ignore"):
            outs = primitive.numpy(np, *buffers, **case.params)
        assert all(type(x) is np.ndarray for x in outs)  # of rank 0 too
        assert [(a.shape, a.dtype) for a in avals] == [(x.shape, x.dtype) for x in outs]


@every_spec
def test_lowered_to_hlo_it_means_the_same(spec: OpSpec) -> None:
    primitive = REGISTRY[spec.name]
    for dtype, seed in itertools.product(spec.dtypes, range(3)):
        case = spec.case(seed, dtype)
        jaxpr = trace(
            lambda *xs, p=case.params: bind(primitive, *xs, **p),
            [as_array(x).aval for x in case.args],
        )
        results = interpret(lower(jaxpr), *case.args)
        for result, right in zip(results, run(spec.name, case), strict=True):
            note = f"{dtype} seed {seed} {case}"
            assert result.dtype == right.dtype, note
            assert_close(result, right, 2 * spec.tolerance(right.dtype), note)


# Derivatives ----------------------------------------------------------------------------------


def directions(spec: OpSpec, case: Case, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, case.args[i].shape) for i in spec.wrt]


def moved(spec: OpSpec, case: Case, ts: list[np.ndarray], step: float) -> Case:
    args = list(case.args)
    for i, t in zip(spec.wrt, ts, strict=True):
        args[i] = args[i] + step * t
    return Case(tuple(args), case.params)


def float64_case(spec: OpSpec, seed: int) -> Case:
    case = spec.case(seed, FLOAT64)
    if spec.name == "convert":  # to float64: differences of rounded values are no derivative
        return Case(case.args, {**case.params, "dtype": FLOAT64})
    return case


def difference(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """The central difference; 0 where both are the same infinity (the maximum of nothing)."""
    return np.subtract(high, low, where=high != low, out=np.zeros(high.shape)) / (2 * STEP)


@differentiable
def test_jvp_agrees_with_central_differences(spec: OpSpec) -> None:
    for seed in SEEDS:
        case = float64_case(spec, seed)
        ts = directions(spec, case, seed)
        tangents = [None] * len(case.args)
        for i, t in zip(spec.wrt, ts, strict=True):
            tangents[i] = as_array(t)
        primals = tuple(as_array(x) for x in case.args)
        primitive = REGISTRY[spec.name]
        outs = bind(primitive, *primals, **case.params)
        (out_t,) = primitive.jvp(primals, tuple(tangents), outs, **case.params)
        high, low = (run(spec.name, moved(spec, case, ts, s))[0] for s in (STEP, -STEP))
        expected = difference(high, low)
        out_t = np.zeros_like(expected) if out_t is None else out_t
        assert_close(out_t, expected, 1e-7, f"seed {seed} {case}")


@differentiable
def test_second_derivative_agrees_with_central_differences(spec: OpSpec) -> None:
    """The tangent, as a function of the primals, differentiated again in the same direction."""
    for seed in range(3):
        case = float64_case(spec, seed)
        ts = directions(spec, case, seed)
        directed = [as_array(t) for t in ts]

        def apply(*moving: Any, case: Case = case) -> tuple[Any, ...]:
            args = list(case.args)
            for i, x in zip(spec.wrt, moving, strict=True):
                args[i] = x
            return bind(REGISTRY[spec.name], *args, **case.params)

        def tangent(*moving: Any, f: Any = apply, ts: list[Any] = directed) -> list[Any]:
            outs, out_ts = jvp_flat(f, moving, ts)
            return [zeros_like(y) if t is None else t for y, t in zip(outs, out_ts, strict=True)]

        points = [as_array(case.args[i]) for i in spec.wrt]
        (first,), (second,) = jvp_flat(tangent, points, directed)
        second = np.zeros(first.shape) if second is None else second
        near = (moved(spec, case, ts, step).args for step in (STEP, -STEP))
        high, low = (np.asarray(tangent(*(as_array(xs[i]) for i in spec.wrt))[0]) for xs in near)
        assert_close(second, difference(high, low), 1e-6, f"seed {seed} {case}")


linear_groups = pytest.mark.parametrize(
    ("spec", "group"),
    [(s, group) for s in SPECS.values() for group in s.linear],
    ids=lambda v: v.name if isinstance(v, OpSpec) else str(v),
)


@linear_groups
def test_transpose_by_the_dot_product_test(spec: OpSpec, group: tuple[int, ...]) -> None:
    """<ct, f(t)> = <transpose(ct), t>, where all operands outside of the group are fixed."""
    primitive = REGISTRY[spec.name]
    for seed in SEEDS:
        case = float64_case(spec, seed)
        args = case.args
        zeroed = [np.zeros_like(x) if i in group else x for i, x in enumerate(args)]
        (y,) = run(spec.name, case)
        (offset,) = run(spec.name, Case(tuple(zeroed), case.params))
        ct = np.random.default_rng(seed).uniform(-1, 1, y.shape)
        inputs = tuple(
            Linear(as_array(x).aval) if i in group else as_array(x) for i, x in enumerate(args)
        )
        cts = primitive.transpose((as_array(ct),), inputs, **case.params)
        assert len(cts) == len(args)
        assert all(ct is None for i, ct in enumerate(cts) if i not in group)
        right = 0.0
        for i in group:
            if cts[i] is not None:
                assert cts[i].shape == args[i].shape
                assert cts[i].dtype == args[i].dtype
                right += np.vdot(np.asarray(cts[i]), args[i])
        assert_close(np.vdot(ct, y - offset), right, 1e-12, f"seed {seed} {case}")


@linear_groups
def test_transpose_of_nothing_is_nothing(spec: OpSpec, group: tuple[int, ...]) -> None:
    case = float64_case(spec, 0)
    inputs = tuple(
        Linear(as_array(x).aval) if i in group else as_array(x) for i, x in enumerate(case.args)
    )
    cts = REGISTRY[spec.name].transpose((None,), inputs, **case.params)
    assert cts == (None,) * len(case.args)


def test_all_linear_primitives_have_groups() -> None:
    for name, spec in SPECS.items():
        assert bool(spec.linear) != isinstance(REGISTRY[name].transpose, NotLinear), name


def test_all_differentiable_primitives_are_checked() -> None:
    for name, spec in SPECS.items():
        assert bool(spec.wrt) != isinstance(REGISTRY[name].jvp, NotDifferentiable), name
        assert not spec.wrt or FLOAT64 in spec.dtypes, name


# Batching -------------------------------------------------------------------------------------


def batch_of(spec: OpSpec, dtype: np.dtype, seed: int, size: int) -> list[Case]:
    """Cases that differ in the values of their operands only."""
    first = spec.case(seed, dtype)
    rng = np.random.default_rng(seed)
    cases = [first]
    for _ in range(size - 1):  # permuted elements stay in the domain
        args = tuple(rng.permuted(x.reshape(-1)).reshape(x.shape) + 0 * x for x in first.args)
        args = tuple(a.astype(x.dtype) for a, x in zip(args, first.args, strict=True))
        cases.append(Case(args, first.params))
    return cases


@every_spec
def test_batch_rule_is_a_loop(spec: OpSpec) -> None:
    primitive, size = REGISTRY[spec.name], 3
    dtype = spec.dtypes[0]
    for seed in range(4):
        cases = batch_of(spec, dtype, seed, size)
        n = len(cases[0].args)
        for mapped in itertools.product((False, True), repeat=n):
            if not any(mapped):
                continue
            rng = np.random.default_rng(seed)
            axes = [int(rng.integers(0, x.ndim + 1)) if m else None
                    for x, m in zip(cases[0].args, mapped, strict=True)]  # fmt: skip
            inputs = tuple(
                as_array(x if axis is None else np.stack([c.args[i] for c in cases], axis))
                for i, (x, axis) in enumerate(zip(cases[0].args, axes, strict=True))
            )
            outs, out_axes = primitive.batch(inputs, tuple(axes), size, **cases[0].params)
            assert len(outs) == len(out_axes)
            for k in range(size):
                args = tuple(
                    case_k if m else x
                    for x, case_k, m in zip(cases[0].args, cases[k].args, mapped, strict=True)
                )
                right = run(spec.name, Case(args, cases[0].params))
                for out, axis, expected in zip(outs, out_axes, right, strict=True):
                    one = np.asarray(out) if axis is None else np.take(np.asarray(out), k, axis)
                    assert_close(one, expected, spec.tolerance(FLOAT64), f"{axes} {k} {cases[0]}")
