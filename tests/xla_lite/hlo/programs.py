"""Hypothesis strategy of HLO modules: straight-line programs over small arrays, every op."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.dtypes import FLOATS, INTS, to_numpy
from fnx_xla_lite.hlo.ir import HloModule, Value
from fnx_xla_lite.hlo.opset import OPS

DTYPES = ("f32", "f64", "i32", "ui8", "i1", "bf16")
SIZES = st.sampled_from((0, 1, 1, 2, 3))
SPECIAL = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, np.inf, -np.inf, np.nan, 3.0, -7.0)
UNARY = sorted(n for n, row in OPS.items() if row.elementwise and row.arity == 1)
BINARY = sorted(
    n for n, row in OPS.items() if row.elementwise and row.arity == 2 and n != "compare"
)
CAST = ("convert", "bitcast_convert")
MOVES = (
    "transpose",
    "reshape",
    "broadcast",
    "reverse",
    "slice",
    "pad",
    "concatenate",
    "dynamic_slice",
)
MONOIDS = {
    "f": ("add", "multiply", "maximum", "minimum"),
    "i": ("add", "multiply", "maximum", "and", "xor"),
}
KINDS = (
    "unary",
    "unary",
    "binary",
    "binary",
    "binary",
    "mixed",
    "move",
    "move",
    "reduce",
    "dot",
    "constant",
    "branch",
    "loop",
)


def kind_of(dtype):
    return "f" if dtype in FLOATS else "b" if dtype == "i1" else "i"


def values(dtype, shape):
    """Arrays of special numbers and of small ones."""
    if dtype in FLOATS:
        element = st.sampled_from(SPECIAL)
    elif dtype in INTS:
        element = st.integers(0 if dtype.startswith("u") else -9, 9)
    else:
        element = st.booleans()
    count = int(np.prod(shape, dtype=int))
    return st.lists(element, min_size=count, max_size=count).map(
        lambda items: np.array(items, to_numpy(dtype)).reshape(shape)
    )


@st.composite
def shapes(draw):
    return tuple(draw(SIZES) for _ in range(draw(st.integers(0, 3))))


def applies(op, dtype):
    """Whether the op table lets ``op`` take operands of ``dtype``."""
    b = Builder()
    x = b.parameter((), dtype)
    try:
        b.apply(op, (x,) * OPS[op].arity)
    except ValueError:
        return False
    return True


USABLE = {
    (op, dtype): applies(op, dtype)
    for op in (*UNARY, *BINARY)
    for dtype in DTYPES
    if op not in CAST
}


class Drawing:
    """A module while it is drawn: the builder and the values made so far."""

    def __init__(self, draw):
        self.draw = draw
        self.b = Builder("drawn")
        self.values: list[Value] = []
        self.arrays: list[np.ndarray] = []

    def pick(self, accept=lambda x: True) -> Value:
        fitting = [x for x in self.values if accept(x)]
        return self.draw(st.sampled_from(fitting)) if fitting else self.fresh("f32", (2, 3))

    def fresh(self, dtype, shape) -> Value:
        """A parameter, a constant or a splat of one type."""
        draw, b = self.draw, self.b
        source = draw(st.sampled_from(("parameter", "constant", "splat", "broadcast")))
        if source == "parameter":
            self.arrays.append(draw(values(dtype, shape)))
            return b.parameter(shape, dtype)
        if source == "constant":
            return b.constant(draw(values(dtype, shape)))
        scalar = draw(values(dtype, ()))
        if source == "splat":
            return b.constant(np.broadcast_to(scalar, shape))
        return b.broadcast_in_dim(b.constant(scalar), shape, ())

    def like(self, x: Value) -> Value:
        """Another value of the type of ``x``."""
        same = [y for y in self.values if y.type == x.type]
        if same and self.draw(st.booleans()):
            return self.draw(st.sampled_from(same))
        return self.fresh(x.type.dtype, x.type.shape)

    def step(self) -> None:
        kind = self.draw(st.sampled_from(KINDS))
        made = getattr(self, kind)(self.pick())
        self.values.append(made)

    def constant(self, x):
        return self.like(x)

    def unary(self, x):
        op = self.draw(st.sampled_from(UNARY))
        if op in CAST:
            return self.b.convert(x, self.draw(st.sampled_from(DTYPES)))
        return self.b.apply(op, (x,))[0] if USABLE[op, x.type.dtype] else x

    def binary(self, x):
        op = self.draw(st.sampled_from(BINARY))
        if not USABLE[op, x.type.dtype]:
            op = "maximum"
        pair = [x, self.like(x)]
        return self.b.apply(op, self.draw(st.permutations(pair)))[0]

    def mixed(self, x):
        op = self.draw(st.sampled_from(("compare", "select", "clamp")))
        y = self.like(x)
        if op == "compare":
            return self.b.compare(
                x, y, self.draw(st.sampled_from(("EQ", "NE", "LT", "LE", "GT", "GE")))
            )
        if op == "select":
            return self.b.select(
                self.fresh("i1", self.draw(st.sampled_from(((), x.type.shape)))), x, y
            )
        if x.type.dtype == "i1":
            return x
        return self.b.clamp(self.fresh(x.type.dtype, ()), x, self.fresh(x.type.dtype, ()))

    def move(self, x):
        draw, b, shape = self.draw, self.b, x.type.shape
        op = draw(st.sampled_from(MOVES))
        axis = draw(st.integers(0, len(shape) - 1)) if shape else None
        if op == "transpose":
            return b.transpose(x, draw(st.permutations(range(len(shape)))))
        if op == "reshape":
            kept = [n for n in shape if n != 1]
            places = draw(st.lists(st.integers(0, len(kept)), max_size=2))
            for place in places:
                kept.insert(place, 1)
            return b.reshape(x, kept)
        if op == "broadcast":
            place = draw(st.integers(0, len(shape)))
            wide = (*shape[:place], draw(SIZES), *shape[place:])
            return b.broadcast_in_dim(x, wide, [d for d in range(len(wide)) if d != place])
        if axis is None:
            return x
        if op == "reverse":
            return b.reverse(x, (axis,))
        if op == "slice":
            start = [draw(st.integers(0, n)) for n in shape]
            return b.slice(x, start, shape, [draw(st.integers(1, 2)) for _ in shape])
        if op == "pad":
            low = [draw(st.integers(0, 1)) for _ in shape]
            interior = [draw(st.integers(0, 1)) for _ in shape]
            return b.pad(x, self.fresh(x.type.dtype, ()), low, (0,) * len(shape), interior)
        if op == "concatenate":
            return b.concatenate([x, self.like(x), x], axis)
        starts = [self.fresh("i32", ()) for _ in shape]
        return b.dynamic_slice(x, starts, [draw(st.integers(0, n)) for n in shape])

    def reduce(self, x):
        dtype, rank = x.type.dtype, x.type.rank
        monoids = MONOIDS.get(kind_of(dtype), ("and", "or"))
        body = self.draw(st.sampled_from(monoids))
        axes = self.draw(st.lists(st.integers(0, rank - 1), unique=True)) if rank else []
        return self.b.reduce(x, self.fresh(dtype, ()), sorted(axes), body)

    def branch(self, x):
        """A case whose branches read values from outside."""
        y, z = self.like(x), self.like(x)
        index = self.fresh("i32", ())
        (result,) = self.b.case(index, [lambda b: b.maximum(x, y), lambda b: z, lambda b: x])
        return result

    def loop(self, x):
        """Two rounds of a loop whose body reads a value from outside."""
        y, b = self.like(x), self.b
        start, step = b.constant(0, "i32"), b.constant(1, "i32")

        def body(b, i, state):
            return b.add(i, step), b.select(b.compare(state, y, "LT"), y, state)

        def condition(b, i, state):
            return b.compare(i, b.constant(2, "i32"), "LT")

        return b.while_((start, x), condition, body)[1]

    def dot(self, x):
        if x.type.dtype == "i1" or not x.type.shape:
            return x
        axis = self.draw(st.integers(0, x.type.rank - 1))
        n = x.type.shape[axis]
        y = self.pick(lambda y: y.type.dtype == x.type.dtype and n in y.type.shape)
        if y.type.dtype != x.type.dtype or n not in y.type.shape:
            y = self.fresh(x.type.dtype, (n, 2))
        other = y.type.shape.index(n)
        if x.type.rank + y.type.rank > 5:
            return x
        if self.draw(st.booleans()):
            return self.b.dot_general(x, y, batching=((axis,), (other,)))
        return self.b.dot_general(x, y, contracting=((axis,), (other,)))


@st.composite
def programs(draw) -> tuple[HloModule, list[np.ndarray]]:
    """A valid module and arrays for its parameters."""
    drawing = Drawing(draw)
    for _ in range(draw(st.integers(1, 3))):
        dtype = draw(st.sampled_from(DTYPES))
        drawing.values.append(drawing.fresh(dtype, draw(shapes())))
    for _ in range(draw(st.integers(1, 10))):
        drawing.step()
    results = drawing.values[-draw(st.integers(1, 3)) :]
    return drawing.b.build(*results), drawing.arrays
