"""Text: parse what `to_text` prints; ``parse(to_text(p))`` equals ``p``. Sources are not in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import dtype_from_name
from fnx.core.ir import Atom, Eqn, Jaxpr, Literal, Var
from fnx.core.primitive import REGISTRY
from fnx.core.printing import to_text as to_text
from fnx.errors import ParseError

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<aval>[a-z][a-z0-9_]*~?\[[\d,]*\])
    | (?P<number>-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|inf\b|nan\b)|nan\b|inf\b)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<opaque><[^<>]*>)
    | (?P<mark>[{}()\[\]:;,=.])
    )""",
    re.VERBOSE,
)
_CONSTANTS = {"True": True, "False": False, "None": None}


def parse(text: str, consts: Sequence[Any] = ()) -> Jaxpr:
    """The jaxpr that a text describes.

    Args:
        text: as printed by ``str(jaxpr)``.
        consts: values of the constants, the binders before the ``;``; they are not in the text.

    Raises:
        ParseError: with the place at which the text makes no sense.

    >>> print(parse("{ lambda ; a:f32[3]. let in (a,) }"))
    { lambda ; a:f32[3]. let in (a,) }
    """
    parser = _Parser(text, _tokenize(text), list(consts))
    jaxpr = parser.jaxpr()
    if parser.kind != "end":
        parser.fail("expected the end of the text")
    return jaxpr


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def _tokenize(text: str) -> list[_Token]:
    tokens = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _error(text, position, "no token begins here")
        kind = match.lastgroup
        assert kind is not None
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        position = match.end()
    return [*tokens, _Token("end", "", len(text))]


def _error(text: str, position: int, message: str) -> ParseError:
    line = text.count("\n", 0, position)
    column = position - (text.rfind("\n", 0, position) + 1)
    shown = text.split("\n")[line]
    return ParseError(f"line {line + 1}: {message}\n  {shown}\n  {' ' * column}^")


class _Parser:
    """Recursive descent, one method for each rule of the grammar in `fnx.core.ir`."""

    def __init__(self, text: str, tokens: list[_Token], consts: list[Any]) -> None:
        self.source = text
        self.tokens = tokens
        self.consts = consts
        self.at = 0

    @property
    def kind(self) -> str:
        return self.tokens[self.at].kind

    @property
    def text(self) -> str:
        return self.tokens[self.at].text

    def fail(self, message: str) -> NoReturn:
        raise _error(self.source, self.tokens[self.at].position, message)

    def take(self, text: str) -> None:
        if self.text != text or self.kind == "string":
            self.fail(f"expected {text!r}")
        self.at += 1

    def next(self, kind: str) -> str:
        if self.kind != kind:
            self.fail(f"expected a {kind}")
        self.at += 1
        return self.tokens[self.at - 1].text

    def jaxpr(self) -> Jaxpr:
        env: dict[str, Var] = {}
        self.take("{")
        self.take("lambda")
        const_vars = self.binders(env, ";")
        inputs = self.binders(env, ".")
        self.take("let")
        eqns = []
        while self.text != "in":
            eqns.append(self.eqn(env))
        self.take("in")
        outputs = self.atoms(env)
        self.take("}")
        if len(const_vars) > len(self.consts):
            self.fail(
                f"the text has {len(const_vars)} constants: pass their values, parse(text, consts)"
            )
        values = [self.consts.pop(0) for _ in const_vars]
        return Jaxpr(inputs, tuple(eqns), outputs, tuple(zip(const_vars, values, strict=True)))

    def binders(self, env: dict[str, Var], end: str) -> tuple[Var, ...]:
        found = []
        while self.text != end:
            found.append(self.binder(env))
        self.take(end)
        return tuple(found)

    def binder(self, env: dict[str, Var]) -> Var:
        name = self.next("name")
        if name in env:
            self.fail(f"{name} is bound a second time")
        self.take(":")
        env[name] = Var(self.aval())
        return env[name]

    def aval(self) -> Aval:
        return _aval(self.next("aval"))

    def eqn(self, env: dict[str, Var]) -> Eqn:
        scope = dict(env)  # results are not visible to the operands
        outputs = self.binders(scope, "=")
        name = self.text
        if name not in REGISTRY:
            self.fail(f"there is no primitive called {name!r}")
        self.at += 1
        params = self.params() if self.text == "[" else {}
        inputs = []
        while self.kind == "number" or self.text in ("True", "False") or self.is_operand():
            inputs.append(self.atom(env))
        env.update(scope)
        return Eqn(REGISTRY[name], tuple(inputs), outputs, params)

    def is_operand(self) -> bool:
        """Whether a name stands here that is neither a binder of the next equation nor the end."""
        following = self.tokens[self.at + 1].text if self.kind == "name" else ":"
        return self.text != "in" and following not in (":", "=")

    def params(self) -> dict[str, Any]:
        found = {}
        self.take("[")
        while self.text != "]":
            key = self.next("name")
            self.take("=")
            found[key] = self.value()
        self.take("]")
        return found

    def value(self) -> Any:
        if self.text == "{":
            return self.jaxpr()
        if self.text == "(":
            return self.items()
        if self.kind == "number" or (self.kind == "name" and self.text in _CONSTANTS):
            return self.number()
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "string":
            return ast.literal_eval(token.text)
        if token.kind == "aval":
            return _aval(token.text)
        if token.kind == "name":
            return dtype_from_name(token.text)
        self.at -= 1
        self.fail("functions cannot be read back" if token.kind == "opaque" else "expected a value")

    def items(self) -> tuple[Any, ...]:
        found = []
        self.take("(")
        while self.text != ")":
            found.append(self.value())
            if self.text == ",":
                self.take(",")
        self.take(")")
        return tuple(found)

    def number(self) -> Any:
        """A Python number or constant; a NumPy scalar, if an aval follows."""
        text = self.text
        self.at += 1
        value = _CONSTANTS[text] if text in _CONSTANTS else _number(text)
        if self.text != ":":
            return value
        self.take(":")
        return self.aval().dtype.type(value)

    def atoms(self, env: dict[str, Var]) -> tuple[Atom, ...]:
        found = []
        self.take("(")
        while self.text != ")":
            found.append(self.atom(env))
            if self.text == ",":
                self.take(",")
        self.take(")")
        return tuple(found)

    def atom(self, env: dict[str, Var]) -> Atom:
        if self.kind == "number" or self.text in ("True", "False"):
            value = _CONSTANTS[self.text] if self.text in _CONSTANTS else _number(self.text)
            self.at += 1
            self.take(":")
            aval = self.aval()
            return Literal(aval.dtype.type(value), aval)
        name = self.text
        if name not in env:
            self.fail(f"{name!r} is not bound")
        self.at += 1
        return env[name]


def _aval(text: str) -> Aval:
    head, sizes = text.rstrip("]").split("[")
    shape = tuple([int(size) for size in sizes.split(",") if size])
    return Aval.of(shape, dtype_from_name(head.rstrip("~")), head.endswith("~"))


def _number(text: str) -> int | float | np.generic:
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
