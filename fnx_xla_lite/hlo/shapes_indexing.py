"""Shape rules of dynamic indexing, gather, scatter, reductions and control flow."""

from __future__ import annotations

from fnx_xla_lite.hlo.dtypes import INTS
from fnx_xla_lite.hlo.ir import Computation, TensorType
from fnx_xla_lite.hlo.shapes import Site, Types


def _check_starts(site: Site, x: TensorType, starts: tuple[TensorType, ...]) -> None:
    site.require(len(starts) == x.rank, "one start index per axis")
    for start in starts:
        site.require(
            start.rank == 0 and start.dtype in INTS, "start indices must be rank-0 integers"
        )


def dynamic_slice(site: Site) -> Types:
    """``slice_sizes`` of the operand; starts are clamped so that the slice fits."""
    x, *starts = site.operands
    _check_starts(site, x, tuple(starts))
    sizes = tuple(site.attributes["slice_sizes"])
    site.require(len(sizes) == x.rank, "one slice size per axis")
    fits = all(0 <= size <= limit for size, limit in zip(sizes, x.shape, strict=True))
    site.require(fits, "slice sizes must not exceed the operand")
    return (TensorType(sizes, x.dtype),)


def dynamic_update_slice(site: Site) -> Types:
    """The operand's type; the update fits inside."""
    x, update, *starts = site.operands
    _check_starts(site, x, tuple(starts))
    site.require(
        update.dtype == x.dtype and update.rank == x.rank, "the update must match in rank and type"
    )
    fits = all(size <= limit for size, limit in zip(update.shape, x.shape, strict=True))
    site.require(fits, "the update must not exceed the operand")
    return (x,)


def _index_vector(site: Site, indices: TensorType, axis: int) -> tuple[tuple[int, ...], int]:
    """The batch shape of an index array and the length of its index vectors."""
    site.require(indices.dtype in INTS, "indices must be integers")
    site.require(
        0 <= axis <= indices.rank, "index_vector_dim must be an axis of the indices, or their rank"
    )
    if axis == indices.rank:
        return indices.shape, 1
    return indices.shape[:axis] + indices.shape[axis + 1 :], indices.shape[axis]


def gather(site: Site) -> Types:
    """StableHLO ``gather``.

    Offset axes hold the slice, the others follow the indices' batch axes.
    """
    x, indices = site.operands
    attrs = site.attributes
    batch, length = _index_vector(site, indices, attrs["index_vector_dim"])
    start_map = site.axes("start_index_map", x.rank)
    collapsed = site.axes("collapsed_slice_dims", x.rank)
    batching = site.axes("operand_batching_dims", x.rank)
    index_batching = site.axes("start_indices_batching_dims", indices.rank)
    sizes = attrs["slice_sizes"]
    site.require(len(sizes) == x.rank, "one slice size per axis")
    site.require(len(start_map) == length, "start_index_map must match the index vectors")
    site.require(len(batching) == len(index_batching), "batching dims must pair up")
    site.require(not set(batching) & set(start_map), "batching dims are not indexed")
    dropped = (*collapsed, *batching)
    site.require(len(set(dropped)) == len(dropped), "collapsed and batching dims must be distinct")
    fits = all(0 <= size <= limit for size, limit in zip(sizes, x.shape, strict=True))
    site.require(fits, "slice sizes must not exceed the operand")
    site.require(
        all(sizes[axis] <= 1 for axis in dropped), "collapsed and batching slices have size 1"
    )
    window = [size for axis, size in enumerate(sizes) if axis not in dropped]
    rank = len(batch) + len(window)
    offsets = site.axes("offset_dims", rank)
    site.require(
        len(offsets) == len(window), "offset_dims must name one result axis per slice axis"
    )
    site.require(list(offsets) == sorted(offsets), "offset_dims must be sorted")
    inner, outer = iter(window), iter(batch)
    return (
        TensorType(tuple(next(inner if d in offsets else outer) for d in range(rank)), x.dtype),
    )


def scatter(site: Site) -> Types:
    """StableHLO ``scatter`` of one operand: the operand's type."""
    site.require(len(site.operands) == 3, "scatter takes one operand, indices and updates")
    x, indices, updates = site.operands
    batch, length = _index_vector(site, indices, site.attributes["index_vector_dim"])
    target = site.axes("scatter_dims_to_operand_dims", x.rank)
    inserted = site.axes("inserted_window_dims", x.rank)
    batching = site.axes("input_batching_dims", x.rank)
    index_batching = site.axes("scatter_indices_batching_dims", indices.rank)
    window_dims = site.axes("update_window_dims", updates.rank)
    site.require(len(target) == length, "scatter_dims_to_operand_dims must match the index vectors")
    site.require(len(batching) == len(index_batching), "batching dims must pair up")
    site.require(updates.dtype == x.dtype, "updates must have the operand's element type")
    kept = [axis for axis in range(x.rank) if axis not in inserted and axis not in batching]
    site.require(
        len(window_dims) == len(kept), "update_window_dims must cover the operand's window"
    )
    outer = tuple(size for d, size in enumerate(updates.shape) if d not in window_dims)
    site.require(outer == batch, "the updates' scatter axes must match the indices")
    fits = all(updates.shape[d] <= x.shape[axis] for d, axis in zip(window_dims, kept, strict=True))
    site.require(fits, "update windows must not exceed the operand")
    check_scalar_body(site, site.regions[0], (x.dtype,))
    return (x,)


def check_scalar_body(site: Site, body: Computation, dtypes: tuple[str, ...]) -> None:
    """A combiner takes the accumulators' scalars, then the values'; returns the accumulators'."""
    scalars = tuple(TensorType((), dtype) for dtype in dtypes)
    parameters = tuple(value.type for value in body.parameters)
    results = tuple(value.type for value in body.results)
    site.require(
        parameters == scalars + scalars and results == scalars, "the body must combine scalars"
    )


def reduce(site: Site) -> Types:
    """Operands are inputs then initial values; the reduced axes go."""
    count, odd = divmod(len(site.operands), 2)
    site.require(count > 0 and not odd, "operands are inputs, then as many initial values")
    inputs, inits = site.operands[:count], site.operands[count:]
    first = inputs[0]
    axes = site.axes("dimensions", first.rank)
    site.require(all(x.shape == first.shape for x in inputs), "inputs must have equal shapes")
    for x, init in zip(inputs, inits, strict=True):
        site.require(
            init == TensorType((), x.dtype), "initial values must be scalars of the inputs' types"
        )
    check_scalar_body(site, site.regions[0], tuple(x.dtype for x in inputs))
    shape = tuple(size for axis, size in enumerate(first.shape) if axis not in axes)
    return tuple(TensorType(shape, x.dtype) for x in inputs)


def reduce_window(site: Site) -> Types:
    """One input and its initial value.

    Windows of ``window_dimensions`` slide over the padded input.
    """
    site.require(len(site.operands) == 2, "reduce_window takes one input and its initial value")
    x, init = site.operands
    attrs = site.attributes
    site.require(
        init == TensorType((), x.dtype), "the initial value must be a scalar of the input's type"
    )
    keys = ("window_dimensions", "window_strides", "base_dilations", "window_dilations", "padding")
    site.require(
        all(len(attrs[key]) == x.rank for key in keys), "window attributes have one entry per axis"
    )
    check_scalar_body(site, site.regions[0], (x.dtype,))
    shape = []
    for size, window, stride, base, dilation, (low, high) in zip(
        x.shape, *(attrs[key] for key in keys), strict=True
    ):
        site.require(
            min(window, stride, base, dilation) > 0, "window sizes and strides must be positive"
        )
        padded = low + high + ((size - 1) * base + 1 if size else 0)
        reach = (window - 1) * dilation + 1
        shape.append((padded - reach) // stride + 1 if padded >= reach else 0)
    return (TensorType(tuple(shape), x.dtype),)


def while_(site: Site) -> Types:
    """State in, state out; the condition gives one rank-0 ``i1``."""
    state = tuple(site.operands)
    condition, body = site.regions
    for region in (condition, body):
        site.require(tuple(v.type for v in region.parameters) == state, "regions take the state")
    predicate = tuple(v.type for v in condition.results)
    site.require(predicate == (TensorType((), "i1"),), "the condition must return tensor<i1>")
    site.require(tuple(v.type for v in body.results) == state, "the body must return the state")
    return state


def case(site: Site) -> Types:
    """A rank-0 ``i32`` picks a branch, out of range the last.

    An ``if`` takes ``i1``: true is the first branch.
    """
    wanted = TensorType((), "i1" if site.op == "if" else "i32")
    site.require(tuple(site.operands) == (wanted,), f"the operand must be {wanted}")
    site.require(
        len(site.regions) == 2 if site.op == "if" else len(site.regions) > 0, "branches are missing"
    )
    types = [tuple(v.type for v in region.results) for region in site.regions]
    site.require(all(t == types[0] for t in types), "branches must return equal types")
    site.require(
        not any(region.parameters for region in site.regions), "branches take no parameters"
    )
    return types[0]


def fusion(site: Site) -> Types:
    """Operands are the region's parameters, results the region's results."""
    (region,) = site.regions
    parameters = tuple(v.type for v in region.parameters)
    site.require(parameters == tuple(site.operands), "operands must match the region's parameters")
    return tuple(v.type for v in region.results)
