"""Parse kernels: the grammar of ``loops.text``; ``parse(to_text(kernel)) == kernel``."""

from __future__ import annotations

import re
from collections.abc import Callable

from fnx_xla_lite.errors import ParseError
from fnx_xla_lite.loops.affine import make_affine
from fnx_xla_lite.loops.ir import (
    Affine,
    Apply,
    Buffer,
    Const,
    Coord,
    Dynamic,
    Expr,
    Guard,
    Index,
    Init,
    Kernel,
    Let,
    Load,
    Loop,
    Matmul,
    Read,
    Stmt,
    Store,
    Update,
)

_TOKEN = re.compile(
    r"\s*(?://[^\n]*\n\s*)*"
    r"(?P<number>-?(?:\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+|\d+|inf\b|nan\b))?"
    r"(?P<name>(?(number)(?!)|[A-Za-z_]\w*))?"
    r"(?P<mark>(?(number)(?!)|(?(name)(?!)|[-+*=(){}\[\]<,;:.?])))?"
)
KINDS = ("parallel", "serial", "vector")


def parse(text: str) -> Kernel:
    """Read one kernel.

    Raises:
        ParseError: the text does not follow the grammar; the message names the line.
    """
    location = re.search(r"\{  // (.*)", text.split("\n", 1)[0])
    reader = _Reader(text)
    kernel = reader.kernel(location.group(1) if location else None)
    reader.expect("")
    return kernel


class _Reader:
    """A recursive-descent parser with one token of look-ahead."""

    def __init__(self, text: str):
        self.text, self.place = text, 0
        self.buffers: dict[str, Buffer] = {}
        self.names: dict[str, str] = {}
        self.advance()

    # Tokens.

    def advance(self) -> str:
        """Step over the present token and return it."""
        before = getattr(self, "token", "")
        match = _TOKEN.match(self.text, self.place)
        self.start, self.place = self.place, match.end()
        self.kind, self.token = (
            match.lastgroup,
            match.group(match.lastgroup) if match.lastgroup else "",
        )
        if self.kind is None and self.text[self.place :].strip():
            self.fail("an unknown character")
        return before

    def fail(self, problem: str) -> None:
        """Raise with the line."""
        line = self.text.count("\n", 0, self.start) + 1
        raise ParseError(f"kernel text, line {line}: {problem} at {self.token!r}")

    def expect(self, token: str) -> None:
        """Step over ``token``."""
        if self.token != token:
            self.fail(f"expected {token!r}")
        if token:
            self.advance()

    def accept(self, token: str) -> bool:
        """Step over ``token`` if it is next."""
        if self.token != token:
            return False
        self.advance()
        return True

    def name(self) -> str:
        """An identifier."""
        if self.kind != "name":
            self.fail("expected a name")
        return self.advance()

    def integer(self) -> int:
        """A whole number."""
        if self.kind != "number":
            self.fail("expected a number")
        return int(self.advance())

    def listed(self, end: str, item: Callable[[], object]) -> tuple:
        """Items separated by commas, then ``end``."""
        found = []
        while self.token != end:
            found.append(item())
            if not self.accept(","):
                break
        self.expect(end)
        return tuple(found)

    # Statements.

    def kernel(self, location: str | None) -> Kernel:
        """The whole."""
        self.expect("kernel")
        name = self.name()
        self.expect("(")
        buffers = self.listed(")", self.buffer)
        return Kernel(name, buffers, self.block(), location)

    def buffer(self) -> Buffer:
        """``role name: dtype[shape]``."""
        role, name = self.name(), self.name()
        self.expect(":")
        dtype = self.name()
        self.expect("[")
        self.buffers[name] = Buffer(name, self.listed("]", self.integer), dtype, role)
        return self.buffers[name]

    def block(self) -> tuple[Stmt, ...]:
        """Statements in braces; names defined inside end there."""
        outer = dict(self.names)
        self.expect("{")
        body = []
        while not self.accept("}"):
            body.append(self.stmt())
        self.names = outer
        return tuple(body)

    def stmt(self) -> Stmt:
        """One statement."""
        first = self.name()
        if first in KINDS:
            return self.loop(first)
        if first == "let":
            return self.let()
        if first == "acc":
            return self.init()
        if first == "matmul":
            return self.matmul()
        if first in self.buffers and self.token == "[":
            indices = self.indices()
            self.expect("=")
            return Store(first, indices, self.expr())
        op = self.name()
        self.expect("=")
        return Update(first, op, self.expr())

    def loop(self, kind: str) -> Loop:
        """``kind var < extent, bound { ... }``."""
        var, extent = self.axis()
        bound = self.affine() if self.accept(",") else None
        return Loop(var, extent, self.block(), kind, bound)

    def axis(self) -> tuple[str, int]:
        """``var < extent``."""
        var = self.name()
        self.expect("<")
        return var, self.integer()

    def let(self) -> Let:
        """``let name = expr``."""
        name = self.name()
        self.expect("=")
        value = self.expr()
        self.names[name] = value.dtype
        return Let(name, value)

    def init(self) -> Init:
        """``acc name: dtype = expr``."""
        name = self.name()
        self.expect(":")
        dtype = self.name()
        self.expect("=")
        value = self.expr()
        self.names[name] = dtype
        return Init(name, value, dtype)

    def matmul(self) -> Matmul:
        """``matmul acc: dtype [batch; m; n; k] = lhs * rhs { epilogue }``."""
        acc = self.name()
        self.expect(":")
        dtype = self.name()
        self.expect("[")
        batch = self.listed(";", self.axis)
        m = self.axis()
        self.expect(";")
        n = self.axis()
        self.expect(";")
        k = self.axis()
        self.expect("]")
        self.expect("=")
        lhs = self.load(self.name())
        self.expect("*")
        rhs = self.load(self.name())
        outer, self.names = self.names, {**self.names, acc: dtype}
        epilogue = self.block()
        self.names = outer
        return Matmul(batch, m, n, k, lhs, rhs, acc, dtype, epilogue)

    # Expressions.

    def expr(self) -> Expr:
        """One expression."""
        if self.kind == "number":
            return self.const()
        name = self.name()
        if name in ("inf", "nan") and self.token == ":":
            return self.const_of(name)
        if name in self.buffers and self.token == "[":
            return self.load(name)
        if self.token not in (".", "("):
            if name not in self.names:
                self.fail(f"{name} is not defined here")
            return Read(name, self.names[name])
        return self.applied(name)

    def const(self) -> Const:
        """``number:dtype``."""
        return self.const_of(self.advance())

    def const_of(self, text: str) -> Const:
        """A constant whose number has been read."""
        self.expect(":")
        dtype = self.name()
        return Const(int(text) if dtype.startswith(("i", "ui")) else float(text), dtype)

    def load(self, name: str) -> Load:
        """``name[indices]``."""
        if name not in self.buffers:
            self.fail(f"{name} is not a buffer")
        return Load(name, self.indices(), self.buffers[name].dtype)

    def applied(self, op: str) -> Expr:
        """``op.detail.dtype(...)``."""
        parts = []
        while self.accept("."):
            parts.append(self.name())
        if not parts:
            self.fail("expected a type")
        detail, dtype = ".".join(parts[:-1]), parts[-1]
        self.expect("(")
        if op == "coord":
            index = self.affine()
            self.expect(")")
            return Coord(index, dtype)
        if op == "guard":
            return self.guard(dtype)
        return Apply(op, self.listed(")", self.expr), dtype, detail)

    def guard(self, dtype: str) -> Guard:
        """``index in lower:upper ? inside : outside)``."""
        index = self.affine()
        self.expect("in")
        lower = self.integer()
        self.expect(":")
        upper = self.integer()
        self.expect("?")
        inside = self.expr()
        self.expect(":")
        outside = self.expr()
        self.expect(")")
        return Guard(index, lower, upper, inside, outside, dtype)

    def indices(self) -> tuple[Index, ...]:
        """``[index, ...]``."""
        self.expect("[")
        return self.listed("]", self.index)

    def index(self) -> Index:
        """An affine index, or a clamp of an expression plus an affine index."""
        if self.token != "clamp":
            return self.affine()
        self.advance()
        self.expect("(")
        value = self.expr()
        self.expect(",")
        lower = self.integer()
        self.expect(",")
        upper = self.integer()
        self.expect(")")
        self.expect("+")
        return Dynamic(value, lower, upper, self.affine())

    def affine(self) -> Affine:
        """``2*i0 + i1 - 3``."""
        coefficients, offset, sign = {}, 0, 1
        if self.accept("-"):
            sign = -1
        while True:
            if self.kind == "number":
                size = sign * self.integer()
                name = self.name() if self.accept("*") else None
            else:
                size, name = sign, self.name()
            if name is None:
                offset += size
            else:
                coefficients[name] = coefficients.get(name, 0) + size
            if self.token not in ("+", "-"):
                return make_affine(coefficients, offset)
            sign = 1 if self.advance() == "+" else -1
