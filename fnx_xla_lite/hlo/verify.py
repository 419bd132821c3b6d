"""The invariants of HLO, and the function that checks them.

1. A module has at least one function; names differ; the first is the entry. Functions do not call
themselves in a circle. 2. A value is defined once in its function, and every use lies after its
definition, in its computation or a nested one. 3. Each operation is in the op table, with as many
operands and regions as that says and every attribute that it requires. 4. Result types are what the
operation's shape rule gives; element types are ours; 64 bits count an array's bytes. 5. A ``call``
names a function of the module whose parameter and result types are the call's. 6. A ``constant``'s
value has its result's type and cannot be written to. 7. Donated positions are parameters. Regions
of reductions and scatters read nothing from outside. 8. A module that has callbacks has every one
that it names.
"""

from __future__ import annotations

import math
from typing import NoReturn

from fnx_xla_lite.errors import VerifyError
from fnx_xla_lite.hlo.callbacks import check_bound
from fnx_xla_lite.hlo.dtypes import ELEMENT_TYPES, itemsize, to_numpy
from fnx_xla_lite.hlo.ir import Computation, Function, HloModule, Instruction, Value
from fnx_xla_lite.hlo.opset import OPS, infer
from fnx_xla_lite.hlo.regions import free_values, walk
from fnx_xla_lite.hlo.shapes import Site

MOST_BYTES = 2**63 - 1  # indices and sizes are signed words
_CLOSED = ("reduce", "reduce_window", "scatter")


def verify(module: HloModule) -> HloModule:
    """Check every invariant; returns the module.

    Raises:
        VerifyError: says which invariant is broken, where.
    """
    if not module.functions:
        raise VerifyError(f"{module.name}: a module needs at least one function")
    names = [function.name for function in module.functions]
    if len(set(names)) != len(names):
        raise VerifyError(f"{module.name}: function names must differ, got {', '.join(names)}")
    for function in module.functions:
        _Verifier(module, function).check()
    _check_calls_end(module)
    if module.callbacks:
        check_bound(module)
    return module


def extent_in_bytes(value: Value) -> int:
    """The bytes that the strides of an array span: axes without elements count as one."""
    return math.prod(max(n, 1) for n in value.type.shape) * itemsize(value.type.dtype)


def _check_calls_end(module: HloModule) -> None:
    """No function reaches itself through calls."""
    callees = {
        f.name: {i.attributes["callee"] for i in walk(f.body) if i.op == "call"}
        for f in module.functions
    }
    finished: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise VerifyError(f"functions must not call themselves: {' -> '.join([*above, name])}")
        if name not in finished:
            for callee in callees[name]:
                visit(callee, (*above, name))
            finished.add(name)

    for name in callees:
        visit(name, ())


class _Verifier:
    """Checks one function."""

    def __init__(self, module: HloModule, function: Function) -> None:
        self._functions = {f.name: f for f in module.functions}
        self._function = function
        self._defined: set[Value] = set()

    def check(self) -> None:
        body = self._function.body
        outside = [i for i in self._function.donated if not 0 <= i < len(body.parameters)]
        if outside:
            raise VerifyError(
                f"{self._function.name}: donated positions {outside} are not parameters"
            )
        self._computation(body, set())

    def _computation(self, body: Computation, outer: set[Value]) -> None:
        scope = set(outer)
        for parameter in body.parameters:
            self._define(parameter, scope, "parameter")
        for instr in body.instructions:
            self._instruction(instr, scope)
            place = f" at {instr.location}" if instr.location else ""
            for result in instr.results:
                self._define(result, scope, instr.op + place)
        for value in body.results:
            if value not in scope:
                raise VerifyError(
                    f"{self._function.name}: a result of type {value.type} is not defined"
                )

    def _define(self, value: Value, scope: set[Value], by: str) -> None:
        if value in self._defined:
            raise VerifyError(
                f"{self._function.name}: {by}: a value is defined twice ({value.type})"
            )
        if value.type.dtype not in ELEMENT_TYPES or min(value.type.shape, default=0) < 0:
            raise VerifyError(
                f"{self._function.name}: {by}: {value.type} is not a type that we have"
            )
        if extent_in_bytes(value) > MOST_BYTES:
            raise VerifyError(
                f"{self._function.name}: {by}: {value.type} has more bytes than 64 bits can count"
            )
        self._defined.add(value)
        scope.add(value)

    def _fail(self, instr: Instruction, message: str) -> NoReturn:
        place = f" at {instr.location}" if instr.location else ""
        raise VerifyError(f"{self._function.name}: {instr.op}{place}: {message}")

    def _instruction(self, instr: Instruction, scope: set[Value]) -> None:
        row = OPS.get(instr.op)
        if row is None:
            self._fail(instr, "is not in the op table")
        if row.arity is not None and len(instr.operands) != row.arity:
            self._fail(instr, f"takes {row.arity} operands, has {len(instr.operands)}")
        if row.regions is not None and len(instr.regions) != row.regions:
            self._fail(instr, f"takes {row.regions} regions, has {len(instr.regions)}")
        missing = [key for key in row.attributes if key not in instr.attributes]
        if missing:
            self._fail(instr, f"lacks attributes {', '.join(missing)}")
        for operand in instr.operands:
            if operand not in scope:
                self._fail(instr, f"an operand of type {operand.type} is not defined here")
        for region in instr.regions:
            self._region(instr, region, scope)
        self._types(instr)

    def _region(self, instr: Instruction, region: Computation, scope: set[Value]) -> None:
        if instr.op in _CLOSED and free_values(region):
            self._fail(instr, "its region must not read values from outside")
        self._computation(region, scope)

    def _types(self, instr: Instruction) -> None:
        given = tuple(x.type for x in instr.results)
        operands = [x.type for x in instr.operands]
        site = Site(instr.op, operands, instr.attributes, instr.regions, given)
        try:
            expected = infer(site)
        except VerifyError as error:
            self._fail(instr, str(error))
        if expected != given:
            wanted, got = (", ".join(map(str, types)) for types in (expected, given))
            self._fail(instr, f"results must be {wanted}, are {got}")
        if instr.op == "call":
            self._call(instr)
        if instr.op == "constant":
            self._constant(instr)

    def _call(self, instr: Instruction) -> None:
        callee = self._functions.get(instr.attributes["callee"])
        if callee is None:
            self._fail(instr, f"function {instr.attributes['callee']!r} is not in the module")
        parameters = [x.type for x in callee.body.parameters]
        results = [x.type for x in callee.body.results]
        if parameters != [x.type for x in instr.operands] or results != [
            x.type for x in instr.results
        ]:
            self._fail(instr, f"types differ from those of function {callee.name!r}")

    def _constant(self, instr: Instruction) -> None:
        value, type_ = instr.attributes["value"], instr.result.type
        if value.shape != type_.shape or value.dtype != to_numpy(type_.dtype):
            self._fail(instr, f"the value is {value.dtype}{list(value.shape)}, the type {type_}")
        if value.flags.writeable:
            self._fail(instr, "the value must be read-only")
