"""Parse StableHLO's MLIR text, as JAX prints it, into a module.

Input: text with static shapes and the operations of the op table, pretty or generic. Output: a module in which every result
type has been checked against its operation's shape rule. Attributes for other tools (shardings, result names) are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fnx_xla_lite.errors import ParseError, UnsupportedOpError, VerifyError
from fnx_xla_lite.hlo.ir import Computation, Function, HloModule, Instruction, TensorType, Value
from fnx_xla_lite.hlo.opset import OPS
from fnx_xla_lite.hlo.shapes import Site
from fnx_xla_lite.hlo.text_attributes import (
    Locations,
    as_plain,
    parse_attribute,
    parse_dictionary,
    parse_ints,
    parse_string,
    parse_symbol,
    parse_type,
    skip_value,
)
from fnx_xla_lite.hlo.text_forms import FORMS
from fnx_xla_lite.hlo.text_lex import Token, Tokens
from fnx_xla_lite.hlo.text_numbers import parse_dense

Scope = dict[str, tuple[Value, ...]]
_RETURNS = ("return", "func.return", "stablehlo.return")
_DONATION = ("jax.buffer_donor", "tf.aliasing_output")
# custom_call targets that mean an operation of ours, or the identity.
_TARGETS = {f"mhlo.{name}": name for name, row in OPS.items() if row.dialect == "chlo"}
_IDENTITIES = ("Sharding", "SPMDFullToShardShape", "SPMDShardToFullShape", "annotate_device_placement")


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


class _Statement:
    """One operation while it is read: what the op-specific syntaxes fill in."""

    def __init__(self, op: str, token: Token) -> None:
        self.op = op
        self.token = token
        self.operands: tuple[Value, ...] = ()
        self.attributes: dict[str, Any] = {}
        self.regions: tuple[Computation, ...] = ()
        self.types: Sequence[TensorType] | None = None  # operand types, where they are written
        self.results: tuple[TensorType, ...] = ()


class _Parser:
    """Recursive descent over one text."""

    def __init__(self, text: str) -> None:
        self._locations = Locations(text)
        self._tokens = Tokens(text)

    # Modules and functions

    def module(self) -> HloModule:
        tokens, name = self._tokens, "module"
        self._skip_aliases()
        if tokens.accept("module"):
            if tokens.peek.kind == "symbol":
                name = parse_symbol(tokens.take().text)
            if tokens.accept("attributes"):
                parse_dictionary(tokens)
            tokens.expect("{")
            functions = self._functions("}")
            tokens.expect("}")
            self._locations.parse(tokens)
        else:
            functions = self._functions("")
        self._skip_aliases()
        if tokens.peek.kind != "end":
            tokens.fail("expected the end of the text")
        return HloModule(name, functions)

    def _functions(self, end: str) -> tuple[Function, ...]:
        tokens = self._tokens
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
        tokens = self._tokens
        tokens.accept("private")
        name = parse_symbol(tokens.kind("symbol"))
        scope: Scope = {}
        parameters: list[Value] = []
        donated: set[int] = set()
        tokens.expect("(")
        while not tokens.accept(")"):
            label, value = self._parameter()
            scope[label] = (value,)
            if tokens.peek.text == "{":
                attributes = parse_dictionary(tokens)
                if any(attributes.get(key, False) is not False for key in _DONATION):
                    donated.add(len(parameters))
            self._locations.parse(tokens)
            parameters.append(value)
            tokens.accept(",")
        types = self._function_results()
        if tokens.accept("attributes"):
            parse_dictionary(tokens)
        body = self._block(scope, tuple(parameters))
        self._locations.parse(tokens)
        if tuple(value.type for value in body.results) != types:
            raise VerifyError(f"function {name}: returns other types than it declares")
        return Function(name, body, frozenset(donated))

    def _parameter(self) -> tuple[str, Value]:
        label = self._tokens.kind("value")
        self._tokens.expect(":")
        return label, Value(parse_type(self._tokens))

    def _function_results(self) -> tuple[TensorType, ...]:
        tokens = self._tokens
        if not tokens.accept("->"):
            return ()
        if not tokens.accept("("):
            return (parse_type(tokens),)
        types = []
        while not tokens.accept(")"):
            types.append(parse_type(tokens))
            if tokens.peek.text == "{":
                parse_dictionary(tokens)
            tokens.accept(",")
        return tuple(types)

    def _skip_aliases(self) -> None:
        tokens = self._tokens
        while tokens.peek.kind == "hash":
            tokens.take()
            tokens.expect("=")
            if tokens.peek.text == "loc":
                self._locations.parse(tokens)
            else:
                parse_attribute(tokens)

    def _skip_mesh(self) -> None:
        tokens = self._tokens
        tokens.take()
        tokens.kind("symbol")
        tokens.expect("=")
        tokens.expect("<")
        while not tokens.accept(">"):
            skip_value(tokens)
            tokens.accept(",")

    # Blocks and statements

    def _block(self, scope: Scope, parameters: tuple[Value, ...]) -> Computation:
        """``{ statements return }``; ``scope`` becomes the block's own."""
        tokens = self._tokens
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
        tokens = self._tokens
        tokens.take()
        parameters = []
        if tokens.accept("("):
            while not tokens.accept(")"):
                label, value = self._parameter()
                scope[label] = (value,)
                parameters.append(value)
                self._locations.parse(tokens)
                tokens.accept(",")
        tokens.expect(":")
        return tuple(parameters)

    def _at_return(self) -> bool:
        token = self._tokens.peek
        if token.text == "}" or token.kind == "end":
            self._tokens.fail("expected an operation or return")
        return token.text.strip('"') in _RETURNS

    def _return(self, scope: Scope) -> tuple[Value, ...]:
        tokens = self._tokens
        tokens.take()
        results = self._operands(scope)
        if tokens.accept(":"):
            stated, arrow_types = self._signature()
            declared = arrow_types and stated or (stated if arrow_types is None else ())
            if declared and tuple(declared) != tuple(value.type for value in results):
                tokens.fail("returned values have other types, before")
        self._locations.parse(tokens)
        return results

    def _operands(self, scope: Scope) -> tuple[Value, ...]:
        """``%a, %b``, perhaps in parentheses."""
        tokens = self._tokens
        closed = tokens.accept("(")
        values = []
        while tokens.peek.kind == "value":
            values.append(self._value(scope))
            if not tokens.accept(","):
                break
        if closed:
            tokens.expect(")")
        return tuple(values)

    def _value(self, scope: Scope) -> Value:
        token = self._tokens.take()
        label, _, position = token.text.partition("#")
        values = scope.get(label)
        index = int(position or 0)
        if values is None or index >= len(values):
            self._tokens.fail("value is not defined here", token)
        return values[index]

    def _statement(self, scope: Scope) -> Instruction | None:
        tokens = self._tokens
        labels = self._labels()
        token = tokens.take()
        if token.kind not in ("word", "string"):
            tokens.fail("expected an operation", token)
        generic = token.kind == "string"
        name = parse_string(token.text) if generic else token.text
        statement = _Statement(_op_name(name), token)
        if statement.op == "custom_call" and not generic:
            self._custom_call(statement, scope)
        else:
            self._require_op(statement, name)
            read = _Parser.generic if generic else _SYNTAX.get(statement.op, _Parser.pretty)
            read(self, statement, scope)
        location = self._locations.parse(tokens)
        return self._finish(statement, labels, scope, location)

    def _labels(self) -> list[tuple[str, int]]:
        """The left side: names with their numbers of results."""
        tokens = self._tokens
        labels = []
        while tokens.peek.kind == "value":
            label = tokens.take().text
            count = int(tokens.kind("number")) if tokens.accept(":") else 1
            labels.append((label, count))
            tokens.accept(",")
        if labels:
            tokens.expect("=")
        return labels

    def _require_op(self, statement: _Statement, name: str) -> None:
        if statement.op not in OPS:
            place = self._tokens.place(statement.token)
            raise UnsupportedOpError(f"{place}: operation {name} is not supported (see hlo/opset.py)")

    def _finish(
        self, statement: _Statement, labels: list[tuple[str, int]], scope: Scope, location: str | None
    ) -> Instruction | None:
        tokens, token = self._tokens, statement.token
        operand_types = [x.type for x in statement.operands]
        if statement.types is not None and list(statement.types) != operand_types:
            tokens.fail("written operand types differ from the operands' types", token)
        if sum(count for _, count in labels) != len(statement.results):
            tokens.fail("number of results differs from the number of result types", token)
        if statement.op == "identity":
            self._bind(labels, statement.operands, scope)
            return None
        attributes = _canonical(statement.op, statement.attributes, statement.operands)
        row = OPS[statement.op]
        missing = [key for key in row.attributes if key not in attributes]
        if missing or (row.arity is not None and len(operand_types) != row.arity):
            tokens.fail(f"wrong number of operands, or attributes {missing} missing", token)
        site = Site(statement.op, operand_types, attributes, statement.regions, statement.results)
        try:
            inferred = row.infer(site)
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

    # Types

    def _types(self) -> list[TensorType]:
        types = [parse_type(self._tokens)]
        while self._tokens.accept(","):
            types.append(parse_type(self._tokens))
        return types

    def _signature(self) -> tuple[list[TensorType], tuple[TensorType, ...] | None]:
        """``(a, b) -> c``, ``(a) -> (b, c)``, ``a -> b`` or a bare list of types."""
        tokens = self._tokens
        if tokens.accept("("):
            operands = [] if tokens.peek.text == ")" else self._types()
            tokens.expect(")")
        else:
            operands = self._types()
        if not tokens.accept("->"):
            return operands, None
        if not tokens.accept("("):
            return operands, (parse_type(tokens),)
        results = () if tokens.peek.text == ")" else tuple(self._types())
        tokens.expect(")")
        return operands, results

    def _state_types(self, statement: _Statement) -> None:
        """``: types`` at the end of a statement."""
        if self._tokens.peek.text == "{":
            statement.attributes.update(parse_dictionary(self._tokens))
        self._tokens.expect(":")
        types, results = self._signature()
        if results is not None:
            statement.types, statement.results = types, results
            return
        form = FORMS.get(statement.op)
        is_list = form is not None and form.types == "list"
        statement.results = tuple(types) if is_list else (types[-1],)

    # Syntaxes

    def pretty(self, statement: _Statement, scope: Scope) -> None:
        """``op %a, %b, keyword = value, ... : types``."""
        tokens = self._tokens
        form = FORMS.get(statement.op)
        if form is None:
            tokens.fail("expected the generic form of this operation", statement.token)
        statement.operands = self._operands(scope)
        spellings = {spelling: (key, is_list) for spelling, key, is_list in form.keywords}
        while tokens.peek.text in spellings:
            key, is_list = spellings[tokens.take().text]
            tokens.expect("=")
            statement.attributes[key] = (
                parse_ints(tokens) if is_list else int(tokens.kind("number"))
            )
            tokens.accept(",")
        self._state_types(statement)

    def generic(self, statement: _Statement, scope: Scope) -> None:
        """``"op"(%a, %b) <{key = value}> ({region}, {region}) {attributes} : types``."""
        tokens = self._tokens
        statement.operands = self._operands(scope)
        if tokens.accept("<"):
            statement.attributes.update(parse_dictionary(tokens))
            tokens.expect(">")
        if tokens.accept("("):
            regions = []
            while not tokens.accept(")"):
                regions.append(self._block(dict(scope), ()))
                tokens.accept(",")
            statement.regions = tuple(regions)
        self._state_types(statement)

    def constant(self, statement: _Statement, _: Scope) -> None:
        """``constant dense<...> : type``."""
        tokens = self._tokens
        if tokens.peek.text == "{":
            parse_dictionary(tokens)
        literal = tokens.kind("dense")
        tokens.expect(":")
        type_ = parse_type(tokens)
        try:
            statement.attributes["value"] = parse_dense(literal, type_)
        except (ParseError, ValueError, OverflowError) as error:
            raise ParseError(f"{tokens.place(statement.token)}: {error}") from None
        statement.results = (type_,)

    def compare(self, statement: _Statement, scope: Scope) -> None:
        """``compare LT, %a, %b, FLOAT : types``."""
        tokens = self._tokens
        statement.attributes["comparison_direction"] = tokens.kind("word")
        tokens.expect(",")
        statement.operands = self._operands(scope)
        if tokens.peek.kind == "word":
            statement.attributes["compare_type"] = tokens.take().text
        self._state_types(statement)

    def slice_(self, statement: _Statement, scope: Scope) -> None:
        """``slice %a [0:3, 1:9:2] : types``."""
        tokens = self._tokens
        statement.operands = self._operands(scope)
        tokens.expect("[")
        bounds: list[tuple[int, int, int]] = []
        while not tokens.accept("]"):
            start = int(tokens.kind("number"))
            tokens.expect(":")
            limit = int(tokens.kind("number"))
            stride = int(tokens.kind("number")) if tokens.accept(":") else 1
            bounds.append((start, limit, stride))
            tokens.accept(",")
        keys = ("start_indices", "limit_indices", "strides")
        for position, key in enumerate(keys):
            statement.attributes[key] = tuple(bound[position] for bound in bounds)
        self._state_types(statement)

    def dot_general(self, statement: _Statement, scope: Scope) -> None:
        """``dot_general %a, %b, batching_dims = [0] x [0], contracting_dims = [2] x [1], ... : types``."""
        tokens, attributes = self._tokens, statement.attributes
        statement.operands = self._operands(scope)
        for kind in ("batching", "contracting"):
            attributes[f"lhs_{kind}_dimensions"] = attributes[f"rhs_{kind}_dimensions"] = ()
        while tokens.peek.kind == "word":
            keyword = tokens.take().text
            tokens.expect("=")
            if keyword in ("batching_dims", "contracting_dims"):
                kind = keyword.removesuffix("_dims")
                attributes[f"lhs_{kind}_dimensions"] = parse_ints(tokens)
                tokens.expect("x")
                attributes[f"rhs_{kind}_dimensions"] = parse_ints(tokens)
            elif keyword == "precision":
                attributes["precision_config"] = self._words()
            else:  # algorithm = <...>
                tokens.expect("<")
                while not tokens.accept(">"):
                    tokens.take()
            tokens.accept(",")
        self._state_types(statement)

    def _words(self) -> tuple[str, ...]:
        tokens = self._tokens
        tokens.expect("[")
        words = []
        while not tokens.accept("]"):
            words.append(tokens.kind("word"))
            tokens.accept(",")
        return tuple(words)

    def reduce(self, statement: _Statement, scope: Scope) -> None:
        """``reduce(%x init: %i), ... [applies op] across dimensions = [0] : types [reducer(...) ... {...}]``."""
        tokens = self._tokens
        inputs, inits = [], []
        while tokens.accept("("):
            inputs.append(self._value(scope))
            tokens.expect("init")
            tokens.expect(":")
            inits.append(self._value(scope))
            tokens.expect(")")
            tokens.accept(",")
        statement.operands = (*inputs, *inits)
        applied = _op_name(tokens.kind("word")) if tokens.accept("applies") else None
        tokens.expect("across")
        tokens.expect("dimensions")
        tokens.expect("=")
        statement.attributes["dimensions"] = parse_ints(tokens)
        self._state_types(statement)
        region = self._applied(statement, applied) if applied else self._reducer(len(inputs), scope)
        statement.regions = (region,)

    def _applied(self, statement: _Statement, op: str) -> Computation:
        self._require_op(statement, op)
        scalar = TensorType((), statement.operands[0].type.dtype)
        x, y, result = Value(scalar), Value(scalar), Value(scalar)
        return Computation((x, y), (Instruction(op, (x, y), (result,)),), (result,))

    def _reducer(self, count: int, scope: Scope) -> Computation:
        tokens = self._tokens
        tokens.expect("reducer")
        inner = dict(scope)
        accumulators, elements = [], []
        for _ in range(count):
            tokens.expect("(")
            for group in (accumulators, elements):
                label, value = self._parameter()
                inner[label] = (value,)
                group.append(value)
                self._locations.parse(tokens)
                tokens.accept(",")
            tokens.expect(")")
        return self._block(inner, (*accumulators, *elements))

    def while_(self, statement: _Statement, scope: Scope) -> None:
        """``while(%iterArg = %a, ...) : types cond { ... } do { ... }``."""
        tokens = self._tokens
        labels, inits = [], []
        tokens.expect("(")
        while not tokens.accept(")"):
            labels.append(tokens.kind("value"))
            tokens.expect("=")
            inits.append(self._value(scope))
            tokens.accept(",")
        statement.operands = tuple(inits)
        if tokens.accept(":"):
            statement.types = self._types()
        statement.results = tuple(x.type for x in inits)
        if tokens.accept("attributes"):
            parse_dictionary(tokens)
        regions = []
        for keyword in ("cond", "do"):
            tokens.expect(keyword)
            state = tuple(Value(x.type) for x in inits)
            inner = scope | {label: (x,) for label, x in zip(labels, state, strict=True)}
            regions.append(self._block(inner, state))
        statement.regions = tuple(regions)

    def call(self, statement: _Statement, scope: Scope) -> None:
        """``call @f(%a, %b) : types``."""
        statement.attributes["callee"] = parse_symbol(self._tokens.kind("symbol"))
        statement.operands = self._operands(scope)
        self._state_types(statement)

    def _custom_call(self, statement: _Statement, scope: Scope) -> None:
        """``custom_call @target(%a) {...} : types`` of the targets that stand for something we have."""
        target = parse_symbol(self._tokens.kind("symbol"))
        if target not in _TARGETS and target not in _IDENTITIES:
            place = self._tokens.place(statement.token)
            raise UnsupportedOpError(f"{place}: custom_call @{target} is not supported")
        statement.op = _TARGETS.get(target, "identity")
        statement.operands = self._operands(scope)
        self._state_types(statement)


_SYNTAX: dict[str, Callable[[_Parser, _Statement, Scope], None]] = {
    "call": _Parser.call,
    "compare": _Parser.compare,
    "constant": _Parser.constant,
    "dot_general": _Parser.dot_general,
    "reduce": _Parser.reduce,
    "slice": _Parser.slice_,
    "while": _Parser.while_,
}


def _op_name(name: str) -> str:
    return name.rpartition(".")[2]


def _canonical(op: str, raw: dict[str, Any], operands: tuple[Value, ...]) -> dict[str, Any]:
    """Our attributes from MLIR's: structs opened, integer arrays as tuples, defaults filled in, the unknown dropped."""
    opened: dict[str, Any] = {}
    for key, value in raw.items():
        opened.update(value if isinstance(value, dict) else {key: value})
    if op == "fusion":
        return opened
    row = OPS[op]
    result = dict(row.optional)
    result.update(_defaults(op, operands))
    for key in (*row.attributes, *row.optional):
        if opened.get(key) is not None:
            value = opened[key]
            result[key] = value if key == "value" else as_plain(value)
    return result


def _defaults(op: str, operands: tuple[Value, ...]) -> dict[str, Any]:
    """What StableHLO lets a text leave out."""
    if op in ("gather", "scatter"):
        keys = [key for key in OPS[op].attributes if key not in ("slice_sizes", "index_vector_dim")]
        return dict.fromkeys(keys, ()) | {"index_vector_dim": 0}
    if op == "dot_general":
        return dict.fromkeys(OPS[op].attributes, ())
    if op == "reduce_window" and operands:
        rank = operands[0].type.rank
        ones = dict.fromkeys(("window_strides", "base_dilations", "window_dilations"), (1,) * rank)
        return ones | {"padding": ((0, 0),) * rank}
    return {}
