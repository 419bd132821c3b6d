"""What reading any operation needs: values in scope, parameters, types, nested blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fnx_xla_lite.hlo.ir import Computation, TensorType, Value
from fnx_xla_lite.hlo.text_attributes import Locations, parse_dictionary, parse_type
from fnx_xla_lite.hlo.text_forms import FORMS
from fnx_xla_lite.hlo.text_lex import Token, Tokens

Scope = dict[str, tuple[Value, ...]]


class Statement:
    """One operation while it is read: what the op-specific syntaxes fill in.

    Attributes:
        op: the operation's name without its dialect.
        token: where it stands, for messages.
        types: the operands' types, where the text states them.
        results: the results' types.
    """

    def __init__(self, op: str, token: Token) -> None:
        self.op = op
        self.token = token
        self.operands: tuple[Value, ...] = ()
        self.attributes: dict[str, Any] = {}
        self.regions: tuple[Computation, ...] = ()
        self.types: Sequence[TensorType] | None = None
        self.results: tuple[TensorType, ...] = ()


class Reader:
    """Reads values and types from the tokens.

    Attributes:
        block: reads ``{ statements return }`` in a scope of its own, given its parameters.
    """

    def __init__(self, text: str, block: Callable[[Scope, tuple[Value, ...]], Computation]) -> None:
        self.locations = Locations(text)
        self.tokens = Tokens(text)
        self.block = block

    def value(self, scope: Scope) -> Value:
        """``%name`` or ``%name#1``."""
        token = self.tokens.peek
        self.tokens.kind("value")
        label, _, position = token.text.partition("#")
        values = scope.get(label)
        index = int(position or 0)
        if values is None or index >= len(values):
            self.tokens.fail("value is not defined here", token)
        return values[index]

    def operands(self, scope: Scope) -> tuple[Value, ...]:
        """``%a, %b``, perhaps in parentheses."""
        tokens = self.tokens
        closed = tokens.accept("(")
        values = []
        while tokens.peek.kind == "value":
            values.append(self.value(scope))
            if not tokens.accept(","):
                break
        if closed:
            tokens.expect(")")
        return tuple(values)

    def parameter(self) -> tuple[str, Value]:
        """``%name: type``."""
        label = self.tokens.kind("value")
        self.tokens.expect(":")
        return label, Value(parse_type(self.tokens))

    def types(self) -> list[TensorType]:
        """``type, type``."""
        types = [parse_type(self.tokens)]
        while self.tokens.accept(","):
            types.append(parse_type(self.tokens))
        return types

    def signature(self) -> tuple[list[TensorType], tuple[TensorType, ...] | None]:
        """``(a, b) -> c``, ``(a) -> (b, c)``, ``a -> b``, or a bare list of types."""
        tokens = self.tokens
        if tokens.accept("("):
            operands = [] if tokens.peek.text == ")" else self.types()
            tokens.expect(")")
        else:
            operands = self.types()
        if not tokens.accept("->"):
            return operands, None
        if not tokens.accept("("):
            return operands, (parse_type(tokens),)
        results = () if tokens.peek.text == ")" else tuple(self.types())
        tokens.expect(")")
        return operands, results

    def state_types(self, statement: Statement) -> None:
        """``{attributes} : types`` at the end of a statement."""
        if self.tokens.peek.text == "{":
            statement.attributes.update(parse_dictionary(self.tokens))
        self.tokens.expect(":")
        types, results = self.signature()
        if results is not None:
            statement.types, statement.results = types, results
            return
        if not types:
            self.tokens.fail("expected the result's type")
        form = FORMS.get(statement.op)
        is_list = form is not None and form.types == "list"
        statement.results = tuple(types) if is_list else (types[-1],)
