"""Missing names: what JAX, NumPy, PyTorch and Optax have under names that fnx does not have.

A table for each public module, of lines ``names -> what to write instead``; ``names ~> ...`` where
fnx does not have the thing itself yet. So an error says what to do, where the nearest name that
exists would mislead. ``docs/differences.md`` shows the common ones.
"""

from __future__ import annotations

import functools
from typing import NamedTuple


class Missing(NamedTuple):
    """What is known of a name that fnx does not have.

    Attributes:
        instead: what to write; empty if there is nothing.
        is_planned: whether the thing itself is missing, not just the name.
    """

    instead: str
    is_planned: bool


_FNX = """
block_until_ready effects_barrier -> x itself: a call returns when its result is there
jacobian -> fnx.jacrev(f), or fnx.jacfwd(f)
tree_map tree_leaves tree_flatten tree_unflatten tree_structure tree_util -> fnx.tree.map and so on
flatten_util -> fnx.numpy.concatenate([fnx.numpy.ravel(x) for x in fnx.tree.leaves(tree)])
stop_gradient -> fnx.lax.stop_gradient(x)
ad_checkpoint -> fnx.checkpoint, fnx.checkpoint_name
custom_derivatives -> fnx.custom_jvp, fnx.custom_vjp
typing Tensor -> fnx.Array
dtypes -> fnx.numpy.result_type, fnx.numpy.issubdtype and so on
device_get copy_to_host_async -> numpy.asarray(x)
device_put -> fnx.numpy.asarray(x): there is one device
devices local_devices Device default_device default_backend -> nothing: there is one device, the CPU
device_count local_device_count host_count process_count host_id host_ids -> 1
process_index process_indices -> 0
pmap shard_map smap -> fnx.vmap(f, axis_name=...): there is one device; its cores work together
make_mesh set_mesh NamedSharding Shard P reshard sharding -> nothing: there is one device
make_array_from_callback make_array_from_process_local_data -> fnx.numpy.asarray(x)
make_array_from_single_device_arrays -> fnx.numpy.asarray(x)
disable_jit -> the function itself, without fnx.jit
debug_nans debug_infs -> fnx.jit(f, check="nan"), or FNX_CHECKS=nan
debug_key_reuse -> fnx.random.debug_key_reuse()
check_tracer_leaks checking_leaks enable_checks -> nothing: leaks are always found
enable_x64 -> a dtype, as in x.astype("float64"): there is no flag; docs/settings.md
default_matmul_precision -> nothing: products keep the precision of their operands
numpy_dtype_promotion numpy_rank_promotion -> fnx.lax, which is strict
default_prng_impl legacy_prng_key threefry_partitionable -> nothing: there is one generator
custom_gradient fwd_and_bwd -> fnx.custom_vjp
closure_convert -> arguments for what the function closes over
named_scope named_call -> nothing: programs know your lines and functions
ensure_compile_time_eval -> numpy, on what is known
typeof -> x.shape and x.dtype
softmax_custom_jvp -> fnx.nn.softmax(x)
profiler log_compiles explain_cache_misses -> fnx.jit(f).lower(x).compile().as_text("loops")
stages AOT -> fnx.jit(f).trace(x), .lower(), .compile()
experimental -> fnx.checkify, fnx.io_callback
scipy -> fnx.lax.lgamma, fnx.lax.erf, fnx.numpy.logsumexp and so on
export ~> fnx.jit(f).lower(x).as_text(), which is StableHLO
dlpack -> fnx.numpy.from_dlpack(x)
named_sharding clear_caches live_arrays Ref new_ref empty_ref free_ref freeze ~>
array_garbage_collection_guard no_execution no_tracing thread_guard transfer_guard ~>
transfer_guard_device_to_device transfer_guard_device_to_host transfer_guard_host_to_device ~>
allow_f16_reductions auto_pcast jax2tf_associative_scan_reductions make_user_context memory ~>
print_environment_info remove_size_one_mesh_axis_from_type ad ds float0 image ~>
tensor -> fnx.numpy.asarray(x)
no_grad -> nothing: only fnx.grad records; fnx.lax.stop_gradient(x)
compile -> fnx.jit(f)
manual_seed -> fnx.random.key(seed)
"""

_NUMPY = """
around -> fnx.numpy.round(x)
fabs -> fnx.numpy.abs(x)
conjugate -> fnx.numpy.conj(x)
copy -> x itself: nobody can write to it
append insert resize -> fnx.numpy.concatenate([x, y])
delete -> fnx.numpy.concatenate([x[:i], x[i + 1 :]])
column_stack c_ -> fnx.numpy.stack([x, y], axis=-1)
block dstack -> fnx.numpy.concatenate([x, y], axis=2)
r_ -> fnx.numpy.concatenate([x, y])
hsplit -> fnx.numpy.split(x, n, axis=1)
vsplit -> fnx.numpy.split(x, n)
dsplit -> fnx.numpy.split(x, n, axis=2)
fliplr -> fnx.numpy.flip(x, axis=1)
flipud -> fnx.numpy.flip(x, axis=0)
rot90 -> fnx.numpy.flip(x.swapaxes(0, 1), axis=0)
rollaxis -> fnx.numpy.moveaxis(x, source, destination)
shape -> x.shape
ndim -> x.ndim
size -> x.size
dtype -> numpy.dtype, or a string such as "float32"
single -> fnx.numpy.float32
double float_ -> fnx.numpy.float64
int_ -> fnx.numpy.int64
uint -> fnx.numpy.uint64
cdouble csingle complex64 complex128 complex_ ~> two real arrays
complexfloating character object_ ~>
iscomplex iscomplexobj isrealobj angle sort_complex ~>
float4_e2m1fn float6_e2m3fn float6_e3m2fn float8_e3m4 float8_e4m3 float8_e4m3b11fnuz ~>
float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu int1 int2 int4 uint1 uint2 uint4 ~>
flexible floating generic inexact integer number signedinteger unsignedinteger -> numpy's
isscalar iterable -> numpy's function
put fill_diagonal place put_along_axis -> x.at[index].set(values)
extract -> fnx.numpy.compress(mask.ravel(), x.ravel())
flatnonzero -> fnx.numpy.nonzero(x.ravel())[0]
matvec -> fnx.numpy.matmul(m, v[..., None])[..., 0]
vecmat -> fnx.numpy.matmul(v[..., None, :], m)[..., 0, :]
diagflat -> fnx.numpy.diag(x.ravel())
diag_indices -> (fnx.numpy.arange(n),) * 2
diag_indices_from -> (fnx.numpy.arange(len(x)),) * 2
tril_indices tril_indices_from mask_indices -> fnx.numpy.nonzero(fnx.numpy.tri(n))
triu_indices triu_indices_from -> fnx.numpy.nonzero(fnx.numpy.tri(n).T)
indices mgrid ogrid ix_ -> fnx.numpy.meshgrid(rows, columns, indexing="ij")
s_ index_exp -> slice(start, stop)
array_equiv -> fnx.numpy.array_equal(x, y)
array_repr array_str -> repr(x), str(x)
get_printoptions printoptions set_printoptions -> numpy.set_printoptions, which holds for ours too
load save savez fromfile fromiter fromstring -> numpy's function, and fnx.numpy.asarray
fromfunction -> f(*fnx.numpy.meshgrid(..., indexing="ij"))
einsum_path -> fnx.numpy.einsum itself, which chooses a path
vectorize frompyfunc apply_along_axis ufunc -> fnx.vmap(f)
apply_over_axes -> fnx.numpy.sum(x, axis=axes, keepdims=True) and the like
piecewise choose -> fnx.numpy.select(conditions, choices), or fnx.lax.switch(i, functions, x)
nansum -> fnx.numpy.sum(x, where=~fnx.numpy.isnan(x))
nanmean -> fnx.numpy.mean(x, where=~fnx.numpy.isnan(x))
nanprod -> fnx.numpy.prod(x, where=~fnx.numpy.isnan(x))
nanmax -> fnx.numpy.max(x, where=~fnx.numpy.isnan(x), initial=-fnx.numpy.inf)
nanmin -> fnx.numpy.min(x, where=~fnx.numpy.isnan(x), initial=fnx.numpy.inf)
nancumsum -> fnx.numpy.cumsum(fnx.numpy.nan_to_num(x))
nancumprod -> fnx.numpy.cumprod(fnx.numpy.nan_to_num(x, nan=1.0))
nanvar nanstd -> fnx.numpy.mean((x - mean) ** 2, where=~fnx.numpy.isnan(x))
nanargmax -> fnx.numpy.argmax(fnx.numpy.nan_to_num(x, nan=-fnx.numpy.inf))
nanargmin -> fnx.numpy.argmin(fnx.numpy.nan_to_num(x, nan=fnx.numpy.inf))
bincount -> fnx.numpy.zeros(n, "int32").at[x].add(1)
searchsorted digitize -> fnx.numpy.sum(sorted_x < value[..., None], axis=-1)
geomspace -> fnx.numpy.logspace(fnx.numpy.log10(a), fnx.numpy.log10(b), n)
trapezoid -> fnx.numpy.sum((y[1:] + y[:-1]) / 2 * fnx.numpy.diff(x))
ediff1d gradient -> fnx.numpy.diff(x)
interp -> fnx.numpy.take on the places that fnx.numpy.floor gives
vander -> x[:, None] ** fnx.numpy.arange(n)
polyval -> fnx.lax.fori_loop, or a Python loop over the coefficients
euler_gamma -> numpy.euler_gamma
bartlett blackman hamming hanning kaiser -> numpy's function, whose result is known
ravel_multi_index -> i * x.shape[1] + j
unravel_index -> (k // x.shape[1], k % x.shape[1])
cov corrcoef -> d = x - x.mean(1, keepdims=True), and d @ d.T / (d.shape[1] - 1)
sort argsort lexsort partition argpartition ~> {callback}
median percentile quantile nanmedian nanpercentile nanquantile ~> {callback}
histogram histogram2d histogramdd histogram_bin_edges ~> {known}
unique unique_all unique_counts unique_inverse unique_values trim_zeros ~> {known}
union1d intersect1d setdiff1d setxor1d ~> fnx.numpy.isin(x, y)
linalg ~> fnx.numpy.vector_norm(x) for a norm; {callback:linalg.inv}
fft ~>
convolve correlate ~> {callback}
random -> fnx.random
gcd lcm frexp i0 spacing unwrap packbits unpackbits ~>
poly polyadd polyder polydiv polyfit polyint polymul polysub roots ComplexWarning ~>
"""

_LAX = """
gather index_take -> x[index], or fnx.numpy.take
scatter scatter_apply -> x.at[index].set(y)
scatter_add scatter_sub -> x.at[index].add(y)
scatter_mul -> x.at[index].multiply(y)
scatter_max -> x.at[index].max(y)
scatter_min -> x.at[index].min(y)
reduce reduce_xor cumlogsumexp -> fnx.lax.reduce_sum and so on, or fnx.lax.associative_scan(f, x)
reduce_window reduce_window_shape_tuple ~> fnx.lax.reduce_max over shifted slices
conv conv_general_dilated conv_general_dilated_local conv_transpose conv_with_general_padding ~>
conv_general_dilated_patches conv_dimension_numbers conv_general_permutations ~>
conv_general_shape_tuple conv_shape_tuple conv_transpose_shape_tuple padtype_to_pads ~>
ConvDimensionNumbers ConvGeneralDilatedDimensionNumbers ~>
sort sort_key_val ~> {callback:sort}
top_k approx_max_k approx_min_k ~> fnx.lax.argmax for the largest
linalg fft FftType complex ~>
broadcast_shapes -> fnx.numpy.broadcast_shapes
broadcast_to_rank broadcast_like -> fnx.lax.broadcast_in_dim
conj real imag -> fnx.numpy.conj(x) and so on
nextafter split stack unstack tile empty dtype -> the function of that name in fnx.numpy
shape_as_value -> x.shape
with_sharding_constraint pcast reduce_precision dce_sink -> x itself, or x.astype(dtype)
pswapaxes ragged_all_to_all -> fnx.lax.all_to_all
psend precv -> fnx.lax.ppermute
platform_dependent composite stage -> the function itself: there is one platform
after_all create_token -> nothing: effects happen in program order
custom_linear_solve custom_root -> fnx.custom_vjp
rng_uniform rng_bit_generator RandomAlgorithm -> fnx.random.uniform, fnx.random.bits
scaled_dot ragged_dot ragged_dot_general -> fnx.lax.dot_general
Precision PrecisionLike DotAlgorithm DotAlgorithmPreset AccuracyMode Tolerance -> nothing
DotDimensionNumbers GatherDimensionNumbers ScatterDimensionNumbers -> tuples
RaggedDotDimensionNumbers GatherScatterMode RoundingMethod -> strings and tuples
bessel_i0e bessel_i1e betainc igamma igammac igamma_grad_a polygamma random_gamma_grad zeta mulhi ~>
"""

_RANDOM = """
key_data key_impl key_dtype clone -> the key itself: it is an array uint32[2]
wrap_key_data -> the array itself
shuffle -> fnx.random.permutation(key, x)
seed default_rng RandomState Generator -> fnx.random.key(seed)
integers randint_like -> fnx.random.randint(key, shape, minval, maxval)
rand random random_sample -> fnx.random.uniform(key, shape)
randn standard_normal -> fnx.random.normal(key, shape)
lognormal -> fnx.numpy.exp(sigma * fnx.random.normal(key, shape))
rayleigh -> scale * fnx.numpy.sqrt(2 * fnx.random.exponential(key, shape))
weibull_min -> scale * fnx.random.exponential(key, shape) ** (1 / concentration)
pareto -> fnx.numpy.exp(fnx.random.exponential(key, shape) / b)
multivariate_normal -> mean + fnx.random.normal(key, (n,)) @ factor.T, of a Cholesky factor
geometric -> fnx.numpy.ceil(fnx.random.exponential(key, shape) / -fnx.numpy.log1p(-p))
multinomial -> fnx.random.categorical(key, logits, shape=(n,)), and counts of it
maxwell -> fnx.numpy.vector_norm(fnx.random.normal(key, (*shape, 3)), axis=-1)
ball beta binomial chisquare dirichlet f gamma generalized_normal loggamma orthogonal poisson t ~>
triangular wald double_sided_maxwell ~>
"""

_TREE = """
leaves_with_path -> fnx.tree.flatten_with_path(x)[0]
broadcast -> fnx.tree.broadcast_prefix
reduce_associative -> fnx.tree.reduce
static ~>
"""

_NN = """
swish SiLU Swish -> fnx.nn.silu(x)
one_hot -> (labels[..., None] == fnx.numpy.arange(n)).astype("float32")
logsumexp -> fnx.numpy.logsumexp(x, axis=-1)
logmeanexp -> fnx.numpy.logsumexp(x) - fnx.numpy.log(x.size)
log1mexp -> fnx.numpy.log(-fnx.numpy.expm1(-x))
hard_tanh -> fnx.numpy.clip(x, -1, 1)
relu6 ReLU6 -> fnx.numpy.clip(x, 0, 6)
hard_sigmoid -> fnx.numpy.clip(x / 6 + 0.5, 0, 1)
hard_silu hard_swish -> x * fnx.numpy.clip(x / 6 + 0.5, 0, 1)
log_sigmoid -> -fnx.nn.softplus(-x)
soft_sign -> x / (1 + fnx.numpy.abs(x))
mish -> x * fnx.numpy.tanh(fnx.nn.softplus(x))
squareplus -> (x + fnx.numpy.sqrt(x * x + 4)) / 2
standardize -> d / fnx.numpy.sqrt((d * d).mean(-1, keepdims=True) + 1e-5), d = x - its mean
glu -> a * fnx.nn.sigmoid(b), of fnx.numpy.split(x, 2, axis=-1)
celu sparse_plus sparse_sigmoid ~>
dot_product_attention -> fnx.nn.softmax(q @ k.mT / fnx.numpy.sqrt(k.shape[-1])) @ v
scaled_dot_general scaled_matmul get_scaled_dot_general_config -> fnx.lax.dot_general
Linear -> fnx.nn.Dense(in_size, out_size, key=key)
ReLU GELU SELU ELU Tanh Sigmoid Softmax Softplus LeakyReLU -> the function, fnx.nn.relu and so on
ModuleList ModuleDict -> a list or a dict as a field
Parameter -> an array as a field
MSELoss -> fnx.nn.mse(predictions, targets)
CrossEntropyLoss NLLLoss -> fnx.nn.cross_entropy(logits, labels)
Embedding -> table[indices]
functional -> fnx.nn itself: fnx.nn.relu(x) and so on
Flatten -> x.reshape(len(x), -1)
Dropout -> x * fnx.random.bernoulli(key, keep, x.shape) / keep
Conv Conv1d Conv2d Conv3d BatchNorm BatchNorm1d BatchNorm2d LayerNorm GroupNorm RMSNorm ~>
RNN LSTM GRU LSTMCell GRUCell MaxPool2d AvgPool2d MultiheadAttention MultiHeadAttention ~>
Transformer ~>
"""

_OPTIM = """
SGD Adam AdamW RMSprop -> the function, fnx.optim.sgd and so on
lr_scheduler LambdaLR -> a function of the step count: fnx.optim.adam(lambda step: ...)
constant_schedule -> fnx.optim.Constant(value)
cosine_decay_schedule CosineAnnealingLR -> fnx.optim.Cosine(initial, steps)
linear_schedule -> fnx.optim.Linear(initial, final, steps)
exponential_decay StepLR -> fnx.optim.Step(initial, every, factor)
warmup_cosine_decay_schedule -> fnx.optim.Warmup(steps, fnx.optim.Cosine(initial, steps))
inject_hyperparams -> the optimiser itself: its hyperparameters are leaves
trace -> fnx.optim.Momentum(decay)
add_decayed_weights -> fnx.optim.AddDecayedWeights(rate)
scale_by_adam -> fnx.optim.ScaleByAdam()
scale_by_learning_rate scale -> fnx.optim.ScaleByLearningRate(rate)
clip -> fnx.optim.clip_by_global_norm(max_norm)
adagrad adadelta adamax lamb lars lion lbfgs nadam radam MultiSteps lookahead ema ~>
"""

_TABLES = {
    "fnx": _FNX, "fnx.numpy": _NUMPY, "fnx.lax": _LAX, "fnx.random": _RANDOM, "fnx.tree": _TREE,
    "fnx.nn": _NN, "fnx.optim": _OPTIM,
}  # fmt: skip


@functools.cache
def missing_names(module: str) -> dict[str, Missing]:
    """The names that a public module lacks."""
    found = {}
    for line in _TABLES.get(module, "").strip().splitlines():
        arrow = "~>" if "~>" in line else "->"
        names, instead = line.split(arrow, 1)
        for name in names.split():
            found[name] = Missing(_filled(instead.strip(), name), arrow == "~>")
    return found


def _filled(instead: str, name: str) -> str:
    """The words for NumPy's functions: of this name, or of the one behind the colon."""
    before, brace, kind = instead.partition("{")
    if not brace:
        return instead
    kind, *others = kind.strip("}").split(":")
    name = others[0] if others else name
    known = f"fnx.numpy.asarray(numpy.{name}(x)) where x is known"
    known = before + known
    return known if kind == "known" else f"{known}; elsewhere\n{by_callback(f'numpy.{name}')}"


def by_callback(function: str) -> str:
    """How compiled code calls a function of NumPy."""
    return f"fnx.pure_callback({function}, fnx.ShapeDtypeStruct(shape, dtype), x)"
