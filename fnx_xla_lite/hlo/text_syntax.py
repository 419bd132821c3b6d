"""The syntaxes of single operations: the pretty form, the generic form, and those of their own.

Each ``read_*`` function stands behind the operation's name and fills in the ``Statement``.
"""

from __future__ import annotations

from collections.abc import Callable

from fnx_xla_lite.errors import ParseError
from fnx_xla_lite.hlo.ir import Computation, Instruction, TensorType, Value
from fnx_xla_lite.hlo.opset import OPS
from fnx_xla_lite.hlo.text_attributes import (
    parse_dictionary,
    parse_ints,
    parse_symbol,
    parse_type,
    skip_value,
)
from fnx_xla_lite.hlo.text_forms import FORMS
from fnx_xla_lite.hlo.text_numbers import parse_dense
from fnx_xla_lite.hlo.text_reader import Reader, Scope, Statement


def op_name(name: str) -> str:
    """The name without its dialect."""
    return name.rpartition(".")[2]


def read_pretty(reader: Reader, statement: Statement, scope: Scope) -> None:
    """``op %a, %b, keyword = value, ... : types``."""
    tokens = reader.tokens
    form = FORMS.get(statement.op)
    if form is None:
        tokens.fail("expected the generic form of this operation", statement.token)
    statement.operands = reader.operands(scope)
    spellings = {spelling: (key, is_list) for spelling, key, is_list in form.keywords}
    while tokens.peek.text in spellings:
        key, is_list = spellings[tokens.take().text]
        tokens.expect("=")
        statement.attributes[key] = parse_ints(tokens) if is_list else tokens.integer()
        tokens.accept(",")
    reader.state_types(statement)


def read_generic(reader: Reader, statement: Statement, scope: Scope) -> None:
    """``"op"(%a, %b) <{key = value}> ({region}, {region}) {attributes} : types``."""
    tokens = reader.tokens
    statement.operands = reader.operands(scope)
    if tokens.accept("<"):
        statement.attributes.update(parse_dictionary(tokens))
        tokens.expect(">")
    if tokens.accept("("):
        regions = []
        for _ in tokens.items(")"):
            regions.append(reader.block(dict(scope), ()))
        statement.regions = tuple(regions)
    reader.state_types(statement)


def read_constant(reader: Reader, statement: Statement, _: Scope) -> None:
    """``constant dense<...> : type``."""
    tokens = reader.tokens
    if tokens.peek.text == "{":
        parse_dictionary(tokens)
    literal = tokens.kind("dense")
    tokens.expect(":")
    type_ = parse_type(tokens)
    try:
        statement.attributes["value"] = parse_dense(literal, type_)
    except ParseError as error:
        raise ParseError(f"{tokens.place(statement.token)}: {error}") from None
    statement.results = (type_,)


def read_compare(reader: Reader, statement: Statement, scope: Scope) -> None:
    """``compare LT, %a, %b, FLOAT : types``."""
    tokens = reader.tokens
    statement.attributes["comparison_direction"] = tokens.kind("word")
    tokens.expect(",")
    statement.operands = reader.operands(scope)
    if tokens.peek.kind == "word":
        statement.attributes["compare_type"] = tokens.take().text
    reader.state_types(statement)


def read_slice(reader: Reader, statement: Statement, scope: Scope) -> None:
    """``slice %a [0:3, 1:9:2] : types``."""
    tokens = reader.tokens
    statement.operands = reader.operands(scope)
    tokens.expect("[")
    bounds: list[tuple[int, int, int]] = []
    for _ in tokens.items("]"):
        start = tokens.integer()
        tokens.expect(":")
        limit = tokens.integer()
        stride = tokens.integer() if tokens.accept(":") else 1
        bounds.append((start, limit, stride))
    keys = ("start_indices", "limit_indices", "strides")
    for position, key in enumerate(keys):
        statement.attributes[key] = tuple(bound[position] for bound in bounds)
    reader.state_types(statement)


def read_dot_general(reader: Reader, statement: Statement, scope: Scope) -> None:
    """``dot_general %a, %b, batching_dims = [0] x [0], contracting_dims = [2] x [1] : types``."""
    tokens, attributes = reader.tokens, statement.attributes
    statement.operands = reader.operands(scope)
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
            attributes["precision_config"] = _words(reader)
        else:  # algorithm = <...>
            tokens.expect("<")
            for _ in tokens.items(">"):
                skip_value(tokens)
        tokens.accept(",")
    reader.state_types(statement)


def _words(reader: Reader) -> tuple[str, ...]:
    tokens = reader.tokens
    tokens.expect("[")
    words = []
    for _ in tokens.items("]"):
        words.append(tokens.kind("word"))
    return tuple(words)


def read_reduce(reader: Reader, statement: Statement, scope: Scope) -> None:
    """``reduce(%x init: %i), ... [applies op] across dimensions = [0] : types [reducer...]``."""
    tokens = reader.tokens
    inputs, inits = [], []
    while tokens.accept("("):
        inputs.append(reader.value(scope))
        tokens.expect("init")
        tokens.expect(":")
        inits.append(reader.value(scope))
        tokens.expect(")")
        tokens.accept(",")
    statement.operands = (*inputs, *inits)
    applied = op_name(tokens.kind("word")) if tokens.accept("applies") else None
    tokens.expect("across")
    tokens.expect("dimensions")
    tokens.expect("=")
    statement.attributes["dimensions"] = parse_ints(tokens)
    reader.state_types(statement)
    region = (
        _applied(reader, statement, applied) if applied else _reducer(reader, len(inputs), scope)
    )
    statement.regions = (region,)


def _applied(reader: Reader, statement: Statement, op: str) -> Computation:
    if op not in OPS or OPS[op].arity != 2:
        reader.tokens.fail(f"{op} is not a binary operation that we have", statement.token)
    scalar = TensorType((), statement.operands[0].type.dtype)
    x, y, result = Value(scalar), Value(scalar), Value(scalar)
    return Computation((x, y), (Instruction(op, (x, y), (result,)),), (result,))


def _reducer(reader: Reader, count: int, scope: Scope) -> Computation:
    tokens = reader.tokens
    tokens.expect("reducer")
    inner = dict(scope)
    accumulators: list[Value] = []
    elements: list[Value] = []
    for _ in range(count):
        tokens.expect("(")
        for group in (accumulators, elements):
            label, value = reader.parameter()
            inner[label] = (value,)
            group.append(value)
            reader.locations.parse(tokens)
            tokens.accept(",")
        tokens.expect(")")
    return reader.block(inner, (*accumulators, *elements))


def read_while(reader: Reader, statement: Statement, scope: Scope) -> None:
    """``while(%iterArg = %a, ...) : types cond { ... } do { ... }``."""
    tokens = reader.tokens
    labels, inits = [], []
    tokens.expect("(")
    for _ in tokens.items(")"):
        labels.append(tokens.kind("value"))
        tokens.expect("=")
        inits.append(reader.value(scope))
    statement.operands = tuple(inits)
    if tokens.accept(":"):
        statement.types = reader.types()
    statement.results = tuple(x.type for x in inits)
    if tokens.accept("attributes"):
        parse_dictionary(tokens)
    regions = []
    for keyword in ("cond", "do"):
        tokens.expect(keyword)
        state = tuple(Value(x.type) for x in inits)
        inner = scope | {label: (x,) for label, x in zip(labels, state, strict=True)}
        regions.append(reader.block(inner, state))
    statement.regions = tuple(regions)


def read_call(reader: Reader, statement: Statement, scope: Scope) -> None:
    """``call @f(%a, %b) : types``."""
    statement.attributes["callee"] = parse_symbol(reader.tokens.kind("symbol"))
    statement.operands = reader.operands(scope)
    reader.state_types(statement)


SYNTAX: dict[str, Callable[[Reader, Statement, Scope], None]] = {
    "call": read_call,
    "compare": read_compare,
    "constant": read_constant,
    "dot_general": read_dot_general,
    "reduce": read_reduce,
    "slice": read_slice,
    "while": read_while,
}
