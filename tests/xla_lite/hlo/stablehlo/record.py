"""Record what JAX prints and computes for a set of programs, as material for ``test_stablehlo.py``.

Needs JAX (extra ``bench``); run as ``python tests/xla_lite/hlo/stablehlo/record.py``. Each program
becomes ``name.mlir`` (the text of ``jax.jit(f).lower(*args).as_text()``) and ``name.npz``
(arguments ``a0 a1 ...`` and results ``r0 r1 ...``; bfloat16 as raw bytes).
"""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

HERE = Path(__file__).parent
PROGRAMS = {}
RNG = np.random.default_rng(7)


def program(*args, **jit_options):
    def register(f):
        PROGRAMS[f.__name__] = (f, args, jit_options)
        return f

    return register


def normal(*shape, dtype=np.float32):
    return RNG.normal(size=shape).astype(dtype)


def ints(low, high, *shape, dtype=np.int32):
    return RNG.integers(low, high, size=shape).astype(dtype)


X = normal(4, 6)
PARAMS = (normal(6, 5), normal(5), normal(5, 3), normal(3))
LABELS = np.array([0, 2, 1, 2], np.int32)


@program(X, normal(6))
def elementwise_chain(x, b):
    return jnp.tanh(x * 2.0 + b) / (1.0 + jnp.exp(-x)) - jnp.sqrt(jnp.abs(x)) + jnp.sign(x)


def mlp(params, x):
    w1, b1, w2, b2 = params
    return jax.nn.relu(x @ w1 + b1) @ w2 + b2


def loss(params, x, labels):
    logp = jax.nn.log_softmax(mlp(params, x))
    return -jnp.mean(jnp.sum(jax.nn.one_hot(labels, 3) * logp, axis=1))


program(PARAMS, X)(mlp)


@program(PARAMS, X, LABELS)
def mlp_loss_grad(params, x, labels):
    return jax.value_and_grad(loss)(params, x, labels)


@program(
    PARAMS,
    tuple(0.1 * p for p in PARAMS),
    tuple(p * p for p in PARAMS),
    np.int32(3),
    X,
    LABELS,
    donate_argnums=(0, 1, 2),
)
def adam_step(params, m, v, count, x, labels):
    grads = jax.grad(loss)(params, x, labels)
    count = count + 1
    t = count.astype(jnp.float32)
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
    scale = jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    params = jax.tree.map(lambda p, m, v: p - 1e-3 * scale * m / (jnp.sqrt(v) + 1e-8), params, m, v)
    return params, m, v, count


@program(normal(3, 8), normal(8), normal(8), normal(3, 8))
def layer_norm(x, g, b, ct):
    def f(x, g, b):
        mean = x.mean(-1, keepdims=True)
        var = jnp.square(x - mean).mean(-1, keepdims=True)
        return (x - mean) * lax.rsqrt(var + 1e-5) * g + b

    y, vjp = jax.vjp(f, x, g, b)
    return y, vjp(ct)


@program(normal(3, 7))
def softmax(x):
    return jax.nn.softmax(x, axis=-1), jax.nn.logsumexp(x, axis=0)


@program(
    np.array([[1, 5, 5, -2], [np.nan, 3, 9, 1], [-np.inf, -np.inf, -np.inf, -np.inf]], np.float32)
)
def argmax(x):
    return jnp.argmax(x, 1), jnp.argmin(x, 0), x.max(0), x.min(1)


@program(normal(5, 4), np.array([0, 4, -1, 2], np.int32), np.array([[7, -9], [1, 3]], np.int32))
def gather_scatter(x, i, far):
    picked = (
        x[i],
        x[i, i - 1],
        x.at[far, 0].get(mode="fill", fill_value=-1),
        jnp.take(x, far, axis=1, mode="clip"),
    )
    written = (
        x.at[i].add(1.0),
        x.at[far, 1].set(9.0),
        x.at[i].multiply(x[:4]),
        x.at[1, i].max(0.5),
    )
    return (
        picked,
        written,
        jnp.take_along_axis(x, i[None, :4] % 4, axis=1),
        x[1:4, ::2],
        x[::-1, -1],
    )


@program(normal(3, 4), normal(2, 4))
def pad_concat(x, y):
    low = lax.pad(x, jnp.float32(2), ((1, 2, 1), (-1, 0, 2)))
    return (
        low,
        jnp.pad(x, ((0, 1), (2, 0))),
        jnp.concatenate([x, y, x[:0]]),
        jnp.stack([y, -y], 1),
        x.T.reshape(2, 6),
    )


@program(jax.random.PRNGKey(42))
def threefry(key):
    a, b = jax.random.split(key)
    return (
        jax.random.uniform(a, (5,)),
        jax.random.normal(b, (2, 3)),
        jax.random.bits(key, (4,)),
        jax.random.fold_in(a, 7),
    )


@program(normal(3, 5))
def erf_gelu(x):
    return (
        jax.nn.gelu(x, approximate=False),
        jax.nn.gelu(x),
        lax.erf(x),
        lax.erfc(x),
        lax.erf_inv(jnp.tanh(x)),
    )


@program(
    np.array([0.1, -0.3, 0.9, -0.99, 0.5], np.float32),
    np.array([1.5, 2.5, 30.0, 0.2, 7.1], np.float32),
)
def special_functions(x, y):
    near = [
        jnp.arcsin,
        jnp.arccos,
        jnp.arctan,
        jnp.arctanh,
        jnp.sinh,
        jnp.cosh,
        jnp.arcsinh,
        jnp.tan,
        jnp.expm1,
        jnp.log1p,
    ]
    far = [
        jnp.arccosh,
        lax.lgamma,
        lax.digamma,
        jnp.cbrt,
        lax.rsqrt,
        jnp.log,
        jnp.sin,
        jnp.cos,
        jax.nn.sigmoid,
    ]
    rest = [
        jnp.arctan2(x, y),
        jnp.power(y, x),
        jnp.fmod(y, x),
        jnp.hypot(x, y),
        jnp.round(y),
        lax.round(-y),
    ]
    return [f(x) for f in near], [f(y) for f in far[1:]], far[0](y + 1), rest


@program(normal(2, 3, 4), ints(-5, 6, 3, 4))
def reductions(x, n):
    flags = x > 0
    floats = (
        x.sum(),
        x.sum((0, 2)),
        x.prod(1),
        x.max(2),
        x.min((0, 1)),
        x.mean(0),
        x.var(1),
        x[:, :0].sum(1),
    )
    return floats, n.sum(0), n.prod(1), n.max(), flags.any(1), flags.all((1, 2)), (n ^ 3).sum(1)


@program(normal(2, 3, 4), normal(2, 4, 5), normal(4, 3, 2))
def einsum(x, y, z):
    return (
        jnp.einsum("bij,bjk->bik", x, y, precision="highest"),
        jnp.einsum("bij,jib->b", x, z),
        jnp.einsum("bij,bjk->kib", x, y),
        jnp.tensordot(x, z, axes=((1, 2), (1, 0))),
        x @ y[0],
    )


@program(np.int32(5), normal(3))
def while_fori_scan(n, x):
    powers = lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] * 1.5), (0, x))
    total = lax.fori_loop(0, 4, lambda i, c: c + i * x, x)
    carry, ys = lax.scan(lambda c, v: (c + v, c * v), jnp.float32(0), x)
    return powers, total, carry, ys


@program(np.int32(1), np.bool_(False), normal(3))
def cond_switch(i, p, x):
    branches = [lambda x: x + 1, lambda x: x * 2, lambda x: -x]
    return (
        lax.cond(p, jnp.sin, jnp.cos, x),
        lax.switch(i, branches, x),
        lax.switch(i + 9, branches, x),
    )


@program(
    ints(-20, 20, 8),
    np.array([3, -3, 7, 0, 1, -1, 5, 2], np.int32),
    ints(0, 40, 8, dtype=np.uint32),
)
def integers(x, y, u):
    y1 = jnp.where(y == 0, 1, y)
    arithmetic = (
        x * y,
        lax.div(x, y1),
        lax.rem(x, y1),
        x // y1,
        x % y1,
        lax.integer_pow(x, 3),
        jnp.abs(x),
        lax.sign(x),
    )
    bits = (x & y, x | y, x ^ y, ~x, x << 3, x >> 2, lax.shift_right_logical(x, 2), u << u, u >> 1)
    counts = (lax.population_count(u), lax.clz(u), x.astype(jnp.int8) * jnp.int8(17), u - 50)
    return arithmetic, bits, counts, jnp.clip(x, -3, 4), jnp.where(x > y, x, y), x == y, u < 7


@program(
    normal(4, 8).astype(jnp.bfloat16),
    normal(8, 3).astype(jnp.bfloat16),
    normal(3).astype(jnp.bfloat16),
)
def bfloat16_layer(x, w, b):
    h = jax.nn.relu(x @ w + b)
    return h, h.sum(), jax.nn.softmax(h), (x * 0.1).astype(jnp.float32), x.max(1)


@program(np.array([1.5, -2.7, 3e9, -3e9, np.nan, np.inf, 0.0, 255.9], np.float32), ints(-9, 300, 8))
def casts(x, n):
    targets = [jnp.int32, jnp.int8, jnp.uint8, jnp.bool_, jnp.float16, jnp.bfloat16]
    return (
        [x.astype(t) for t in targets],
        [n.astype(t) for t in [jnp.uint8, jnp.float32, jnp.bool_]],
        lax.bitcast_convert_type(x, jnp.int32),
        jnp.isfinite(x),
        jnp.isnan(x),
    )


@program(normal(2, 5, 4), normal(2, 5, 4), normal(2, 5, 4))
def attention(q, k, v):
    scores = jnp.einsum("btd,bsd->bts", q, k) / 2.0
    mask = jnp.tril(jnp.ones((5, 5), bool))
    weights = jax.nn.softmax(jnp.where(mask, scores, -1e9), axis=-1)
    return jnp.einsum("bts,bsd->btd", weights, v)


@program(normal(4, 6), np.int32(9), np.int32(-4))
def dynamic_slices(x, i, j):
    window = lax.dynamic_slice(x, (i, j), (2, 3))
    return (
        window,
        lax.dynamic_update_slice(x, -window, (j, i)),
        lax.dynamic_index_in_dim(x, 1 + j % 3, 0),
    )


@program(normal(3, 6))
def windows(x):
    pooled = lax.reduce_window(x, -np.inf, lax.max, (2, 3), (1, 2), "SAME")
    return (
        jnp.cumsum(x, 1),
        pooled,
        lax.reduce_window(x, 0.0, lax.add, (2, 2), (2, 1), ((1, 0), (0, 1)), (1, 2), (1, 2)),
    )


@program(normal(3))
def constants(x):
    table = np.array([0.1, 1e-7, 123456789.0, 1e22, np.inf, -np.inf, np.nan, -0.0], np.float32)
    long = np.linspace(0, 1, 120, dtype=np.float32)
    flags = np.arange(101) % 3 == 0
    return (
        table,
        long + x[0],
        flags,
        np.zeros((0, 3), np.float32),
        np.arange(6, dtype=np.int8).reshape(2, 3),
        np.full((2, 2), 7, np.uint16),
    )


def main() -> None:
    with_x64 = {"float64"}
    PROGRAMS["float64"] = (
        lambda x: (jnp.exp(x) @ x.T, jnp.float64(1 / 3) * x, x.sum()),
        (normal(3, 4, dtype=np.float64),),
        {},
    )
    for name, (f, args, options) in PROGRAMS.items():
        with jax.enable_x64(name in with_x64):
            arrays = [np.asarray(x) for x in jax.tree.leaves(args)]
            text = jax.jit(f, keep_unused=True, **options).lower(*args).as_text()
            results = [np.asarray(x) for x in jax.tree.leaves(jax.jit(f)(*args))]
        (HERE / f"{name}.mlir").write_text(text)
        named = {f"a{i}": x for i, x in enumerate(arrays)} | {
            f"r{i}": x for i, x in enumerate(results)
        }
        np.savez_compressed(HERE / f"{name}.npz", **{k: plain(v) for k, v in named.items()})


def plain(x):
    return x.view(np.uint16) if x.dtype == jnp.bfloat16 else x


if __name__ == "__main__":
    main()
