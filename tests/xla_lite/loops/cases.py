"""Small programs, one or more for every operation and every kind of kernel."""

from __future__ import annotations

import numpy as np

from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.ir import TensorType
from fnx_xla_lite.hlo.opset import OPS

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def splat(b, value, like):
    scalar = b.constant(np.array(value).astype(to_numpy(like.type.dtype)))
    return b.broadcast_in_dim(scalar, like.type.shape, ())


def spread(b, x, shape, *dimensions):
    return b.broadcast_in_dim(x, shape, dimensions)


def total(b, x, dimensions, op="add"):
    start = OPS[op].identity(x.type.dtype)
    return b.reduce(x, b.constant(np.array(start)), dimensions, op)


def softmax(b, x, axis):
    kept = tuple(d for d in range(x.type.rank) if d != axis)
    top = total(b, x, (axis,), "maximum")
    e = b.exponential(b.subtract(x, spread(b, top, x.type.shape, *kept)))
    return b.divide(e, spread(b, total(b, e, (axis,)), x.type.shape, *kept))


@case
def chain(b):
    x, y = b.parameter((7, 13), "f32"), b.parameter((7, 13), "f32")
    z = b.multiply(b.tanh(x), b.add(y, splat(b, 2.0, y)))
    return b.subtract(z, x), b.negate(z)


@case
def long_chain(b):
    x = b.parameter((40,), "f32")
    for _ in range(400):
        x = b.add(b.multiply(x, splat(b, 0.5, x)), splat(b, 0.25, x))
    return (x,)


@case
def chunked(b):
    x = b.parameter((3, 5001), "f32")
    return b.add(x, x), b.exponential(x)


@case
def chunked_rows(b):
    x, y = b.parameter((2, 9001), "f32"), b.parameter((9001,), "f32")
    return (b.multiply(x, spread(b, y, (2, 9001), 1)),)


@case
def scalars(b):
    x, n = b.parameter((), "f32"), b.parameter((), "i32")
    y = b.power(x, b.convert(n, "f32"))
    return b.add(y, x), b.add(n, b.constant(np.int32(1))), b.compare(y, x, "LT")


@case
def sizes_zero_and_one(b):
    x, y = b.parameter((0, 3), "f32"), b.parameter((1, 1), "f32")
    return (
        b.add(x, x),
        b.reshape(b.add(y, y), ()),
        total(b, x, (0,)),
        total(b, x, (1,)),
        b.concatenate((x, b.parameter((2, 3), "f32")), 0),
        b.pad(x, b.constant(np.float32(7)), (1, 0), (1, 1), (0, 0)),
        b.dot_general(b.parameter((4, 0), "f32"), x, contracting=((1,), (0,))),
    )


@case
def reshapes_and_broadcasts(b):
    x, y = b.parameter((4, 6), "f32"), b.parameter((6,), "f32")
    z = b.add(x, spread(b, b.reshape(y, (1, 6)), (4, 6), 0, 1))
    w = b.reshape(b.multiply(z, z), (2, 2, 6))
    return b.reshape(z, (3, 8)), b.add(w, spread(b, y, (2, 2, 6), 2)), b.reshape(x, (24,))


@case
def reshape_across_axes(b):
    x, y = b.parameter((4, 6), "f32"), b.parameter((6,), "f32")
    z = b.exponential(b.add(x, spread(b, y, (4, 6), 1)))
    w = b.reshape(z, (3, 8))
    return (b.multiply(w, spread(b, b.parameter((3,), "f32"), (3, 8), 0)),)


@case
def moves(b):
    x = b.parameter((5, 6, 7), "f32")
    y = b.add(b.transpose(x, (2, 0, 1)), splat(b, 1.0, b.transpose(x, (2, 0, 1))))
    z = b.reverse(x, (0, 2))
    s = b.slice(x, (1, 0, 2), (5, 6, 7), (2, 1, 3))
    return y, b.multiply(z, x), b.negate(s), b.slice(x, (2, 0, 0), (3, 6, 7), (1, 1, 1))


@case
def tiled_transposes(b):
    x, y = b.parameter((70, 3, 131), "f32"), b.parameter((131,), "f32")
    z = b.transpose(b.parameter((20, 18), "f32"), (1, 0))
    w = b.add(b.transpose(x, (2, 1, 0)), spread(b, y, (131, 3, 70), 0))
    return b.multiply(w, w), b.exponential(z), b.add(z, b.parameter((18, 20), "f32"))


@case
def pads(b):
    x, v = b.parameter((4, 5), "f32"), b.parameter((), "f32")
    return (
        b.pad(x, v, (1, 2), (0, 3), (0, 0)),
        b.pad(b.exponential(x), v, (-1, 2), (2, -1), (0, 0)),
        b.pad(x, v, (0, 1), (0, 2), (0, 2)),
        b.pad(x, v, (-2, 1), (1, -3), (2, 1)),
        b.pad(x, v, (-3, 0), (2, 0), (0, 0)),
        b.pad(b.parameter((3,), "i32"), b.constant(np.int32(4)), (2,), (-6,), (2,)),
    )


@case
def concatenations(b):
    x, y, z = (b.parameter((n, 4), "f32") for n in (2, 1, 3))
    all3 = b.concatenate((x, b.negate(y), z), 0)
    side = b.concatenate((x, b.add(x, x)), 1)
    return b.tanh(all3), side, b.concatenate((b.parameter((3,), "i8"),), 0)


@case
def counting(b):
    x = b.iota((3, 4), "f32", 1)
    y = b.iota((3, 4, 5), "i32", 1)
    return (
        b.add(x, b.parameter((3, 4), "f32")),
        y,
        b.iota((6,), "ui8", 0),
        b.compare(y, splat(b, 2, y), "GE"),
    )


@case
def conversions(b):
    x, n = b.parameter((9,), "f32"), b.parameter((9,), "i32")
    bits = b.bitcast_convert(x, "i32")
    return (
        b.convert(x, "i8"), b.convert(x, "bf16"), b.convert(b.convert(n, "f16"), "f64"), bits,
        b.convert(n, "i1"), b.bitcast_convert(n, "ui8", (9, 4)),
        b.convert(b.convert(n, "ui16"), "f32"),
    )  # fmt: skip


@case
def selection(b):
    p, x, y = b.parameter((), "i1"), b.parameter((3, 4), "f32"), b.parameter((3, 4), "f32")
    low, high = b.parameter((), "f32"), b.constant(np.float32(0.5))
    return b.select(p, x, y), b.clamp(low, x, high), b.select(b.compare(x, y, "NE"), x, y)


@case
def row_softmax(b):
    return (softmax(b, b.parameter((6, 33), "f32"), 1),)


@case
def column_softmax(b):
    return (softmax(b, b.parameter((6, 133), "f32"), 0),)


@case
def middle_softmax(b):
    return (softmax(b, b.parameter((3, 5, 7), "f32"), 1),)


@case
def layer_norm(b):
    x, g = b.parameter((2, 3, 20), "f32"), b.parameter((20,), "f32")
    n = splat(b, 20.0, b.parameter((2, 3), "f32"))
    mean = b.divide(total(b, x, (2,)), n)
    d = b.subtract(x, spread(b, mean, (2, 3, 20), 0, 1))
    var = b.divide(total(b, b.multiply(d, d), (2,)), n)
    inverse = b.rsqrt(b.add(var, splat(b, 1e-5, var)))
    y = b.multiply(d, spread(b, inverse, (2, 3, 20), 0, 1))
    return b.multiply(y, spread(b, g, (2, 3, 20), 2)), mean, inverse


@case
def gelu_norm_kept(b):
    x = b.parameter((5, 19), "f32")
    g = b.multiply(x, b.erf(x))
    s = total(b, g, (1,))
    return b.subtract(g, spread(b, s, (5, 19), 0)), g, b.exponential(s)


@case
def reductions(b):
    x = b.parameter((4, 5, 6), "f32")
    n = b.parameter((4, 5), "i32")
    p = b.compare(n, splat(b, 0, n), "GT")
    return (
        total(b, x, (0,)), total(b, x, (1,)), total(b, x, (2,)), total(b, x, (0, 2)),
        total(b, x, (0, 1, 2)), total(b, x, (1, 2), "maximum"), total(b, x, (0, 1), "minimum"),
        total(b, n, (1,), "multiply"), total(b, p, (0,), "and"), total(b, p, (0, 1), "or"),
        total(b, x, ()), b.reduce(x, b.constant(np.float32(3)), (2,), "add"),
    )  # fmt: skip


@case
def narrow_reductions(b):
    x, y = b.parameter((40, 50), "bf16"), b.parameter((40, 50), "f16")
    return total(b, x, (1,)), total(b, y, (0,)), total(b, x, (0, 1)), total(b, y, (1,), "maximum")


@case
def split_reductions(b):
    x, y = b.parameter((137, 1021), "f32"), b.parameter((137, 1021), "f32")
    z = b.multiply(x, y)
    everything = total(b, z, (0, 1))
    return b.sqrt(b.abs(everything)), b.tanh(z)


@case
def split_columns(b):
    x = b.parameter((13001, 11), "f32")
    start = b.constant(np.float32(5))
    low = b.reduce(x, start, (0,), "add")
    return b.add(low, low), total(b, x, (0,), "maximum")


@case
def split_rows(b):
    x, y = b.parameter((3, 50001), "f32"), b.parameter((3,), "f32")
    return (total(b, b.multiply(x, spread(b, y, (3, 50001), 0)), (1,), "minimum"),)


@case
def split_long_columns(b):
    return (total(b, b.parameter((1030, 1029), "f32"), (0,)),)


@case
def siblings(b):
    x = b.parameter((6, 8), "f32")
    mean, square = total(b, x, (1,)), total(b, b.multiply(x, x), (1,))
    return b.subtract(square, b.multiply(mean, mean)), total(b, x, (0,))


def larger(b, x, i, y, j):
    better = b.or_(b.compare(x, y, "GT"), b.compare(x, x, "NE"))
    equal = b.and_(b.compare(x, y, "EQ"), b.compare(i, j, "LT"))
    return b.select(better, x, y), b.select(b.or_(better, equal), i, j)


@case
def argmax(b):
    x = b.parameter((4, 5, 6), "f32")
    found = []
    for axes in ((2,), (0,), (1, 2), (0, 1, 2)):
        index = b.iota((4, 5, 6), "i32", axes[-1])
        inits = b.constant(np.float32(-np.inf)), b.constant(np.int32(0))
        found += b.reduce_multi((x, index), inits, axes, larger)
    return tuple(found)


@case
def two_sums(b):
    x, y = b.parameter((4, 5), "f32"), b.parameter((4, 5), "i32")
    inits = b.constant(np.float32(0)), b.constant(np.int32(100))
    body = lambda b, x, i, y, j: (b.add(x, y), b.minimum(i, j))
    return b.reduce_multi((x, y), inits, (1,), body)


@case
def products(b):
    x, w = b.parameter((5, 7), "f32"), b.parameter((7, 9), "f32")
    bias = b.parameter((9,), "f32")
    h = b.add(b.dot_general(x, w, contracting=((1,), (0,))), spread(b, bias, (5, 9), 1))
    gradient = b.dot_general(x, h, contracting=((0,), (0,)))
    back = b.dot_general(h, w, contracting=((1,), (1,)))
    return b.maximum(h, splat(b, 0.0, h)), b.subtract(w, gradient), b.exponential(back)


@case
def batched_products(b):
    x, y = b.parameter((2, 3, 5, 4), "f32"), b.parameter((2, 3, 6, 4), "f32")
    scores = b.dot_general(x, y, batching=((0, 1), (0, 1)), contracting=((3,), (3,)))
    mixed = b.dot_general(x, y, batching=((1,), (1,)), contracting=((0, 3), (0, 3)))
    moved = b.dot_general(x, b.parameter((5, 3, 2), "f32"), contracting=((1, 0), (1, 2)))
    return b.tanh(scores), mixed, moved


@case
def vector_products(b):
    x, y, m = b.parameter((40,), "f32"), b.parameter((40,), "f32"), b.parameter((40, 30), "f32")
    t = b.parameter((2, 5, 40), "f32")
    return (
        b.dot_general(x, y, contracting=((0,), (0,))),
        b.dot_general(x, m, contracting=((0,), (0,))),
        b.dot_general(m, x, contracting=((0,), (0,))),
        b.dot_general(b.reshape(x, (40, 1)), b.reshape(y, (1, 40)), contracting=((1,), (0,))),
        b.dot_general(x, y),
        b.dot_general(t, b.reshape(y, (40, 1)), contracting=((2,), (0,))),
        b.dot_general(
            t, b.parameter((2, 40), "f32"), batching=((0,), (0,)), contracting=((2,), (1,))
        ),
    )  # fmt: skip


@case
def thin_products(b):
    x, y = b.parameter((3, 40, 2), "f32"), b.parameter((1, 40), "f32")
    lhs, rhs = b.parameter((1, 6), "i1"), b.parameter((6, 1), "i1")
    return (
        b.dot_general(x, y, contracting=((1,), (1,))),
        b.dot_general(y, x, contracting=((1,), (1,))),
        b.dot_general(lhs, rhs, contracting=((1,), (0,))),
    )


@case
def typed_products(b):
    x, y = b.parameter((5, 6), "i32"), b.parameter((6, 4), "i32")
    p, q = b.parameter((5, 6), "bf16"), b.parameter((6, 4), "bf16")
    return (
        b.dot_general(x, y, contracting=((1,), (0,))),
        b.dot_general(p, q, contracting=((1,), (0,)), out_dtype="f32"),
        b.dot_general(b.reshape(p, (30,)), b.reshape(p, (30,)), contracting=((0,), (0,))),
    )


@case
def dynamic_slices(b):
    x, u = b.parameter((6, 7), "f32"), b.parameter((2, 3), "f32")
    i, j = b.parameter((), "i32"), b.parameter((), "i32")
    many = b.constant(np.int32(100))
    y = b.add(x, x)
    return (
        b.negate(b.dynamic_slice(x, (i, j), (2, 3))),
        b.dynamic_slice(y, (many, i), (1, 7)),
        b.dynamic_update_slice(x, b.exponential(u), (j, many)),
        b.dynamic_update_slice(y, u, (i, j)),
        y,
    )


@case
def gathers(b):
    x, rows = b.parameter((9, 4), "f32"), b.parameter((5, 1), "i32")
    taken = b.gather(
        x, rows, offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,),
        index_vector_dim=1, slice_sizes=(1, 4),
    )  # fmt: skip
    pairs = b.parameter((3, 2, 2), "i64")
    windows = b.gather(
        x, pairs, offset_dims=(0, 3), collapsed_slice_dims=(), start_index_map=(1, 0),
        index_vector_dim=2, slice_sizes=(3, 2),
    )  # fmt: skip
    batched = b.gather(
        x, b.parameter((9, 2), "ui8"), offset_dims=(), collapsed_slice_dims=(1,),
        start_index_map=(1,), index_vector_dim=2, slice_sizes=(1, 1), operand_batching_dims=(0,),
        start_indices_batching_dims=(0,),
    )  # fmt: skip
    return b.tanh(taken), windows, batched


@case
def scatters(b):
    x, rows = b.parameter((9, 4), "f32"), b.parameter((5, 1), "i32")
    u = b.parameter((5, 4), "f32")
    added = b.scatter(
        x, rows, u, "add", update_window_dims=(1,), inserted_window_dims=(0,),
        scatter_dims_to_operand_dims=(0,), index_vector_dim=1,
    )  # fmt: skip
    pairs = b.parameter((3, 2), "i64")
    written = b.scatter(
        x, pairs, b.parameter((3, 2, 3), "f32"), lambda b, old, new: new, update_window_dims=(1, 2),
        inserted_window_dims=(), scatter_dims_to_operand_dims=(0, 1), index_vector_dim=1,
    )  # fmt: skip
    whole = b.scatter(
        b.exponential(x), b.parameter((0,), "i32"), b.parameter((9, 4), "f32"), "maximum",
        update_window_dims=(0, 1), inserted_window_dims=(), scatter_dims_to_operand_dims=(),
        index_vector_dim=0,
    )  # fmt: skip
    nothing = b.scatter(
        x, b.parameter((0, 1), "i32"), b.parameter((0, 4), "f32"), "add", update_window_dims=(1,),
        inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,), index_vector_dim=1,
    )  # fmt: skip
    return added, written, whole, nothing


@case
def wide_scatter(b):
    return (
        b.scatter(
            b.parameter((11, 150), "f32"), b.parameter((7, 2), "i32"),
            b.parameter((7, 2, 150), "f32"), "add", update_window_dims=(2,),
            inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,), index_vector_dim=2,
        ),
    )  # fmt: skip


@case
def window_reductions(b):
    x = b.parameter((2, 7, 8), "f32")
    zero, least = b.constant(np.float32(0)), b.constant(np.float32(-np.inf))
    ones = (1, 1, 1)
    common = {"window_strides": (1, 2, 2), "window_dilations": ones, "base_dilations": ones}
    pooled = b.reduce_window(
        x, least, "maximum", window_dimensions=(1, 3, 3), padding=((0, 0), (1, 1), (1, 1)), **common
    )
    spread_out = b.reduce_window(
        x, zero, "add", window_dimensions=(1, 2, 3), window_strides=(1, 1, 2),
        window_dilations=(1, 2, 1), base_dilations=(1, 2, 1), padding=((0, 0), (0, 2), (3, 0)),
    )  # fmt: skip
    odd = b.reduce_window(
        x, zero, lambda b, x, y: b.add(b.maximum(x, y), b.minimum(x, y)),
        window_dimensions=(1, 2, 2), padding=((0, 0),) * 3, **common,
    )  # fmt: skip
    return pooled, spread_out, odd


@case
def loop(b):
    n, x = b.parameter((), "i32"), b.parameter((4, 5), "f32")
    y = b.parameter((4, 5), "f32")
    limit = b.constant(np.int32(6))

    def condition(b, i, a, c):
        return b.compare(i, limit, "LT")

    def body(b, i, a, c):
        new = b.add(b.multiply(a, splat(b, 0.5, a)), b.tanh(y))
        return b.add(i, b.constant(np.int32(1))), new, b.add(c, total(b, new, (0,)))

    start = spread(b, b.constant(np.float32(0)), (5,))
    return b.while_((n, b.exponential(x), start), condition, body)


@case
def swapping_loop(b):
    x, y = b.parameter((6,), "f32"), b.parameter((6,), "f32")

    def body(b, i, u, v, w):
        return b.add(i, b.constant(np.int32(1))), v, b.add(u, v), u

    condition = lambda b, i, u, v, w: b.compare(i, b.constant(np.int32(5)), "LT")
    _, u, v, w = b.while_((b.constant(np.int32(0)), x, y, x), condition, body)
    return u, v, w, b.add(x, u)


@case
def nested_loop(b):
    x = b.parameter((3,), "f32")
    one = b.constant(np.int32(1))
    less = lambda n: lambda b, i, *_: b.compare(i, b.constant(np.int32(n)), "LT")

    def inner(b, j, v):
        return b.add(j, one), b.add(v, x)

    def outer(b, i, v):
        j, w = b.while_((i, v), less(4), inner)
        return b.add(b.add(i, one), b.multiply(j, b.constant(np.int32(0)))), b.negate(w)

    return b.while_((b.constant(np.int32(0)), x), less(3), outer)


@case
def untouched_loop(b):
    x, y = b.parameter((3,), "f32"), b.parameter((3,), "f32")
    never = lambda b, a, c: b.constant(np.bool_(False))
    return b.while_((x, b.add(x, y)), never, lambda b, a, c: (c, a))


@case
def branches(b):
    index, x, y = b.parameter((), "i32"), b.parameter((4,), "f32"), b.parameter((4,), "f32")
    z = b.add(x, y)
    chosen = b.case(
        index,
        [
            lambda b: (b.exponential(z), x),
            lambda b: (b.negate(x), b.add(z, z)),
            lambda b: (z, splat(b, 3.0, x)),
        ],
    )
    positive = b.compare(total(b, x, (0,)), b.constant(np.float32(0)), "GT")
    picked = b.if_(positive, lambda b: (b.add(x, chosen[0]),), lambda b: (y,))
    return (*chosen, *picked)


@case
def loop_with_branches(b):
    x = b.parameter((5,), "f32")

    def body(b, i, v):
        even = b.remainder(i, b.constant(np.int32(2)))
        (w,) = b.case(even, [lambda b: (b.add(v, x),), lambda b: (b.tanh(v),)])
        return b.add(i, b.constant(np.int32(1))), w

    condition = lambda b, i, v: b.compare(i, b.constant(np.int32(5)), "LT")
    return b.while_((b.constant(np.int32(0)), x), condition, body)


@case
def plumbing(b):
    x, y = b.parameter((4, 5), "f32"), b.parameter((2,), "f64")
    table = b.constant(np.arange(20, dtype=np.float32).reshape(4, 5))
    big = spread(b, b.constant(np.float32(2)), (50, 60))
    z, w = b.optimization_barrier(b.add(x, table), y)
    return x, b.reshape(x, (20,)), b.multiply(z, z), z, z, table, big, w, b.constant(np.int64(9))


@case
def python(b):
    x, y = b.parameter((4, 5), "f32"), b.parameter((3,), "f64")
    (z,) = b.custom_call(lambda x: [x[0] * 2], [b.add(x, x)], [TensorType((5,), "f32")])
    b.custom_call(lambda *_: [], [z, y], [])
    kinds = [TensorType((3,), "i1"), TensorType((), "bf16"), TensorType((0, 2), "i8")]
    found = b.custom_call(_several, [b.negate(y), z], kinds, has_side_effect=False)

    def body(b, i, v):
        (w,) = b.custom_call(lambda i, v: [v + i.astype(v.dtype)], [i, v], [v.type])
        return b.add(i, b.constant(np.int32(1))), w

    condition = lambda b, i, v: b.compare(i, b.constant(np.int32(3)), "LT")
    return *b.while_((b.constant(np.int32(0)), b.tanh(z)), condition, body)[1:], *found


def _several(y, z):
    return y > 0, np.asarray(z.sum()).astype(to_numpy("bf16")), np.empty((0, 2), np.int8)


@case
def random_bits(b):
    x, y = b.parameter((50,), "ui32"), b.parameter((50,), "ui32")
    for turn in (13, 15, 26, 6):
        x = b.add(x, y)
        left = b.shift_left(y, splat(b, turn, y))
        right = b.shift_right_logical(y, splat(b, 32 - turn, y))
        y = b.xor(x, b.or_(left, right))
    return x, y


def build(name):
    """The module of a case and arguments for it: small integers where indices are wanted."""
    b = Builder(name)
    module = b.build(*CASES[name](b))
    rng = np.random.default_rng(len(name))
    return module, [draw(rng, p.type) for p in module.main.body.parameters]


def draw(rng, kind):
    dtype = to_numpy(kind.dtype)
    if kind.dtype == "i1":
        return rng.random(kind.shape) < 0.5
    if dtype.kind in "iu":
        low = 0 if dtype.kind == "u" else -3
        return rng.integers(low, 12, kind.shape).astype(dtype).reshape(kind.shape)
    return rng.standard_normal(kind.shape).astype(dtype).reshape(kind.shape)
