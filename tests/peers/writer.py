"""Programs written as Python source, that fnx and JAX both run: composed transforms, control flow.

A program is the text of ``def program(x, y)``, which returns a tuple of float64 arrays and uses the
names ``np``, ``lax``, ``fx`` (transforms) and ``while_loop`` (with a bound that only fnx reads). It
is drawn from a seed, so a failing program is its own report.

All values stay bounded and all functions are smooth, except at comparisons, which draws miss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Shape = tuple[int, ...]
SHAPES: tuple[Shape, ...] = ((), (3,), (2, 3))
MOST_DEPTH = 3


class Value(NamedTuple):
    """A variable of the program: its name and shape."""

    name: str
    shape: Shape


class Written(NamedTuple):
    """A program.

    Attributes:
        source: the text of ``def program(x, y)``.
        shapes: of its two arguments.
        forward_only: whether it has a loop that JAX differentiates in forward mode alone.
        features: which constructs it uses.
    """

    source: str
    shapes: tuple[Shape, Shape]
    forward_only: bool
    features: frozenset[str]


UNARY = (
    "np.sin({})", "np.tanh({})", "np.cos({})", "np.exp(-{0} * {0})", "np.sqrt(1.5 + np.sin({}))",
    "np.log(2.5 + np.cos({}))", "np.arctan({})", "0.5 * {} ** 2 / (1.0 + {} ** 2)",
    "np.abs({} + 0.1234)", "fx.nn_relu({} - 0.0321)", "fx.jit(np.sin)({})",
)  # fmt: skip
BINARY = (
    "np.tanh({} + {})", "np.sin({} * {})", "np.cos({} - {})", "{} / (2.5 + np.sin({}))",
    "np.maximum({}, {} + 0.0712)", "np.minimum({}, {} - 0.0533)", "np.arctan2({}, {} + 4.0)",
    "np.where({0} > {1} + 0.0617, np.sin({0}), {1} * 0.5)",
)  # fmt: skip


class Writer:
    """Draws and writes one program."""

    def __init__(self, seed: int, allow: Callable[[str], bool] = lambda feature: True) -> None:
        self.rng = np.random.default_rng(seed)
        self.lines: list[str] = []
        self.indent = 1
        self.count = 0
        self.depth = 0
        self.scope: list[Value] = []
        self.features: set[str] = set()
        self.allow = allow

    # Names and lines ------------------------------------------------------------------------------

    def fresh(self, prefix: str = "v") -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def let(self, text: str, shape: Shape) -> Value:
        value = Value(self.fresh(), shape)
        self.line(f"{value.name} = {text}")
        self.scope.append(value)
        return value

    def shape(self) -> Shape:
        return SHAPES[self.rng.integers(len(SHAPES))]

    def pick(self, shape: Shape) -> str:
        """An expression of this shape that reads a variable; recent ones are likelier."""
        recent = self.scope[-4:] if self.rng.random() < 0.7 else self.scope
        return self.fitted(recent[self.rng.integers(len(recent))], shape)

    def fitted(self, value: Value, shape: Shape) -> str:
        name, have = value
        if have == shape:
            return name
        if have == ():
            return f"np.broadcast_to({name}, {shape})"
        if shape == ():
            return f"np.mean({name})"
        if have == (3,):
            return f"np.stack([{name}, np.sin({name})])"
        return f"np.sum({name}, axis=0)" if self.rng.random() < 0.5 else f"{name}[1]"

    # Statements -----------------------------------------------------------------------------------

    def statement(self) -> None:
        if self.depth < MOST_DEPTH and self.rng.random() < 0.45:
            names = [name for name in CONSTRUCTS if self.allow(name)]
            name = names[self.rng.integers(len(names))]
            self.features.add(name)
            CONSTRUCTS[name](self)
        else:
            self.plain()

    def plain(self) -> None:
        shape = self.shape()
        if self.rng.random() < 0.4:
            text = UNARY[self.rng.integers(len(UNARY))]
            x = self.pick(shape)
            self.let(text.format(x, x), shape)
        elif self.rng.random() < 0.8:
            text = BINARY[self.rng.integers(len(BINARY))]
            self.let(text.format(self.pick(shape), self.pick(shape)), shape)
        else:
            self.structural()

    def structural(self) -> None:
        a, m = self.pick((3,)), self.pick((2, 3))
        texts = (
            (f"np.tanh({m} @ {a})[0]", ()),
            (f"np.tanh({m}.T @ {m})[1]", (3,)),
            (f"np.concatenate([{a}[1:], {a}[:1]])", (3,)),
            (f"{m}.at[0].set({a})", (2, 3)),
            (f"{m}.at[:, 1].multiply(0.5)", (2, 3)),
            (f"np.cumsum({a}) * 0.3", (3,)),
            (f"{m}.reshape(3, 2).T", (2, 3)),
            (f"{a}[np.asarray([2, 0, 0])]", (3,)),
            (f"np.pad({a}, (1, 0))[:3]", (3,)),
            (f"np.einsum('ij,j->i', {m}, {a})[1] * 0.3", ()),
            (f"fx.nn_softmax({m})", (2, 3)),
            (f"np.max({m}, axis=0)", (3,)),
        )
        self.let(*texts[self.rng.integers(len(texts))])

    def function(
        self, parameters: Sequence[Value], result: Callable[[], str], name: str | None = None
    ) -> str:
        """Write a local function of some statements; it closes over everything in scope."""
        name = name or self.fresh("f")
        self.line(f"def {name}({', '.join(p.name for p in parameters)}):")
        outside = len(self.scope)
        self.scope += [p for p in parameters if p.shape != ("i",)]
        self.indent += 1
        self.depth += 1
        for _ in range(self.rng.integers(1, 4)):
            self.statement()
        self.line(f"return {result()}")
        self.depth -= 1
        self.indent -= 1
        del self.scope[outside:]
        return name

    def parameter(self, shape: Shape) -> Value:
        return Value(self.fresh("p"), shape)

    # Constructs: each writes one composed statement -----------------------------------------------

    def call(self, wrapper: str) -> None:
        shape = self.shape()
        p = self.parameter(self.shape())
        f = self.function([p], lambda: self.pick(shape))
        self.let(f"{wrapper}({f})({self.pick(p.shape)})", shape)

    def inner_vmap(self) -> None:
        p, q = self.parameter((3,)), self.parameter(())
        f = self.function([p, q], lambda: self.pick((3,)))
        self.let(f"fx.vmap({f}, in_axes=(0, None))({self.pick((2, 3))}, {self.pick(())})", (2, 3))

    def inner_grad(self) -> None:
        p = self.parameter(self.shape())
        f = self.function([p], lambda: f"np.sin({self.pick(())})")
        self.let(f"np.tanh(fx.grad({f})({self.pick(p.shape)}))", p.shape)

    def inner_jvp(self) -> None:
        p, shape = self.parameter(self.shape()), self.shape()
        f = self.function([p], lambda: self.pick(shape))
        x, t = self.pick(p.shape), self.pick(p.shape)
        self.let(f"np.tanh(fx.jvp({f}, ({x},), ({t},))[1])", shape)

    def alone(self, p: Value, result: Callable[[], str], name: str) -> None:
        """A function that closes over nothing: custom rules say nothing about closures."""
        outside, self.scope = self.scope, []
        self.function([p], result, name)
        self.scope = outside

    def custom_jvp(self) -> None:
        p, shape = self.parameter(self.shape()), self.shape()
        name = self.fresh("f")
        self.line("@fx.custom_jvp")
        self.alone(p, lambda: self.pick(shape), name)
        x, t, plain = self.fresh("x"), self.fresh("t"), self.fresh("f")
        self.line(f"{plain} = {name}.fun")
        self.line(f"@{name}.defjvp")
        self.line(f"def _({x}, {t}):  # twice the derivative, so that the rule shows")
        self.line(f"    y, dy = fx.jvp({plain}, {x}, {t})")
        self.line("    return y, 2.0 * dy")
        self.let(f"{name}({self.pick(p.shape)})", shape)

    def custom_vjp(self) -> None:
        p, shape = self.parameter(self.shape()), self.shape()
        name = self.fresh("f")
        self.line("@fx.custom_vjp")
        self.alone(p, lambda: f"0.5 * {self.pick(p.shape)} + 0.25 * {p.name}", name)
        self.line(f"{name}.defvjp(lambda x: ({name}(x), x), lambda x, ct: (np.cos(x) * ct * 1.5,))")
        self.let(self.fitted(Value(f"{name}({self.pick(p.shape)})", p.shape), shape), shape)

    def cond(self) -> None:
        p, shape = self.parameter(self.shape()), self.shape()
        f, g = (self.function([p], lambda: self.pick(shape)) for _ in range(2))
        pred = f"np.mean({self.pick((3,))}) > np.mean({self.pick((2, 3))}) + 0.0419"
        self.let(f"lax.cond({pred}, {f}, {g}, {self.pick(p.shape)})", shape)

    def switch(self) -> None:
        p, shape = self.parameter(self.shape()), self.shape()
        branches = [self.function([p], lambda: self.pick(shape)) for _ in range(3)]
        index = f"np.floor(np.abs({self.pick(())}) * 4.0 + 0.0377).astype('int32') - 1"
        self.let(f"lax.switch({index}, [{', '.join(branches)}], {self.pick(p.shape)})", shape)

    def fori_loop(self, upper: str | None = None) -> None:
        i, c = Value(self.fresh("i"), ("i",)), self.parameter(self.shape())
        body = self.function(
            [i, c], lambda: f"np.tanh(0.7 * {self.pick(c.shape)} + {i.name}.astype('float64'))"
        )
        upper = upper or str(self.rng.integers(0, 5))
        self.let(f"lax.fori_loop(0, {upper}, {body}, {self.pick(c.shape)})", c.shape)

    def dynamic_fori_loop(self) -> None:
        self.fori_loop(f"np.floor(np.abs({self.pick(())}) * 3.0 + 1.0391).astype('int32')")

    def while_loop(self) -> None:
        shape = self.shape()
        i, c = Value(self.fresh("i"), ("i",)), self.parameter(shape)
        step = self.function([i, c], lambda: f"0.8 * {self.pick(shape)} + 0.21")
        test, state = self.fresh("f"), self.fresh("s")
        self.line(f"def {test}({state}):")
        self.line(f"    return ({state}[0] < 5) & (np.mean({state}[1] ** 2) < 0.6131)")
        self.let(
            f"while_loop({test}, lambda s: (s[0] + 1, {step}(*s)), "
            f"(np.asarray(0, 'int32'), {self.pick(shape)}), 6)[1]",
            shape,
        )

    def scan(self) -> None:
        c, x, out = self.parameter(self.shape()), self.parameter((3,)), self.shape()
        pair = lambda: f"(np.tanh({self.pick(c.shape)}), {self.pick(())})"
        step = self.function([c, x], pair)
        options = f"reverse={bool(self.rng.integers(2))}, unroll={self.rng.integers(1, 3)}"
        end, ys = self.fresh("c"), self.fresh("ys")
        self.line(
            f"{end}, {ys} = lax.scan({step}, {self.pick(c.shape)}, {self.pick((2, 3))}, {options})"
        )
        self.scope.append(Value(end, c.shape))
        total = Value(self.fresh(), ())
        self.line(f"{total.name} = np.sum({ys} * np.asarray([0.3, -0.7], 'float64'))")
        self.scope.append(total)
        self.let(self.fitted(Value(f"({end} + {total.name})", c.shape), out), out)

    def map(self) -> None:
        p = self.parameter((3,))
        f = self.function([p], lambda: self.pick((3,)))
        self.let(f"lax.map({f}, {self.pick((2, 3))})", (2, 3))

    def associative_scan(self) -> None:
        axis, reverse = self.rng.integers(2), bool(self.rng.integers(2))
        f = ("lambda a, b: 0.3 * a * b + a + b", "np.add", "np.maximum")[self.rng.integers(3)]
        text = f"np.tanh(lax.associative_scan({f}, {self.pick((2, 3))}, {reverse}, {axis}))"
        self.let(text.replace("np.maximum", "lambda a, b: np.maximum(a, b)"), (2, 3))


CONSTRUCTS: dict[str, Callable[[Writer], None]] = {
    "jit": lambda w: w.call("fx.jit"),
    "checkpoint": lambda w: w.call("fx.checkpoint"),
    "vmap": Writer.inner_vmap,
    "grad": Writer.inner_grad,
    "jvp": Writer.inner_jvp,
    "custom_jvp": Writer.custom_jvp,
    "custom_vjp": Writer.custom_vjp,
    "cond": Writer.cond,
    "switch": Writer.switch,
    "fori_loop": Writer.fori_loop,
    "dynamic_fori_loop": Writer.dynamic_fori_loop,
    "while_loop": Writer.while_loop,
    "scan": Writer.scan,
    "map": Writer.map,
    "associative_scan": Writer.associative_scan,
}
FORWARD_ONLY = frozenset({"dynamic_fori_loop", "while_loop"})  # JAX has no reverse mode for these
REVERSE_ONLY = frozenset({"custom_vjp"})  # nor forward mode for this
REVERSE_INSIDE = frozenset({"grad"})


def write(seed: int) -> Written:
    """The program of a seed."""
    rng = np.random.default_rng([seed, 1])
    forward_only = rng.random() < 0.3
    barred = (REVERSE_ONLY | REVERSE_INSIDE) if forward_only else FORWARD_ONLY
    barred |= REVERSE_ONLY if rng.random() < 0.5 else frozenset({"jvp"})
    writer = Writer(seed, lambda feature: feature not in barred)
    shapes = (writer.shape(), writer.shape())
    writer.scope = [Value("x", shapes[0]), Value("y", shapes[1])]
    for _ in range(rng.integers(2, 6)):
        writer.statement()
    total = " + ".join(f"np.mean({value.name})" for value in writer.scope)
    outs = [writer.pick(writer.shape()) for _ in range(rng.integers(1, 3))]
    writer.line(f"return ({', '.join(outs)}, {total})")
    source = "\n".join(["def program(x, y):", *writer.lines, ""])
    return Written(source, shapes, forward_only, frozenset(writer.features))
