"""Chains of operations that move elements, on one value: every pair after each other."""

from __future__ import annotations

import numpy as np

from fnx_xla_lite.hlo.builder import Builder

SHAPE = (2, 3, 4)
MOST = 400  # elements


class Mover:
    """Applies moves with random parameters to values of any shape."""

    def __init__(self, seed, *path):
        self.b = Builder("moves")
        self.rng = np.random.default_rng([seed, *[ord(c) for name in path for c in name]])
        self.arrays = []

    def parameter(self, shape):
        self.arrays.append(self.rng.integers(-4, 5, shape).astype(np.float32))
        return self.b.parameter(shape, "f32")

    def number(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def numbers(self, lows, highs):
        return [self.number(low, high) for low, high in zip(lows, highs, strict=True)]

    def transpose(self, x):
        return self.b.transpose(x, [int(i) for i in self.rng.permutation(x.type.rank)])

    def reverse(self, x):
        return self.b.reverse(x, [d for d in range(x.type.rank) if self.rng.random() < 0.5])

    def slice(self, x):
        shape = x.type.shape
        start = self.numbers([0] * len(shape), [n // 2 for n in shape])
        limit = self.numbers(start, shape)
        limit = [max(n, min(s + 1, size)) for n, s, size in zip(limit, start, shape, strict=True)]
        return self.b.slice(x, start, limit, [self.number(1, 2) for _ in shape])

    def reshape(self, x):
        shape = list(x.type.shape)
        if len(shape) > 1 and self.rng.random() < 0.5:
            axis = self.number(0, len(shape) - 2)
            shape[axis : axis + 2] = [shape[axis] * shape[axis + 1]]
        else:
            shape.insert(self.number(0, len(shape)), 1)
        return self.b.reshape(x, shape)

    def broadcast_in_dim(self, x):
        shape = list(x.type.shape)
        place = self.number(0, len(shape))
        wide = [*shape[:place], 2, *shape[place:]]
        return self.b.broadcast_in_dim(x, wide, [d for d in range(len(wide)) if d != place])

    def pad(self, x):
        low, high, between = (self.numbers([0] * x.type.rank, [n] * x.type.rank) for n in (2, 1, 1))
        return self.b.pad(x, self.parameter(()), low, high, between)

    def concatenate(self, x):
        if not x.type.rank:
            return x
        axis = self.number(0, x.type.rank - 1)
        parts = [x, self.parameter(x.type.shape), self.b.negate(x)]
        return self.b.concatenate([parts[i] for i in self.rng.permutation(3)], axis)

    def reduce(self, x):
        axes = [d for d in range(x.type.rank) if self.rng.random() < 0.4]
        return self.b.reduce(x, self.parameter(()), axes, "add")

    def dot_general(self, x):
        if not x.type.rank:
            return x
        axis = self.number(0, x.type.rank - 1)
        other = self.parameter((3, x.type.shape[axis]))
        pair = ((axis,), (1,))
        if self.rng.random() < 0.5:
            return self.b.dot_general(x, other, contracting=pair)
        return self.b.dot_general(other, x, contracting=pair[::-1])

    def dynamic_slice(self, x):
        sizes = [self.number(1, n) if n else 0 for n in x.type.shape]
        starts = [self.b.constant(np.int32(self.number(-1, 3))) for _ in sizes]
        return self.b.dynamic_slice(x, starts, sizes)

    def elementwise(self, x):
        return self.b.subtract(self.b.add(x, x), self.parameter(x.type.shape))


MOVES = (
    "transpose", "reverse", "slice", "reshape", "broadcast_in_dim", "pad", "concatenate", "reduce",
    "dot_general", "dynamic_slice", "elementwise",
)  # fmt: skip


def chain_of(first, second, seed):
    """A module that applies two moves, some move before or after them, and its arguments."""
    mover = Mover(seed, first, second)
    others = [MOVES[mover.number(0, len(MOVES) - 1)] for _ in range(2)]
    names = [first, second, others[0]] if seed % 2 else [others[0], first, second]
    x = mover.parameter(SHAPE)
    results = []
    for name in names:
        x = getattr(mover, name)(x)
        if x.type.size > MOST:
            break
        if mover.rng.random() < 0.2:
            results.append(x)
    return mover.b.build(x, *results), mover.arrays
