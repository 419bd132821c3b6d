"""SSA names as MLIR's printer gives them: ``%0``, ``%1:2``, ``%arg0``, ``%cst_3``, ``%iterArg``.

Within a function numbers run through its own instructions first; each nested region goes on from
there, and sibling regions use the same numbers. Constants are called ``c`` or ``cst``, loop state
``iterArg``; a repeated name takes the next suffix.
"""

from __future__ import annotations

from fnx_xla_lite.hlo.dtypes import is_float
from fnx_xla_lite.hlo.ir import Computation, Instruction, Value


class Names:
    """The names of every value of one function."""

    def __init__(self, body: Computation) -> None:
        self._names: dict[Value, str] = {}
        self._name_region(body, None, _Counters())

    def __getitem__(self, value: Value) -> str:
        return self._names[value]

    def definition(self, instr: Instruction) -> str:
        """The left side of an instruction: ``%3`` or, for several results, ``%3:2``."""
        if len(instr.results) == 1:
            return self._names[instr.results[0]]
        return f"{self._names[instr.results[0]].partition('#')[0]}:{len(instr.results)}"

    def _name_region(
        self, body: Computation, parent: Instruction | None, counters: _Counters
    ) -> None:
        for parameter in body.parameters:
            is_state = parent is not None and parent.op == "while"
            self._names[parameter] = counters.unique("iterArg") if is_state else counters.argument()
        for instr in body.instructions:
            self._name_results(instr, counters)
        for instr in body.instructions:
            for region in instr.regions:
                self._name_region(region, instr, counters.fork())

    def _name_results(self, instr: Instruction, counters: _Counters) -> None:
        if not instr.results:
            return
        if instr.op == "constant":
            (result,) = instr.results
            self._names[result] = counters.unique("cst" if is_float(result.type.dtype) else "c")
            return
        number = counters.number()
        if len(instr.results) == 1:
            self._names[instr.results[0]] = number
            return
        for i, result in enumerate(instr.results):
            self._names[result] = f"{number}#{i}"


class _Counters:
    """Where numbering stands; a region starts from a fork of its parent's final counters."""

    def __init__(self) -> None:
        self._numbers = 0
        self._arguments = 0
        self._conflicts = 0
        self._used: set[str] = set()

    def fork(self) -> _Counters:
        child = _Counters()
        child._numbers, child._arguments = self._numbers, self._arguments
        child._conflicts, child._used = self._conflicts, set(self._used)
        return child

    def number(self) -> str:
        self._numbers += 1
        return f"%{self._numbers - 1}"

    def argument(self) -> str:
        self._arguments += 1
        return f"%arg{self._arguments - 1}"

    def unique(self, name: str) -> str:
        candidate = name
        while candidate in self._used:
            candidate = f"{name}_{self._conflicts}"
            self._conflicts += 1
        self._used.add(candidate)
        return f"%{candidate}"
