"""MLIR attribute values, types and locations, read into plain Python values.

Attributes that we have no use for (shardings, result names, ...) are read as far as their brackets
need and become None.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from fnx_xla_lite.errors import ParseError
from fnx_xla_lite.hlo.dtypes import ELEMENT_TYPES
from fnx_xla_lite.hlo.ir import TensorType
from fnx_xla_lite.hlo.text_lex import Tokens
from fnx_xla_lite.hlo.text_numbers import parse_dense

_ALIAS = re.compile(r"^(#\w+) = (loc\(.*\))\s*$", re.MULTILINE)
_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
_STRUCTS = ("#stablehlo.gather", "#stablehlo.scatter", "#stablehlo.dot")


def parse_type(tokens: Tokens) -> TensorType:
    """``tensor<3x4xf32>``; only static shapes of our element types."""
    token = tokens.peek
    if token.kind != "tensor":
        tokens.fail("expected a type like tensor<3x4xf32> (static shape, real elements)")
    *sizes, dtype = token.text[len("tensor<") : -1].split("x")
    if dtype not in ELEMENT_TYPES:
        tokens.fail(f"element type {dtype!r} is not supported, in")
    if not all(size.isdigit() for size in sizes):
        tokens.fail("only static shapes are supported, in")
    tokens.take()
    return TensorType(tuple(map(int, sizes)), dtype)


def parse_ints(tokens: Tokens) -> tuple[int, ...]:
    """``[1, 2, 3]``."""
    tokens.expect("[")
    values = []
    for _ in tokens.items("]"):
        values.append(tokens.integer())
    return tuple(values)


def parse_string(token: str) -> str:
    """The text of a quoted token, escapes undone."""

    def undo(match: re.Match[str]) -> str:
        code = match.group(1)
        return chr(int(code, 16)) if len(code) == 2 else code

    return re.sub(r"\\([0-9A-Fa-f]{2}|.)", undo, token[1:-1])


def parse_symbol(token: str) -> str:
    """The name in ``@name`` or ``@"name"``."""
    return parse_string(token[1:]) if token.startswith('@"') else token[1:]


def parse_dictionary(tokens: Tokens) -> dict[str, Any]:
    """``{key = value, unit_key, ...}``."""
    tokens.expect("{")
    return _pairs(tokens, "}")


def _pairs(tokens: Tokens, end: str) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for _ in tokens.items(end):
        key = tokens.take()
        name = parse_string(key.text) if key.kind == "string" else key.text
        if key.kind not in ("word", "string"):
            tokens.fail("expected an attribute name", key)
        pairs[name] = parse_attribute(tokens) if tokens.accept("=") else True
    return pairs


def parse_attribute(tokens: Tokens) -> Any:
    """One attribute value: numbers, strings, tuples of them, arrays, dictionaries.

    None for what we do not know.
    """
    token = tokens.peek
    if token.kind == "dense":
        tokens.take()
        tokens.expect(":")
        return parse_dense(token.text, parse_type(tokens))
    if token.kind == "number":
        return _number(tokens)
    if token.kind == "string":
        return parse_string(tokens.take().text)
    if token.kind == "symbol":
        return parse_symbol(tokens.take().text)
    if token.kind == "hash":
        return _hash(tokens)
    if token.text == "{":
        return parse_dictionary(tokens)
    if token.text == "[":
        return _list(tokens)
    return _word(tokens)


def _number(tokens: Tokens) -> int | float:
    text = tokens.peek.text
    is_float = re.search(r"[.eE]", text) and not text.startswith("0x")
    number = float(tokens.kind("number")) if is_float else tokens.integer()
    if tokens.accept(":"):
        tokens.kind("word")
    return number


def _list(tokens: Tokens) -> tuple[Any, ...]:
    tokens.expect("[")
    items = []
    for _ in tokens.items("]"):
        items.append(parse_attribute(tokens))
    return tuple(items)


def _word(tokens: Tokens) -> Any:
    if tokens.accept("true"):
        return True
    if tokens.accept("false"):
        return False
    if tokens.accept("array"):
        return _array(tokens)
    skip_value(tokens)
    return None


def _array(tokens: Tokens) -> tuple[Any, ...]:
    """``array<i64: 1, 2>``."""
    tokens.expect("<")
    tokens.kind("word")
    tokens.accept(":")
    items = []
    for _ in tokens.items(">"):
        is_word = tokens.peek.kind == "word"
        items.append(tokens.take().text == "true" if is_word else tokens.integer())
    return tuple(items)


def _hash(tokens: Tokens) -> Any:
    """``#stablehlo.gather<...>`` as a dictionary, ``#stablehlo<precision DEFAULT>`` as a word."""
    token = tokens.peek
    if token.text in _STRUCTS:
        tokens.take()
        tokens.expect("<")
        return _pairs(tokens, ">")
    if token.text == "#stablehlo":
        tokens.take()
        tokens.expect("<")
        tokens.kind("word")
        value = tokens.kind("word")
        tokens.expect(">")
        return value
    skip_value(tokens)
    return None


def skip_value(tokens: Tokens) -> None:
    """Pass over one value up to the next comma or closing bracket outside its own brackets."""
    open_brackets: list[str] = []
    while True:
        token = tokens.peek
        if token.kind == "end":
            tokens.fail("unclosed bracket")
        if not open_brackets and token.text in (",", "}", "]", ")", ">"):
            return
        tokens.take()
        if token.text in _CLOSING:
            open_brackets.append(_CLOSING[token.text])
        elif open_brackets and token.text == open_brackets[-1]:
            open_brackets.pop()


class Locations:
    """Reads ``loc(...)`` as ``file:line in function``, resolving the aliases at a text's ends."""

    def __init__(self, text: str) -> None:
        self._aliases = dict(_ALIAS.findall(text))
        self._known: dict[str, tuple[str | None, str | None]] = {}

    def parse(self, tokens: Tokens) -> str | None:
        """An optional ``loc(...)``."""
        if not tokens.accept("loc"):
            return None
        tokens.expect("(")
        place, function = self._inside(tokens)
        tokens.expect(")")
        return f"{place} in {function}" if place and function else place or function

    def _inside(self, tokens: Tokens) -> tuple[str | None, str | None]:
        """(file:line, function) of the innermost frame."""
        token = tokens.take()
        if token.kind == "hash":
            return self._alias(token.text)
        if token.kind == "string":
            return self._string(tokens, parse_string(token.text))
        if token.text == "callsite":
            tokens.expect("(")
            frame = self._inside(tokens)
            tokens.expect("at")
            self._inside(tokens)
            tokens.expect(")")
            return frame
        if token.text == "fused":
            return self._fused(tokens)
        return None, None  # unknown

    def _string(self, tokens: Tokens, text: str) -> tuple[str | None, str | None]:
        if tokens.accept(":"):  # "file":line:column, perhaps a range "to line:column"
            line = tokens.kind("number")
            while tokens.peek.text not in (")", "at", ",", "]"):
                tokens.take()
            return f"{text}:{line}", None
        if not tokens.accept("("):
            return None, text
        place, function = self._inside(tokens)
        tokens.expect(")")
        return place, function or text

    def _fused(self, tokens: Tokens) -> tuple[str | None, str | None]:
        if tokens.accept("<"):
            skip_value(tokens)
            tokens.expect(">")
        tokens.expect("[")
        frames = []
        for _ in tokens.items("]"):
            frames.append(self._inside(tokens))
        return next((frame for frame in frames if frame[0]), (None, None))

    def _alias(self, name: str) -> tuple[str | None, str | None]:
        if name not in self._known:
            if name not in self._aliases:
                raise ParseError(f"location alias {name} is not defined")
            self._known[name] = (None, None)  # a cycle ends here
            inner = Tokens(self._aliases[name])
            inner.take()
            inner.expect("(")
            self._known[name] = self._inside(inner)
        return self._known[name]


def has_floats(value: Any) -> bool:
    """Whether a plain attribute value holds a float anywhere; none that we read does."""
    return isinstance(value, float) or (isinstance(value, tuple) and any(map(has_floats, value)))


def as_plain(value: Any) -> Any:
    """Integer arrays as (nested) tuples; everything else unchanged."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu":
        return value
    return (
        tuple(tuple(row) for row in value.tolist())
        if value.ndim == 2
        else tuple(value.reshape(-1).tolist())
    )
