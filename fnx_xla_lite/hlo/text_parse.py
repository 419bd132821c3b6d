"""Parse StableHLO's MLIR text, as JAX prints it, into a module.

Input: text with static shapes and the operations of the op table, pretty or generic. Output: a
module in which every result type has been checked against its operation's shape rule. Attributes
for other tools (shardings, result names) are dropped.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from fnx_xla_lite.errors import UnsupportedOpError, VerifyError
from fnx_xla_lite.hlo.ir import Computation, Function, HloModule, Instruction, TensorType, Value
from fnx_xla_lite.hlo.opset import OPS, infer
from fnx_xla_lite.hlo.shapes import CALLBACK, Site
from fnx_xla_lite.hlo.text_attributes import (
    parse_attribute,
    parse_dictionary,
    parse_string,
    parse_symbol,
    parse_type,
    skip_value,
)
from fnx_xla_lite.hlo.text_canonical import canonical
from fnx_xla_lite.hlo.text_reader import Reader, Scope, Statement
from fnx_xla_lite.hlo.text_syntax import SYNTAX, op_name, read_generic, read_pretty

_RETURNS = ("return", "func.return", "stablehlo.return")
_DONATION = ("jax.buffer_donor", "tf.aliasing_output")
# custom_call targets that mean an operation of ours, or the identity.
_TARGETS = {f"mhlo.{name}": name for name, row in OPS.items() if row.dialect == "chlo"}
_IDENTITIES = (
    "Sharding",
    "SPMDFullToShardShape",
    "SPMDShardToFullShape",
    "annotate_device_placement",
)


def parse(text: str) -> HloModule:
    """The module that ``text`` spells.

    Args:
        text: MLIR, as ``jax.jit(f).lower(x).as_text()`` or ``to_text`` print it.

    Raises:
        ParseError: not in the syntax that we read; the message names line and column.
        UnsupportedOpError: an operation or element type that we do not have.
        VerifyError: types that contradict the operations.
    """
    return _Parser(text).module()


class _Parser:
    """Recursive descent over one text."""

    def __init__(self, text: str) -> None:
        self._reader = Reader(text, self._block)

    # Modules and functions

    def module(self) -> HloModule:
        tokens, name = self._reader.tokens, "module"
        self._skip_aliases()
        if tokens.accept("module"):
            if tokens.peek.kind == "symbol":
                name = parse_symbol(tokens.take().text)
            if tokens.accept("attributes"):
                parse_dictionary(tokens)
            tokens.expect("{")
            functions = self._functions("}")
            tokens.expect("}")
            self._reader.locations.parse(tokens)
        else:
            functions = self._functions("")
        self._skip_aliases()
        if tokens.peek.kind != "end":
            tokens.fail("expected the end of the text")
        return HloModule(name, functions)

    def _functions(self, end: str) -> tuple[Function, ...]:
        tokens = self._reader.tokens
        functions: list[Function] = []
        entry = None
        while tokens.peek.text != end and tokens.peek.kind != "hash":
            if tokens.accept("func.func"):
                public = tokens.accept("public")
                functions.append(self._function())
                if public and (entry is None or functions[-1].name == "main"):
                    entry = functions[-1]
            elif tokens.peek.text.startswith("sdy."):
                self._skip_mesh()
            else:
                tokens.fail("expected func.func")
        if not functions:
            tokens.fail("expected at least one function")
        entry = entry or next((f for f in functions if f.name == "main"), functions[0])
        return (entry, *(f for f in functions if f is not entry))

    def _function(self) -> Function:
        tokens = self._reader.tokens
        tokens.accept("private")
        name = parse_symbol(tokens.kind("symbol"))
        scope: Scope = {}
        parameters: list[Value] = []
        donated: set[int] = set()
        tokens.expect("(")
        for _ in tokens.items(")"):
            label, value = self._reader.parameter()
            scope[label] = (value,)
            if tokens.peek.text == "{":
                attributes = parse_dictionary(tokens)
                if any(attributes.get(key, False) is not False for key in _DONATION):
                    donated.add(len(parameters))
            self._reader.locations.parse(tokens)
            parameters.append(value)
        types = self._function_results()
        if tokens.accept("attributes"):
            parse_dictionary(tokens)
        body = self._block(scope, tuple(parameters))
        self._reader.locations.parse(tokens)
        if tuple(value.type for value in body.results) != types:
            raise VerifyError(f"function {name}: returns other types than it declares")
        return Function(name, body, frozenset(donated))

    def _function_results(self) -> tuple[TensorType, ...]:
        tokens = self._reader.tokens
        if not tokens.accept("->"):
            return ()
        if not tokens.accept("("):
            return (parse_type(tokens),)
        types = []
        for _ in tokens.items(")"):
            types.append(parse_type(tokens))
            if tokens.peek.text == "{":
                parse_dictionary(tokens)
        return tuple(types)

    def _skip_aliases(self) -> None:
        tokens = self._reader.tokens
        while tokens.peek.kind == "hash":
            tokens.take()
            tokens.expect("=")
            if tokens.peek.text == "loc":
                self._reader.locations.parse(tokens)
            else:
                parse_attribute(tokens)

    def _skip_mesh(self) -> None:
        tokens = self._reader.tokens
        tokens.take()
        tokens.kind("symbol")
        tokens.expect("=")
        tokens.expect("<")
        for _ in tokens.items(">"):
            skip_value(tokens)

    # Blocks and statements

    def _block(self, scope: Scope, parameters: tuple[Value, ...]) -> Computation:
        """``{ statements return }``; ``scope`` becomes the block's own."""
        tokens = self._reader.tokens
        tokens.expect("{")
        if tokens.peek.kind == "block":
            parameters = self._block_header(scope)
        instructions: list[Instruction] = []
        while not self._at_return():
            instr = self._statement(scope)
            if instr is not None:
                instructions.append(instr)
        results = self._return(scope)
        tokens.expect("}")
        return Computation(parameters, tuple(instructions), results)

    def _block_header(self, scope: Scope) -> tuple[Value, ...]:
        tokens = self._reader.tokens
        tokens.take()
        parameters = []
        if tokens.accept("("):
            for _ in tokens.items(")"):
                label, value = self._reader.parameter()
                scope[label] = (value,)
                parameters.append(value)
                self._reader.locations.parse(tokens)
        tokens.expect(":")
        return tuple(parameters)

    def _at_return(self) -> bool:
        token = self._reader.tokens.peek
        if token.text == "}" or token.kind == "end":
            self._reader.tokens.fail("expected an operation or return")
        return token.text.strip('"') in _RETURNS

    def _return(self, scope: Scope) -> tuple[Value, ...]:
        tokens = self._reader.tokens
        tokens.take()
        results = self._reader.operands(scope)
        if tokens.accept(":"):
            stated, _ = self._reader.signature()
            if stated != [value.type for value in results]:
                tokens.fail("returned values have other types, before")
        self._reader.locations.parse(tokens)
        return results

    def _statement(self, scope: Scope) -> Instruction | None:
        tokens = self._reader.tokens
        labels = self._labels()
        token = tokens.take()
        if token.kind not in ("word", "string"):
            tokens.fail("expected an operation", token)
        generic = token.kind == "string"
        name = parse_string(token.text) if generic else token.text
        statement = Statement(op_name(name), token)
        if statement.op == "custom_call" and not generic:
            self._custom_call(statement, scope)
        else:
            self._require_op(statement, name)
            read = read_generic if generic else SYNTAX.get(statement.op, read_pretty)
            read(self._reader, statement, scope)
        location = self._reader.locations.parse(tokens)
        return self._finish(statement, labels, scope, location)

    def _labels(self) -> list[tuple[str, int]]:
        """The left side: names with their numbers of results."""
        tokens = self._reader.tokens
        labels = []
        while tokens.peek.kind == "value":
            label = tokens.take().text
            count = tokens.integer() if tokens.accept(":") else 1
            labels.append((label, count))
            tokens.accept(",")
        if labels:
            tokens.expect("=")
        return labels

    def _require_op(self, statement: Statement, name: str) -> None:
        if statement.op not in OPS:
            place = self._reader.tokens.place(statement.token)
            raise UnsupportedOpError(
                f"{place}: operation {name} is not one that this compiler has; "
                f"near it: {', '.join(difflib.get_close_matches(statement.op, OPS)) or 'none'}"
            )

    def _finish(
        self,
        statement: Statement,
        labels: list[tuple[str, int]],
        scope: Scope,
        location: str | None,
    ) -> Instruction | None:
        tokens, token = self._reader.tokens, statement.token
        operand_types = [x.type for x in statement.operands]
        if statement.types is not None and list(statement.types) != operand_types:
            tokens.fail("written operand types differ from the operands' types", token)
        if sum(count for _, count in labels) != len(statement.results):
            tokens.fail("number of results differs from the number of result types", token)
        if statement.op == "identity":
            self._bind(labels, statement.operands, scope)
            return None
        attributes = canonical(statement.op, statement.attributes, statement.operands)
        row = OPS[statement.op]
        missing = [key for key in row.attributes if key not in attributes]
        if missing or (row.arity is not None and len(operand_types) != row.arity):
            tokens.fail(f"wrong number of operands, or attributes {missing} missing", token)
        site = Site(statement.op, operand_types, attributes, statement.regions, statement.results)
        try:
            inferred = infer(site)
        except VerifyError as error:
            raise VerifyError(f"{tokens.place(token)}: {error}") from None
        if inferred != statement.results:
            raise VerifyError(
                f"{tokens.place(token)}: {statement.op}: result types must be "
                f"{', '.join(map(str, inferred))}; got {', '.join(map(str, statement.results))}"
            )
        results = tuple(map(Value, statement.results))
        self._bind(labels, results, scope)
        return Instruction(
            statement.op, statement.operands, results, attributes, statement.regions, location
        )

    @staticmethod
    def _bind(labels: list[tuple[str, int]], values: Sequence[Value], scope: Scope) -> None:
        start = 0
        for label, count in labels:
            scope[label] = tuple(values[start : start + count])
            start += count

    def _custom_call(self, statement: Statement, scope: Scope) -> None:
        """``custom_call @target(%a) {...} : types``, for the targets that mean something to us."""
        target = parse_symbol(self._reader.tokens.kind("symbol"))
        if target == CALLBACK:
            statement.attributes["call_target_name"] = target
            statement.operands = self._reader.operands(scope)
            self._reader.state_types(statement)
            return
        if target not in _TARGETS and target not in _IDENTITIES:
            place = self._reader.tokens.place(statement.token)
            raise UnsupportedOpError(f"{place}: custom_call @{target} is not supported")
        statement.op = _TARGETS.get(target, "identity")
        statement.operands = self._reader.operands(scope)
        self._reader.state_types(statement)
