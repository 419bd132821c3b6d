"""What building consists of: parameters, instructions, regions, functions; no operation yet."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fnx_xla_lite.errors import VerifyError
from fnx_xla_lite.hlo.dtypes import element_name
from fnx_xla_lite.hlo.ir import Computation, Function, HloModule, Instruction, TensorType, Value
from fnx_xla_lite.hlo.opset import op_def
from fnx_xla_lite.hlo.shapes import Site

Body = Callable[..., Any]
Ints = Sequence[int]


def as_ints(values: Iterable[int]) -> tuple[int, ...]:
    """A sequence of Python or NumPy integers as a tuple of Python's."""
    return tuple(int(value) for value in values)


class AbstractBuilder:
    """Builds one computation, instruction by instruction; ``build`` closes the module.

    Attributes:
        functions: private functions by name, shared with the builders of regions.
        callbacks: Python functions that the program calls, shared likewise.
        location_text: the user's line, ``file:line in function``, given to each instruction built.
    """

    def __init__(self, name: str = "main", parent: AbstractBuilder | None = None) -> None:
        self.name = name
        self.location_text: str | None = parent.location_text if parent else None
        self._parameters: list[Value] = []
        self._instructions: list[Instruction] = []
        self._donated: set[int] = set()
        self.functions: dict[str, Function] = parent.functions if parent else {}
        self.callbacks: list[Callable[..., Any]] = parent.callbacks if parent else []

    def parameter(self, shape: Ints, dtype: str | np.dtype | type, donated: bool = False) -> Value:
        """A new input; ``donated`` lets results take over its buffer."""
        value = Value(TensorType(as_ints(shape), element_name(dtype)))
        if donated:
            self._donated.add(len(self._parameters))
        self._parameters.append(value)
        return value

    def apply(
        self,
        op: str,
        operands: Sequence[Value],
        attributes: dict[str, Any] | None = None,
        regions: tuple[Computation, ...] = (),
        given: tuple[TensorType, ...] | None = None,
    ) -> tuple[Value, ...]:
        """Append ``op``; ``given`` states result types for operations that do not derive them."""
        row = op_def(op)
        attributes = attributes or {}
        site = Site(op, [x.type for x in operands], attributes, regions, given)
        if row.arity is not None and len(operands) != row.arity:
            site.fail(f"takes {row.arity} operands")
        results = tuple(map(Value, row.infer(site)))
        self._instructions.append(
            Instruction(op, tuple(operands), results, attributes, regions, self.location_text)
        )
        return results

    def append(self, instr: Instruction) -> None:
        """Add a finished instruction, whose operands are in scope."""
        self._instructions.append(instr)

    def take_instructions(self, location: str | None) -> list[Instruction]:
        """Remove and return what was built so far; what has no location gets ``location``."""
        taken, self._instructions = self._instructions, []
        return [i if i.location or not location else replace(i, location=location) for i in taken]

    def computation(self, *results: Value) -> Computation:
        """What was built so far, as a computation with these results."""
        return Computation(tuple(self._parameters), tuple(self._instructions), results)

    def region(self, body: Body, types: Sequence[TensorType] = ()) -> Computation:
        """``body(builder, *parameters)`` built as a region; it may read values of this builder."""
        inner = type(self)(self.name, parent=self)
        results = body(inner, *(inner.parameter(t.shape, t.dtype) for t in types))
        return inner.computation(*((results,) if isinstance(results, Value) else results))

    def define(self, name: str, types: Sequence[TensorType], body: Body) -> None:
        """Add a private function ``body(builder, *parameters) -> results``, for ``call``."""
        if name in self.functions or name == "main":
            raise VerifyError(f"function {name!r} is already defined; choose another name")
        inner = type(self)(name)
        inner.functions, inner.callbacks = self.functions, self.callbacks
        self.functions[name] = Function(name, inner.region(body, types))

    def has_function(self, name: str) -> bool:
        """Whether ``define`` was called with ``name``."""
        return name in self.functions

    def build(self, *results: Value) -> HloModule:
        """The module whose entry is what was built, with these results."""
        main = Function("main", self.computation(*results), frozenset(self._donated))
        return HloModule(self.name, (main, *self.functions.values()), tuple(self.callbacks))

    @contextlib.contextmanager
    def location(self, text: str | None) -> Iterator[None]:
        """Instructions built inside belong to this line of the user's program."""
        saved, self.location_text = self.location_text, text
        try:
            yield
        finally:
            self.location_text = saved
