"""Tokens of StableHLO's MLIR text, with their places for error messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from fnx_xla_lite.errors import ParseError

_TOKEN = re.compile(
    r"""
    (?P<skip>\s+|//[^\n]*)
  | (?P<string>"(?:[^"\\]|\\.)*")
  | (?P<tensor>tensor<[^<>]*>)
  | (?P<dense>dense<(?:"[^"]*"|[^">]*)>)
  | (?P<value>%[\w$.-]+(?:\#\d+)?)
  | (?P<symbol>@[A-Za-z_][\w$.]*|@"(?:[^"\\]|\\.)*")
  | (?P<block>\^\w+)
  | (?P<hash>\#[\w$.]*)
  | (?P<arrow>->)
  | (?P<number>-?(?:0x[0-9A-Fa-f]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?))
  | (?P<word>[A-Za-z_][\w$.]*)
  | (?P<mark>[()\[\]{}<>=,:*?!|/+-])
    """,
    re.VERBOSE,
)


class Token(NamedTuple):
    """A piece of text: its kind, itself, its offset."""

    kind: str
    text: str
    start: int


class Tokens:
    """A stream of tokens with one token of lookahead."""

    def __init__(self, text: str) -> None:
        self._source = text
        self._tokens = _tokenize(text)
        self._next = 0

    @property
    def peek(self) -> Token:
        """The next token; its kind is ``end`` after the last."""
        return self._tokens[self._next]

    def take(self) -> Token:
        """The next token, consumed."""
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def accept(self, text: str) -> bool:
        """Consume the next token if it is ``text``."""
        if self.peek.text != text:
            return False
        self.take()
        return True

    def expect(self, text: str) -> None:
        """Consume ``text`` or fail."""
        if not self.accept(text):
            self.fail(f"expected {text!r}")

    def kind(self, kind: str) -> str:
        """Consume a token of ``kind`` and give its text, or fail."""
        if self.peek.kind != kind:
            self.fail(f"expected a {kind}")
        return self.take().text

    def integer(self) -> int:
        """Consume a whole number."""
        token = self.peek
        text = self.kind("number")
        try:
            return int(text, 0)
        except ValueError:
            self.fail("expected a whole number", token)

    def items(self, end: str) -> Iterator[None]:
        """Once for each item of a comma-separated list, up to and including ``end``."""
        while not self.accept(end):
            yield
            if self.peek.text != end:
                self.expect(",")

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        """Raise ParseError at the next token, or at ``token``."""
        token = token or self.peek
        raise ParseError(f"{_place(self._source, token.start)}: {message}, got {token.text[:40]!r}")

    def place(self, token: Token) -> str:
        """``line L, column C`` of a token."""
        return _place(self._source, token.start)


def _place(source: str, start: int) -> str:
    line = source.count("\n", 0, start) + 1
    return f"line {line}, column {start - source.rfind(chr(10), 0, start)}"


def _tokenize(source: str) -> list[Token]:
    tokens: list[Token] = []
    position, match_at = 0, _TOKEN.match
    while position < len(source):
        match = match_at(source, position)
        if match is None:
            raise ParseError(f"{_place(source, position)}: unexpected {source[position]!r}")
        position = match.end()
        if match.lastgroup != "skip":
            tokens.append(Token(match.lastgroup or "", match.group(), match.start()))
    tokens.append(Token("end", "", len(source)))
    return tokens
