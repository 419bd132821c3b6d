"""Typed construction of HLO: one method per operation, result types inferred from the op table.

>>> b = Builder("double")
>>> x = b.parameter((3,), "f32")
>>> module = b.build(b.add(x, x))
>>> module.main.body.results[0].type.shape
(3,)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fnx_xla_lite.errors import VerifyError
from fnx_xla_lite.hlo.assembly import Body, Ints, as_ints
from fnx_xla_lite.hlo.builder_elementwise import AbstractElementwise
from fnx_xla_lite.hlo.constants import as_constant
from fnx_xla_lite.hlo.dtypes import element_name, from_numpy, to_numpy
from fnx_xla_lite.hlo.ir import TensorType, Value
from fnx_xla_lite.hlo.opset import op_def
from fnx_xla_lite.hlo.shapes import CALLBACK


class Builder(AbstractElementwise):
    """Builds one computation, instruction by instruction; ``build`` closes the module."""

    # Making and moving

    def constant(
        self, value: np.ndarray | float | bool, dtype: str | np.dtype | type | None = None
    ) -> Value:
        """A literal array; all-equal ones are kept as one element."""
        array = np.asarray(value) if dtype is None else np.asarray(value).astype(_dtype(dtype))
        if array.flags.writeable:
            array = array.copy()
            array.flags.writeable = False
        given = TensorType(array.shape, from_numpy(array.dtype))
        return self.apply("constant", (), {"value": as_constant(array)}, given=(given,))[0]

    def full(self, value: float | np.generic, shape: Ints, dtype: str | np.dtype | type) -> Value:
        """A constant of ``shape`` whose elements are all ``value``; takes one element of memory."""
        scalar = np.asarray(value).astype(_dtype(dtype))
        return self.constant(np.broadcast_to(scalar, as_ints(shape)))

    def iota(self, shape: Ints, dtype: str | np.dtype | type, dimension: int) -> Value:
        """Each element is its index along ``dimension``."""
        given = TensorType(as_ints(shape), element_name(dtype))
        return self.apply("iota", (), {"iota_dimension": int(dimension)}, given=(given,))[0]

    def broadcast_in_dim(self, x: Value, shape: Ints, dimensions: Ints) -> Value:
        """Operand axis i becomes result axis ``dimensions[i]``.

        Size-1 and new axes are stretched.
        """
        given = TensorType(as_ints(shape), x.type.dtype)
        attributes = {"broadcast_dimensions": as_ints(dimensions)}
        return self.apply("broadcast_in_dim", (x,), attributes, given=(given,))[0]

    def reshape(self, x: Value, shape: Ints) -> Value:
        """The same elements, row-major, in another shape."""
        return self.apply("reshape", (x,), given=(TensorType(as_ints(shape), x.type.dtype),))[0]

    def transpose(self, x: Value, permutation: Ints) -> Value:
        """Result axis i is operand axis ``permutation[i]``."""
        return self.apply("transpose", (x,), {"permutation": as_ints(permutation)})[0]

    def reverse(self, x: Value, dimensions: Ints) -> Value:
        """Flip the named axes."""
        return self.apply("reverse", (x,), {"dimensions": as_ints(dimensions)})[0]

    def slice(self, x: Value, start: Ints, limit: Ints, strides: Ints | None = None) -> Value:
        """``x[start:limit:strides]`` along every axis."""
        attributes = {
            "start_indices": as_ints(start),
            "limit_indices": as_ints(limit),
            "strides": (1,) * x.type.rank if strides is None else as_ints(strides),
        }
        return self.apply("slice", (x,), attributes)[0]

    def concatenate(self, xs: Sequence[Value], dimension: int) -> Value:
        """Join along ``dimension``."""
        if not xs:
            raise VerifyError("concatenate: needs at least one operand; got none")
        return self.apply("concatenate", xs, {"dimension": int(dimension)})[0]

    def pad(self, x: Value, value: Value, low: Ints, high: Ints, interior: Ints) -> Value:
        """Surround with ``value``, and put ``interior`` copies of it between elements.

        Negative edges cut.
        """
        attributes = {
            "edge_padding_low": as_ints(low),
            "edge_padding_high": as_ints(high),
            "interior_padding": as_ints(interior),
        }
        return self.apply("pad", (x, value), attributes)[0]

    def optimization_barrier(self, *xs: Value) -> tuple[Value, ...]:
        """The operands, which no pass may look through."""
        return self.apply("optimization_barrier", xs)

    # Indexing by data

    def dynamic_slice(self, x: Value, starts: Sequence[Value], sizes: Ints) -> Value:
        """A window of ``sizes`` at rank-0 integer ``starts``, clamped so that it fits."""
        return self.apply("dynamic_slice", (x, *starts), {"slice_sizes": as_ints(sizes)})[0]

    def dynamic_update_slice(self, x: Value, update: Value, starts: Sequence[Value]) -> Value:
        """``x`` with ``update`` written at ``starts``, clamped so that it fits."""
        return self.apply("dynamic_update_slice", (x, update, *starts))[0]

    def gather(self, x: Value, indices: Value, **attributes: Any) -> Value:
        """StableHLO ``gather``.

        Keywords are its attributes (``offset_dims``, ``slice_sizes``, ...).
        """
        return self.apply("gather", (x, indices), _complete("gather", attributes))[0]

    def scatter(
        self, x: Value, indices: Value, updates: Value, body: str | Body, **attributes: Any
    ) -> Value:
        """StableHLO ``scatter``; ``body`` is an op name (``"add"``) or ``f(builder, old, new)``."""
        scalar = TensorType((), x.type.dtype)
        region = self.region(_combiner(body), (scalar, scalar))
        operands = (x, indices, updates)
        return self.apply("scatter", operands, _complete("scatter", attributes), (region,))[0]

    # Contractions and reductions

    def dot_general(
        self,
        lhs: Value,
        rhs: Value,
        batching: tuple[Ints, Ints] = ((), ()),
        contracting: tuple[Ints, Ints] = ((), ()),
        out_dtype: str | np.dtype | type | None = None,
    ) -> Value:
        """Sum of products over ``contracting`` axes, side by side over ``batching`` axes."""
        attributes = {
            "lhs_batching_dimensions": as_ints(batching[0]),
            "rhs_batching_dimensions": as_ints(batching[1]),
            "lhs_contracting_dimensions": as_ints(contracting[0]),
            "rhs_contracting_dimensions": as_ints(contracting[1]),
        }
        given = None if out_dtype is None else (TensorType((), element_name(out_dtype)),)
        return self.apply("dot_general", (lhs, rhs), attributes, given=given)[0]

    def reduce(self, x: Value, init: Value, dimensions: Ints, body: str | Body) -> Value:
        """Combine along ``dimensions``.

        ``body`` is an op name or ``f(builder, accumulator, element)``.
        """
        return self.reduce_multi((x,), (init,), dimensions, _combiner(body))[0]

    def reduce_multi(
        self, xs: Sequence[Value], inits: Sequence[Value], dimensions: Ints, body: Body
    ) -> tuple[Value, ...]:
        """Several accumulators at once.

        ``body(builder, *accumulators, *elements) -> accumulators``.
        """
        scalars = tuple(TensorType((), x.type.dtype) for x in xs)
        region = self.region(body, scalars + scalars)
        attributes = {"dimensions": as_ints(dimensions)}
        return self.apply("reduce", (*xs, *inits), attributes, (region,))

    def reduce_window(
        self, x: Value, init: Value, body: str | Body, window_dimensions: Ints, **attributes: Any
    ) -> Value:
        """Combine within sliding windows.

        Keywords as in StableHLO, ``padding`` as (low, high) pairs.
        """
        ones = (1,) * x.type.rank
        complete = {
            "window_dimensions": as_ints(window_dimensions),
            "window_strides": as_ints(attributes.get("window_strides", ones)),
            "base_dilations": as_ints(attributes.get("base_dilations", ones)),
            "window_dilations": as_ints(attributes.get("window_dilations", ones)),
            "padding": tuple(map(as_ints, attributes.get("padding", ((0, 0),) * x.type.rank))),
        }
        scalar = TensorType((), x.type.dtype)
        region = self.region(_combiner(body), (scalar, scalar))
        return self.apply("reduce_window", (x, init), complete, (region,))[0]

    # Control

    def call(self, function_name: str, *operands: Value) -> tuple[Value, ...]:
        """Call a function added by ``define``."""
        function = self.functions.get(function_name)
        if function is None:
            known = ", ".join(self.functions) or "none"
            raise VerifyError(f"call: function {function_name!r} is not defined; defined: {known}")
        expected = [value.type for value in function.body.parameters]
        if expected != [x.type for x in operands]:
            got = ", ".join(str(x.type) for x in operands)
            raise VerifyError(
                f"call: {function_name} takes {', '.join(map(str, expected))}; got {got}"
            )
        given = tuple(value.type for value in function.body.results)
        return self.apply("call", operands, {"callee": function_name}, given=given)

    def custom_call(
        self,
        callback: Callable[..., Any],
        operands: Sequence[Value],
        results: Sequence[Any],
        has_side_effect: bool = True,
    ) -> tuple[Value, ...]:
        """Call Python: ``callback(*arrays) -> arrays`` (see ``hlo/callbacks.py``).

        Args:
            callback: the function; it is no part of the module's text.
            operands: what it is given.
            results: the types of its results: anything with ``shape`` and ``dtype``.
            has_side_effect: then it runs once each time that control comes by, in program order.
        """
        known = (n for n, other in enumerate(self.callbacks) if other is callback)
        handle = next(known, len(self.callbacks))
        if handle == len(self.callbacks):
            self.callbacks.append(callback)
        given = tuple(TensorType(as_ints(r.shape), element_name(r.dtype)) for r in results)
        attributes = {
            "call_target_name": CALLBACK, "handle": handle, "has_side_effect": has_side_effect
        }  # fmt: skip
        return self.apply("custom_call", tuple(operands), attributes, given=given)

    def while_(self, inits: Sequence[Value], condition: Body, body: Body) -> tuple[Value, ...]:
        """Run ``body(builder, *state) -> state`` while ``condition(builder, *state)`` is true."""
        types = [x.type for x in inits]
        regions = (self.region(condition, types), self.region(body, types))
        return self.apply("while", inits, regions=regions)

    def case(self, index: Value, branches: Sequence[Body]) -> tuple[Value, ...]:
        """Run ``branches[index](builder)``; out of range runs the last."""
        return self.apply(
            "case", (index,), regions=tuple(self.region(branch) for branch in branches)
        )

    def if_(self, predicate: Value, on_true: Body, on_false: Body) -> tuple[Value, ...]:
        """Run one of two branches ``f(builder)`` by a rank-0 i1."""
        return self.apply("if", (predicate,), regions=(self.region(on_true), self.region(on_false)))


def _dtype(dtype: str | np.dtype | type) -> np.dtype:
    return to_numpy(element_name(dtype))


def _combiner(body: str | Body) -> Body:
    """An op name as a two-operand body; callables pass through."""
    if not isinstance(body, str):
        return body
    return lambda b, x, y: b.apply(body, (x, y))


def _complete(op: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes with StableHLO's defaults, sequences as tuples.

    Unknown or missing names are refused.
    """
    row = op_def(op)
    unknown = attributes.keys() - {*row.attributes, *row.optional}
    missing = set(row.attributes) - attributes.keys()
    if unknown or missing:
        raise VerifyError(f"{op}: unknown attributes {sorted(unknown)}, missing {sorted(missing)}")
    merged = {**row.optional, **attributes}
    return {k: v if isinstance(v, int) else as_ints(v) for k, v in merged.items()}
