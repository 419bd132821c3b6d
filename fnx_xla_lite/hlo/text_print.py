"""Print a module as StableHLO's MLIR text, in the form in which JAX prints it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from fnx_xla_lite.hlo.dtypes import from_numpy
from fnx_xla_lite.hlo.ir import Computation, Function, HloModule, Instruction, TensorType, Value
from fnx_xla_lite.hlo.opset import OPS
from fnx_xla_lite.hlo.text_forms import FORMS, STRUCT_FIELDS, Form
from fnx_xla_lite.hlo.text_names import Names
from fnx_xla_lite.hlo.text_numbers import format_dense

_WORD = re.compile(r"[A-Za-z_][\w$.]*\Z")
_LOCATION = re.compile(r"(?P<file>.*):(?P<line>\d+)(?: in (?P<function>.*))?\Z")


def to_text(module: HloModule, *, locations: bool = False) -> str:
    """``module`` as MLIR text that StableHLO's own parser reads (``fusion`` apart).

    Args:
        module: a valid module.
        locations: whether to add ``loc(...)`` with the user's line to each instruction.
    """
    functions = [_Printer(f, f is module.main, locations).lines() for f in module.functions]
    body = "\n".join(line for lines in functions for line in lines)
    return f"module {symbol(module.name)} {{\n{body}\n}}\n"


def symbol(name: str) -> str:
    """``@name``, quoted if it is no plain word."""
    return f"@{name}" if _WORD.match(name) else f"@{quoted(name)}"


def quoted(text: str) -> str:
    """A string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\0A")
    return f'"{escaped}"'


def _ints(values: Iterable[int]) -> str:
    return f"[{', '.join(map(str, values))}]"


def _commas(items: Iterable[Any]) -> str:
    return ", ".join(map(str, items))


def _types(values: Sequence[Value]) -> str:
    return _commas(value.type for value in values)


def _result_types(values: Sequence[Value]) -> str:
    return str(values[0].type) if len(values) == 1 else f"({_types(values)})"


def _function_type(instr: Instruction) -> str:
    return f"({_types(instr.operands)}) -> {_result_types(instr.results)}"


class _Printer:
    """Prints one function."""

    def __init__(self, function: Function, is_main: bool, locations: bool) -> None:
        self._function = function
        self._is_main = is_main
        self._locations = locations
        self._names = Names(function.body)

    def lines(self) -> list[str]:
        function, body = self._function, self._function.body
        parameters = []
        for i, parameter in enumerate(body.parameters):
            donated = " {jax.buffer_donor = true}" if i in function.donated else ""
            parameters.append(f"{self._names[parameter]}: {parameter.type}{donated}")
        results = f" -> {_result_types(body.results)}" if body.results else ""
        scope = "public" if self._is_main else "private"
        head = f"  func.func {scope} {symbol(function.name)}({', '.join(parameters)}){results} {{"
        return [head, *self._block(body, "    ", "return", "call"), "  }"]

    def _block(self, body: Computation, indent: str, end: str, call: str) -> list[str]:
        lines: list[str] = []
        for instr in body.instructions:
            definition = f"{self._names.definition(instr)} = " if instr.results else ""
            text = self._instruction(instr, indent, call)
            lines.append(f"{indent}{definition}{text}{self._location(instr)}")
        values = f" {self._operands(body.results)} : {_types(body.results)}" if body.results else ""
        lines.append(f"{indent}{end}{values}")
        return lines

    def _instruction(self, instr: Instruction, indent: str, call: str) -> str:
        if instr.op == "call":
            callee = symbol(instr.attributes["callee"])
            return f"{call} {callee}({self._operands(instr.operands)}) : {_function_type(instr)}"
        special = _SPECIAL.get(instr.op)
        if special is not None:
            return special(self, instr, indent)
        form = FORMS.get(instr.op)
        return self._pretty(instr, form) if form is not None else self._generic(instr, indent)

    def _pretty(self, instr: Instruction, form: Form) -> str:
        parts = [self._names[x] for x in instr.operands]
        for spelling, key, is_list in form.keywords:
            value = instr.attributes[key]
            parts.append(f"{spelling} = {_ints(value) if is_list else value}")
        return f"{_name(instr)} {', '.join(parts)} : {_styled_types(instr, form)}"

    def _generic(self, instr: Instruction, indent: str) -> str:
        attributes = _generic_attributes(instr)
        properties = f" <{{{attributes}}}>" if attributes else ""
        regions = ", ".join(self._region(region, indent) for region in instr.regions)
        regions = f" ({regions})" if regions else ""
        operands = self._operands(instr.operands)
        return f'"{_name(instr)}"({operands}){properties}{regions} : {_function_type(instr)}'

    def _region(self, region: Computation, indent: str) -> str:
        lines = ["{"]
        if region.parameters:
            parameters = ", ".join(f"{self._names[p]}: {p.type}" for p in region.parameters)
            lines.append(f"{indent}^bb0({parameters}):")
        return "\n".join([*lines, *self._inner(region, indent), f"{indent}}}"])

    def _inner(self, region: Computation, indent: str) -> list[str]:
        return self._block(region, indent + "  ", "stablehlo.return", "func.call")

    def _operands(self, values: Sequence[Value]) -> str:
        return ", ".join(self._names[value] for value in values)

    def _location(self, instr: Instruction) -> str:
        if not self._locations or instr.location is None:
            return ""
        match = _LOCATION.match(instr.location)
        if match is None:
            return f" loc({quoted(instr.location)})"
        place = f"{quoted(match['file'])}:{match['line']}:0"
        function = match["function"]
        return f" loc({quoted(function)}({place}))" if function else f" loc({place})"

    # Operations with a syntax of their own

    def custom_call(self, instr: Instruction, _: str) -> str:
        attrs = instr.attributes
        pairs = ["api_version = 4 : i32", f"backend_config = {{handle = {attrs['handle']} : i64}}"]
        pairs += ["has_side_effect = true"] if attrs.get("has_side_effect") else []
        head = f"stablehlo.custom_call {symbol(attrs['call_target_name'])}"
        operands = self._operands(instr.operands)
        return f"{head}({operands}) {{{', '.join(pairs)}}} : {_function_type(instr)}"

    def constant(self, instr: Instruction, _: str) -> str:
        type_ = instr.result.type
        return (
            f"stablehlo.constant {format_dense(instr.attributes['value'], type_.dtype)} : {type_}"
        )

    def compare(self, instr: Instruction, _: str) -> str:
        kind = instr.attributes.get("compare_type")
        suffix = f", {kind}" if kind else ""
        direction, operands = (
            instr.attributes["comparison_direction"],
            self._operands(instr.operands),
        )
        return f"stablehlo.compare {direction}, {operands}{suffix} : {_function_type(instr)}"

    def slice_(self, instr: Instruction, _: str) -> str:
        attrs = instr.attributes
        bounds = zip(attrs["start_indices"], attrs["limit_indices"], attrs["strides"], strict=True)
        axes = [f"{a}:{b}" if step == 1 else f"{a}:{b}:{step}" for a, b, step in bounds]
        operand = self._operands(instr.operands)
        return f"stablehlo.slice {operand} [{', '.join(axes)}] : {_function_type(instr)}"

    def dot_general(self, instr: Instruction, _: str) -> str:
        attrs = instr.attributes
        parts = [self._operands(instr.operands)]
        for kind in ("batching", "contracting"):
            lhs, rhs = attrs[f"lhs_{kind}_dimensions"], attrs[f"rhs_{kind}_dimensions"]
            if lhs or kind == "contracting":
                parts.append(f"{kind}_dims = {_ints(lhs)} x {_ints(rhs)}")
        precision = attrs.get("precision_config")
        if precision:
            parts.append(f"precision = [{', '.join(precision)}]")
        return f"stablehlo.dot_general {', '.join(parts)} : {_function_type(instr)}"

    def reduce(self, instr: Instruction, indent: str) -> str:
        count = len(instr.operands) // 2
        names = [self._names[x] for x in instr.operands]
        pairs = [
            f"({x} init: {init})" for x, init in zip(names[:count], names[count:], strict=True)
        ]
        axes = f"across dimensions = {_ints(instr.attributes['dimensions'])}"
        compact = _compact_body(instr.regions[0])
        applies = f"applies stablehlo.{compact} " if compact else ""
        head = f"stablehlo.reduce{', '.join(pairs)} {applies}{axes} : {_function_type(instr)}"
        if compact:
            return head
        body = instr.regions[0]
        typed = [f"{self._names[p]}: {p.type}" for p in body.parameters]
        both = zip(typed[:count], typed[count:], strict=True)
        parameters = " ".join(f"({x}, {y})" for x, y in both)
        lines = [
            head,
            f"{indent} reducer{parameters}  {{",
            *self._inner(body, indent),
            f"{indent}}}",
        ]
        return "\n".join(lines)

    def while_(self, instr: Instruction, indent: str) -> str:
        condition, body = instr.regions
        state = [
            f"{self._names[p]} = {self._names[x]}"
            for p, x in zip(condition.parameters, instr.operands, strict=True)
        ]
        types = f" : {_types(instr.operands)}" if state else ""
        lines = [f"stablehlo.while({', '.join(state)}){types}", f"{indent}cond {{"]
        lines += [*self._inner(condition, indent), f"{indent}}} do {{"]
        lines += [*self._inner(body, indent), f"{indent}}}"]
        return "\n".join(lines)


_SPECIAL: dict[str, Callable[[_Printer, Instruction, str], str]] = {
    "compare": _Printer.compare,
    "constant": _Printer.constant,
    "custom_call": _Printer.custom_call,
    "dot_general": _Printer.dot_general,
    "reduce": _Printer.reduce,
    "slice": _Printer.slice_,
    "while": _Printer.while_,
}


def _name(instr: Instruction) -> str:
    return f"{OPS[instr.op].dialect}.{instr.op}"


def _styled_types(instr: Instruction, form: Form) -> str:
    types = [x.type for x in instr.operands]
    if form.types == "arrow":
        return f"{_commas(types)} -> {_result_types(instr.results)}"
    if form.types == "list":
        return _commas(types)
    if form.types == "select" and types[0].shape in ((), types[1].shape):
        return f"{types[0]}, {instr.result.type}"
    everything: list[TensorType] = [*types, *(x.type for x in instr.results)]
    if form.types == "same" and all(t == everything[0] for t in everything):
        return str(everything[0])
    return _function_type(instr)


def _compact_body(body: Computation) -> str | None:
    """The op of ``applies``: one commutative op on the two parameters, in order."""
    if len(body.instructions) != 1 or len(body.parameters) != 2:
        return None
    (instr,) = body.instructions
    row = OPS[instr.op]
    is_plain = row.commutative and row.dialect == "stablehlo"
    fits = instr.operands == body.parameters and instr.results == body.results
    return instr.op if is_plain and fits else None


def _generic_attributes(instr: Instruction) -> str:
    """``key = value`` pairs of the generic form, sorted as MLIR sorts them."""
    attributes = {key: value for key, value in instr.attributes.items() if value is not None}
    pairs: dict[str, str] = {}
    if instr.op in STRUCT_FIELDS:
        key, fields = STRUCT_FIELDS[instr.op]
        present = [(field, attributes.pop(field, None)) for field in fields]
        inner = [
            f"{field} = {value if isinstance(value, int) else _ints(value)}"
            for field, value in present
            if value is not None and value != () and (value != 0 or isinstance(value, tuple))
        ]
        pairs[key] = f"#stablehlo.{instr.op}<{', '.join(inner)}>"
    pairs.update((key, _attribute(value)) for key, value in attributes.items())
    return ", ".join(f"{key} = {pairs[key]}" for key in sorted(pairs))


def _attribute(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value} : i64"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, np.ndarray):
        return _dense_attribute(value)
    if all(isinstance(item, int) for item in value):
        return f"array<i64: {_commas(value)}>" if value else "array<i64>"
    if all(isinstance(item, tuple) for item in value):
        return _dense_attribute(np.array(value, np.int64).reshape(len(value), -1))
    return f"[{', '.join(map(_attribute, value))}]"


def _dense_attribute(value: np.ndarray) -> str:
    type_ = TensorType(value.shape, from_numpy(value.dtype))
    return f"{format_dense(value, type_.dtype)} : {type_}"
