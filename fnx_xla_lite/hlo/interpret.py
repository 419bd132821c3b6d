"""The reference meaning of HLO: run a module on NumPy arrays, one instruction at a time.

Input: a verified module and arrays. Output: a tuple of arrays. Everything that compiles is tested
against this. Sums of narrow floats accumulate in a wider type and round once, so the reference does
not depend on an order of summation.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from fnx_xla_lite.errors import VerifyError
from fnx_xla_lite.hlo.callbacks import call_back, check_bound
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.indexing import scatter_places
from fnx_xla_lite.hlo.ir import Computation, HloModule, Instruction, Value
from fnx_xla_lite.hlo.numerics import SCALAR
from fnx_xla_lite.hlo.opset import SCALAR_OPS, op_def
from fnx_xla_lite.hlo.regions import monoid_of

Env = dict[Value, np.ndarray]
Arrays = tuple[np.ndarray, ...]


def interpret(module: HloModule, *arrays: np.ndarray) -> Arrays:
    """Run the entry function of ``module``.

    Args:
        module: a verified module.
        *arrays: one array per parameter, of its exact shape and dtype.

    Returns:
        One array per result.

    Raises:
        VerifyError: the arrays do not match the parameters.
    """
    parameters = module.main.body.parameters
    if len(arrays) != len(parameters):
        raise VerifyError(f"{module.name}: takes {len(parameters)} arrays, got {len(arrays)}")
    check_bound(module)
    checked = tuple(
        _checked(i, x, p) for i, (x, p) in enumerate(zip(arrays, parameters, strict=True))
    )
    with np.errstate(all="ignore"):
        results = _Machine(module).run(module.main.body, checked, {})
    return tuple(np.array(x) for x in results)


def _checked(position: int, x: np.ndarray, parameter: Value) -> np.ndarray:
    array = np.asarray(x)
    expected = parameter.type
    if array.shape != expected.shape or array.dtype != to_numpy(expected.dtype):
        got = f"{array.dtype}{list(array.shape)}"
        raise VerifyError(
            f"argument {position}: expected {expected}, got an array {got}: "
            f"write x.astype({to_numpy(expected.dtype).name!r}) or reshape it"
        )
    return array


class _Machine:
    """Runs computations of one module.

    Values of enclosing computations are found in the environment.
    """

    def __init__(self, module: HloModule) -> None:
        self._module = module

    def run(self, computation: Computation, arrays: Arrays, outer: Env) -> Arrays:
        env = dict(outer)
        env.update(zip(computation.parameters, arrays, strict=True))
        for instr in computation.instructions:
            for value, result in zip(instr.results, self._step(instr, env), strict=True):
                env[value] = np.asarray(result)
        return tuple(env[value] for value in computation.results)

    def _step(self, instr: Instruction, env: Env) -> Arrays:
        operands = tuple(env[x] for x in instr.operands)
        special = _WITH_REGIONS.get(instr.op)
        if special is not None:
            return special(self, instr, operands, env)
        meaning = op_def(instr.op).numpy
        assert meaning is not None, f"{instr.op} has neither a meaning nor a method here"
        result = meaning(instr, *operands)
        return result if isinstance(result, tuple) else (result,)

    def call(self, instr: Instruction, operands: Arrays, env: Env) -> Arrays:
        return self.run(self._module.function(instr.attributes["callee"]).body, operands, {})

    def fusion(self, instr: Instruction, operands: Arrays, env: Env) -> Arrays:
        return self.run(instr.regions[0], operands, env)

    def custom_call(self, instr: Instruction, operands: Arrays, env: Env) -> Arrays:
        callback = self._module.callbacks[instr.attributes["handle"]]
        found = call_back(callback, operands, [x.type for x in instr.results])
        return tuple(np.array(x) for x in found)

    def while_(self, instr: Instruction, operands: Arrays, env: Env) -> Arrays:
        condition, body = instr.regions
        while self.run(condition, operands, env)[0]:
            operands = self.run(body, operands, env)
        return operands

    def case(self, instr: Instruction, operands: Arrays, env: Env) -> Arrays:
        index, last = int(operands[0]), len(instr.regions) - 1
        return self.run(instr.regions[index if 0 <= index <= last else last], (), env)

    def if_(self, instr: Instruction, operands: Arrays, env: Env) -> Arrays:
        return self.run(instr.regions[0 if operands[0] else 1], (), env)

    def reduce(self, instr: Instruction, operands: Arrays, env: Env) -> Arrays:
        count = len(operands) // 2
        axes = tuple(instr.attributes["dimensions"])
        xs = [_flattened(x, axes) for x in operands[:count]]
        monoid = monoid_of(instr.regions[0])
        if monoid is not None:
            return (_fold(monoid, xs[0], operands[1]),)
        combine = self._combiner(instr.regions[0], env)
        state = tuple(np.broadcast_to(x, xs[0].shape[:-1]) for x in operands[count:])
        for i in range(xs[0].shape[-1]):
            state = combine(*state, *(x[..., i] for x in xs))
        return state

    def reduce_window(self, instr: Instruction, operands: Arrays, env: Env) -> Arrays:
        x, init = operands
        combine = self._combiner(instr.regions[0], env)
        result = np.broadcast_to(init, instr.result.type.shape)
        padded = _dilated(x, init, instr.attributes["base_dilations"], instr.attributes["padding"])
        windows = [range(size) for size in instr.attributes["window_dimensions"]]
        steps = instr.attributes["window_strides"]
        dilations = instr.attributes["window_dilations"]
        for offset in itertools.product(*windows):
            first = [o * d for o, d in zip(offset, dilations, strict=True)]
            picked = tuple(
                slice(f, f + (n - 1) * s + 1 if n else f, s)
                for f, n, s in zip(first, result.shape, steps, strict=True)
            )
            (result,) = combine(result, padded[picked])
        return (result,)

    def scatter(self, instr: Instruction, operands: Arrays, env: Env) -> Arrays:
        x, indices, updates = operands
        combine = self._combiner(instr.regions[0], env)
        result = x.copy()
        for source, target in scatter_places(instr, x, indices, updates):
            (result[target],) = combine(result[target], updates[source])
        return (result,)

    def _combiner(self, body: Computation, env: Env) -> Callable[..., Arrays]:
        """The scalar body as a function of equally shaped arrays."""
        if all(i.op == "constant" or i.op in _POINTWISE for i in body.instructions):
            return lambda *arrays: self.run(body, arrays, env)

        def one_by_one(*arrays: np.ndarray) -> Arrays:
            half = len(arrays) // 2
            results = tuple(np.empty(x.shape, x.dtype) for x in arrays[:half])
            for place in np.ndindex(arrays[0].shape):
                values = self.run(body, tuple(np.asarray(x[place]) for x in arrays), env)
                for result, value in zip(results, values, strict=True):
                    result[place] = value
            return results

        return one_by_one


_POINTWISE = SCALAR_OPS - {"bitcast_convert"}  # its meaning reads the shape of the result
_WITH_REGIONS = {
    "call": _Machine.call,
    "case": _Machine.case,
    "custom_call": _Machine.custom_call,
    "fusion": _Machine.fusion,
    "if": _Machine.if_,
    "reduce": _Machine.reduce,
    "reduce_window": _Machine.reduce_window,
    "scatter": _Machine.scatter,
    "while": _Machine.while_,
}
_UFUNCS = {
    "add": np.add,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}


def _flattened(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The axes in ``axes`` moved last, in ascending order, and joined into one."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    moved = x.transpose([*kept, *sorted(axes)])
    length = int(np.prod([x.shape[axis] for axis in axes], dtype=np.int64))
    return moved.reshape((*(x.shape[axis] for axis in kept), length))


def _fold(monoid: str, x: np.ndarray, init: np.ndarray) -> np.ndarray:
    """Combine the last axis with ``init``; float sums and products run in float64."""
    if x.dtype.kind in "iub" or monoid in ("maximum", "minimum"):
        initial = np.broadcast_to(init, (*x.shape[:-1], 1))
        everything = np.concatenate([initial, x], axis=-1)
        folded = _UFUNCS[monoid].reduce(everything, axis=-1, dtype=x.dtype)
        return folded if x.dtype.kind in "iub" else _signed_zero(monoid, folded, everything)
    wide = _UFUNCS[monoid].reduce(x.astype(np.float64), axis=-1)
    return np.asarray(SCALAR[monoid](wide, init.astype(np.float64))).astype(x.dtype)


def _signed_zero(monoid: str, folded: np.ndarray, elements: np.ndarray) -> np.ndarray:
    """The extremum ``folded`` with 0.0 above -0.0, which NumPy does not tell apart."""
    zeros = elements == 0
    negative = np.signbit(elements.astype(np.float64))
    if monoid == "maximum":
        is_negative = np.where(zeros, negative, True).all(axis=-1)
    else:
        is_negative = (zeros & negative).any(axis=-1)
    return np.where(folded == 0, np.where(is_negative, -0.0, 0.0), folded).astype(elements.dtype)


def _dilated(
    x: np.ndarray,
    init: np.ndarray,
    dilations: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
) -> np.ndarray:
    """``x`` with ``init`` between its elements and around it; negative padding cuts."""
    spread_shape = [max((n - 1) * d + 1, 0) for n, d in zip(x.shape, dilations, strict=True)]
    spread = np.full(spread_shape, init, x.dtype)
    spread[tuple(slice(None, None, d) for d in dilations)] = x
    padded = np.pad(
        spread, [(max(low, 0), max(high, 0)) for low, high in padding], constant_values=init
    )
    cuts = (
        slice(max(-low, 0), padded.shape[i] - max(-high, 0))
        for i, (low, high) in enumerate(padding)
    )
    return padded[tuple(cuts)]
