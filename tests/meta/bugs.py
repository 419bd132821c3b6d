"""Seeded bugs: one edit each, of one line of the system, that some law must catch."""

from __future__ import annotations

from tests.meta.bug import Bug
from tests.meta.loop_bugs import LOOP_BUGS

_MASKS = "fnx/transforms/masks.py"
_ARITHMETIC, _LAYOUT = "fnx/ops/arithmetic.py", "fnx/ops/layout.py"
_SLICING, _INDEXING = "fnx/ops/slicing.py", "fnx/ops/indexing.py"
_CONTRACTION, _COMPARISON = "fnx/ops/contraction.py", "fnx/ops/comparison.py"
_RESHAPES = "fnx_xla_lite/passes/reshapes.py"
_IDENTITIES = "fnx_xla_lite/passes/identities/arithmetic.py"
_LOGIC = "fnx_xla_lite/passes/identities/logic.py"
_COLLECTIVES = "fnx/ops/collectives.py"
_CALLBACK = "fnx/control/effects/callback.py"
_EMIT_LOOPS = "fnx_xla_lite/backends/cpu/emit_loops.py"
_ACCUMULATORS = "fnx_xla_lite/backends/cpu/emit_accumulators.py"
_EMIT_MEMORY = "fnx_xla_lite/backends/cpu/emit_memory.py"
_CPU_SCALAR = "fnx_xla_lite/backends/cpu/scalar.py"

BUGS = (
    # Checks
    Bug(
        "checks", "a comparison is thought to show the NaNs that it is given",
        "fnx/checks/classes.py",
        'is_finite bitcast eq ne lt le gt ge", "", pointwise=True),',
        'is_finite bitcast eq ne lt le gt ge", "", pointwise=True, passes=None),',
        ("lt", "gt", "le"),
    ),
    Bug(
        "checks", "an equation is blamed for the NaNs of its operands", "fnx/checks/failures.py",
        "mask = and_(mask, broadcast_like(not_(is_bad(x)), mask))", "mask = and_(mask, mask)",
        ("log", "sin", "add"),
    ),
    Bug(
        "checks", "a slice is thought to show the NaNs that it cuts off", "fnx/checks/classes.py",
        '**_rows("slice pad iota threefry2x32 optimization_barrier", ""),',
        '**_rows("slice pad iota threefry2x32 optimization_barrier", "", passes=None),', ("slice",),
    ),
    # Derivatives, forward
    Bug(
        "jvp", "wrong sign in the derivative of cos", "fnx/ops/trigonometric.py",
        "jvp=lambda t, out, x: neg(mul(t, sin(x)))", "jvp=lambda t, out, x: mul(t, sin(x))",
        ("cos",),
    ),
    Bug(
        "jvp", "mul multiplies a tangent by its own primal", _ARITHMETIC,
        "lambda t, out, x, y: mul(t, y), lambda", "lambda t, out, x, y: mul(t, x), lambda",
        ("mul",),
    ),
    Bug(
        "jvp", "div forgets the quotient rule's second denominator", _ARITHMETIC,
        "neg(mul(t, div(out, y))))", "neg(mul(t, out)))", ("div",),
    ),
    Bug(
        "jvp", "tanh's derivative at the argument instead of the result",
        "fnx/ops/trigonometric.py",
        "mul(t, _one_minus_square(out))", "mul(t, _one_minus_square(x))", ("tanh",),
    ),
    Bug(
        "jvp", "expm1's derivative forgets the one", "fnx/ops/elementwise_math.py",
        "jvp=lambda t, out, x: mul(t, add(out, 1)),\n"
        "    lower=lambda b, x: b.exponential_minus_one",
        "jvp=lambda t, out, x: mul(t, out),\n    lower=lambda b, x: b.exponential_minus_one",
        ("expm1",),
    ),
    Bug(
        "jvp", "exp2's derivative forgets log 2", "fnx/ops/elementwise_math.py",
        "mul(t, mul(out, math.log(2)))", "mul(t, out)", ("exp2",),
    ),
    Bug(
        "jvp", "select lets the tangent of what is not chosen through", _COMPARISON,
        "lambda t, out, p, x, y: select(p, t, 0),", "lambda t, out, p, x, y: t,", ("select",),
    ),
    Bug(
        "jvp", "dynamic_update_slice keeps the tangent of what it overwrites", _INDEXING,
        "return (dynamic_update_slice(t_x, t_update, *starts),)", "return (t_x,)",
        ("dynamic_update_slice",),
    ),
    # Derivatives, reverse
    Bug(
        "transpose", "add drops a cotangent", "fnx/ops/families.py",
        "transpose=(lambda ct, x, y: ct, lambda ct, x, y: ct),",
        "transpose=(lambda ct, x, y: ct, lambda ct, x, y: None),", ("add",),
    ),
    Bug(
        "transpose", "sub forgets the sign of its second cotangent", _ARITHMETIC,
        "transpose=(lambda ct, x, y: ct, lambda ct, x, y: neg(ct)),",
        "transpose=(lambda ct, x, y: ct, lambda ct, x, y: ct),", ("sub",),
    ),
    Bug(
        "transpose", "mul forgets the factor of its second cotangent", _ARITHMETIC,
        "lambda ct, x, y: mul(x, ct)),", "lambda ct, x, y: ct),", ("mul",),
    ),
    Bug(
        "transpose", "div multiplies where it should divide", _ARITHMETIC,
        "transpose=(lambda ct, x, y: div(ct, y), None),",
        "transpose=(lambda ct, x, y: mul(ct, y), None),", ("div",),
    ),
    Bug(
        "transpose", "select sends a cotangent to both sides", _COMPARISON,
        "lambda ct, p, x, y: select(p, 0, ct),", "lambda ct, p, x, y: ct,", ("select",),
    ),
    Bug(
        "transpose", "slice pads low and high the wrong way round", _SLICING,
        "low=start, high=high, interior=interior", "low=high, high=start, interior=interior",
        ("slice",),
    ),
    Bug(
        "transpose", "pad gives the padding value the whole cotangent", _SLICING,
        "ct_value = sub(reduce_sum(ct, axes=tuple(rank)), reduce_sum(ct_x, axes=tuple(rank)))",
        "ct_value = reduce_sum(ct, axes=tuple(rank))", ("pad",),
    ),
    Bug(
        "transpose", "reverse does not reverse back", "fnx/ops/joining.py",
        "None if cts[0] is None else reverse(cts[0], **params),", "cts[0],", ("reverse",),
    ),
    Bug(
        "transpose", "concatenate cuts its second part one element late", "fnx/ops/joining.py",
        "start[dimension], limit[dimension] = offset, offset + shape[dimension]",
        "start[dimension] = min(offset, 1)\n"
        "        limit[dimension] = start[dimension] + shape[dimension]", ("concatenate",),
    ),
    Bug(
        "transpose", "transpose is taken for its own inverse", _LAYOUT,
        "return (transpose(cts[0], permutation=tuple(inverse)),)",
        "return (transpose(cts[0], permutation=permutation),)", ("transpose",),
    ),
    Bug(
        "transpose", "dot_general contracts the wrong free axes", _CONTRACTION,
        "start = n_batch + (len(mine) if is_lhs else 0)", "start = n_batch", ("dot_general",),
    ),
    Bug(
        "transpose", "dot_general forgets the order of contracted axes", _CONTRACTION,
        "by_other = sorted(zip(contracting[1], contracting[0], strict=True))",
        "by_other = list(zip(contracting[1], contracting[0], strict=True))", ("dot_general",),
    ),
    Bug(
        "transpose", "dynamic_update_slice keeps cotangents of what it overwrote", _INDEXING,
        "ct_x = dynamic_update_slice(ct, zeros, *starts)", "ct_x = ct", ("dynamic_update_slice",),
    ),
    Bug(
        "transpose", "dynamic_slice starts one element late", _INDEXING,
        "return (dynamic_update_slice(zeros, ct, *starts), *nothing)",
        "one = [aval_of(s).dtype.type(1) for s in starts]\n"
        "    from fnx.ops.families import add\n"
        "    late = [add(s, n) for s, n in zip(starts, one)]\n"
        "    return (dynamic_update_slice(zeros, ct, *late), *nothing)", ("dynamic_slice",),
    ),
    Bug(
        "transpose", "scatter gives overwritten updates a cotangent", "fnx/ops/gather.py",
        "ct_updates = ct_updates if has_effect is None else select(has_effect, ct_updates, 0)",
        "pass", ("scatter",),
    ),
    Bug(
        "transpose", "a second cotangent replaces the first", "fnx/transforms/transpose.py",
        "add(before[0], ct), either(before[1], mask)", "ct, mask", ("mul", "add"),
    ),
    Bug(
        "transpose", "a masked cotangent is not masked again after a product", _MASKS,
        "return [None if ct is None else select(mask(), ct, 0) for ct in cts], masks",
        "return cts, masks", ("sqrt", "log", "div"),
    ),
    Bug(
        "transpose", "each side of a select gets the mask of the other", _MASKS,
        "sides = (lambda: pred, lambda: not_(pred))", "sides = (lambda: not_(pred), lambda: pred)",
        ("sqrt", "log", "div"),
    ),
    Bug(
        "transpose", "two masks of a value leave what both chose", _MASKS,
        "lambda: or_(a(), b())", "lambda: and_(a(), b())", ("sqrt", "log", "div"),
    ),
    Bug(
        "transpose", "a mask that was moved is turned over", _MASKS,
        "ne(x, 0) for x in found", "not_(ne(x, 0)) for x in found", ("sqrt", "log", "div"),
    ),
    # Batching
    Bug(
        "batch", "reduce_sum sums the batch axis", _LAYOUT,
        "reduce_sum(inputs[0], axes=shifted(axes, axis))", "reduce_sum(inputs[0], axes=axes)",
        ("reduce_sum",),
    ),
    Bug(
        "batch", "transpose takes the batch axis to be the first", _LAYOUT,
        "permutation = (axes[0], *shifted(permutation, axes[0]))",
        "permutation = (0, *(p + 1 for p in permutation))", ("transpose",),
    ),
    Bug(
        "batch", "concatenate along the axis before", "fnx/ops/joining.py",
        "concatenate(*xs, dimension=dimension + 1)", "concatenate(*xs, dimension=dimension)",
        ("concatenate",),
    ),
    Bug(
        "batch", "dot_general finds the right batch axis too early", _CONTRACTION,
        "len(free[0]) + free[1].index(right)", "free[1].index(right)", ("dot_general",),
    ),
    Bug(
        "batch", "pad puts its own values inside", _SLICING,
        "select(inside, padded, spread(value, padded.shape, others))",
        "select(inside, spread(value, padded.shape, others), padded)", ("pad",),
    ),
    Bug(
        "batch", "starts of a batched slice in the wrong order", _INDEXING,
        "for s, axis in zip(starts, axes, strict=True)]\n    return concatenate",
        "for s, axis in zip(starts, axes, strict=True)][::-1]\n    return concatenate",
        ("dynamic_slice", "dynamic_update_slice"),
    ),
    Bug(
        "batch", "out_axes are ignored", "fnx/transforms/vmap.py",
        "else move_axis(x, axis, wanted)", "else move_axis(x, axis, 0)", ("sin",),
    ),
    # Programs that call programs
    Bug(
        "transform", "jit mixes up the tangents of its results", "fnx/control/call.py",
        "rest = iter(results[len(jaxpr.outputs) :])",
        "rest = iter(results[len(jaxpr.outputs) :][::-1])", ("sin",),
    ),
    Bug(
        "transform", "jit hands the linear half its residuals in the wrong order",
        "fnx/control/call.py",
        "residuals = [next(extra) if i is None else known[i] for i in parts.residuals]\n    given",
        "residuals = [next(extra) if i is None else known[i] for i in parts.residuals][::-1]\n"
        "    given", ("mul",),
    ),
    Bug(
        "transform", "checkpoint hands its linear half the residuals in the wrong order",
        "fnx/control/checkpoints/checkpoint.py",
        "residuals = [known[place] for place in parts.kept]",
        "residuals = [known[place] for place in parts.kept[::-1]]", ("mul", "div"),
    ),
    Bug(
        "transform", "checkpoint keeps a result in place of the value that the policy chose",
        "fnx/control/checkpoints/cut.py",
        "list(enumerate((*operands, *outs, *extra)))",
        "list(enumerate((*operands, *extra, *outs)))",
        ("sin", "exp", "mul"),
    ),
    Bug(
        "transform", "checkpoint pairs cotangents with the wrong results",
        "fnx/control/checkpoints/checkpoint.py",
        "[next(found) if is_active else None for is_active in parts.active]",
        "[next(found) if is_active else None for is_active in parts.active[::-1]]",
        ("sin", "mul"),
    ),
    Bug(
        "transpose", "psum hands each element its own cotangent only", _COLLECTIVES,
        "[None if ct is None else bind(psum_p, ct, **params)[0] for ct in cts]", "[*cts]",
    ),
    Bug(
        "batch", "psum of what is not mapped forgets the size of the axis", _COLLECTIVES,
        "return (_times(inputs[0], size),), (None,)\n    return (reduce_sum",
        "return inputs, (None,)\n    return (reduce_sum",
    ),
    Bug(
        "batch", "psum_scatter scatters the mapped axis", _COLLECTIVES,
        "return (total,), (dimension,)", "return (total,), (0,)",
    ),
    Bug(
        "batch", "all_to_all under another axis exchanges the wrong ones", _COLLECTIVES,
        "split=split + 1, concat=concat + 1, **params", "split=split + 1, concat=concat, **params",
    ),
    Bug(
        "transpose", "ppermute's cotangents go on in the same direction", _COLLECTIVES,
        "back = tuple([(target, source) for source, target in perm])", "back = perm",
    ),
    Bug(
        "jvp", "pmax shares its tangent without counting who is largest", _COLLECTIVES,
        "total = bind(psum_p, select(chosen, t, 0), **params)[0]",
        "total = bind(psum_p, t, **params)[0]",
    ),
    Bug(
        "transform", "a collective of what is not mapped goes to the enclosing trace",
        "fnx/core/named_axes.py",
        'return params["axis_name"] == name', "return False",
    ),
    # Lowering
    Bug(
        "lower", "mul is lowered to add", _ARITHMETIC,
        'lower=lambda b, x, y: b.multiply(x, y),\n)\n\n\ndef mul',
        'lower=lambda b, x, y: b.add(x, y),\n)\n\n\ndef mul',
        ("mul",),
    ),
    Bug(
        "lower", "pad is lowered with low and high exchanged", _SLICING,
        "b.pad(x, value, low, high, interior)", "b.pad(x, value, high, low, interior)", ("pad",),
    ),
    Bug(
        "lower", "ge is lowered to gt", _COMPARISON, 'b.compare(x, y, "GE")',
        'b.compare(x, y, "GT")',
        ("ge",),
    ),
    Bug(
        "lower", "argmax takes the last of equal elements", "fnx/ops/extremum.py",
        'b.compare(i, at, "LT")', 'b.compare(i, at, "GT")', ("argmax",),
    ),
    # Text
    Bug(
        "text", "weak types are not printed", "fnx/core/avals.py",
        'weak = "~" if self.weak else ""', 'weak = ""', ("mul",),
    ),
    Bug(
        "text", "the bound of a loop is not printed", "fnx_xla_lite/loops/text.py",
        "if stmt.bound is not None else", "if False else", ("transpose", "reduce_sum"),
    ),
    # Passes
    Bug(
        "pass", "cse ignores attributes", "fnx_xla_lite/passes/cse.py",
        "return instr.op, tuple(operands), types, attributes, regions",
        "return instr.op, tuple(operands), types, (), regions",
    ),
    Bug(
        "pass", "x - x = 0 for floats too, with NaN", _IDENTITIES,
        "    if is_zero(right, 1.0):  # x - 0.0 = x",
        "    if x is y:\n        return zeros(context, instr)\n"
        "    if is_zero(right, 1.0):  # x - 0.0 = x", ("sub",),
    ),
    Bug(
        "pass", "not (x < y) = (x >= y) for floats too, with NaN", _LOGIC,
        "table = _OPPOSITE if is_float(x.type.dtype) else _OPPOSITE_ORDER",
        "table = _OPPOSITE_ORDER", ("not",),
    ),
    Bug(
        "pass", "not p ? x : y keeps its order", _LOGIC,
        "context.builder.select(inverted.operands[0], y, x)",
        "context.builder.select(inverted.operands[0], x, y)", ("select",),
    ),
    Bug(
        "pass", "0.0 - y = -y, also for y = 0.0", _IDENTITIES,
        "    if is_zero(left, -1.0):  # -0.0 - y = -y",
        "    if left == 0 and left is not None:  # -0.0 - y = -y", ("sub",),
    ),
    Bug(
        "pass", "constants are folded with operands exchanged",
        "fnx_xla_lite/passes/constant_fold.py",
        "make_splat(_compute(small, *scalars), shape)",
        "make_splat(_compute(small, *scalars[::-1]), shape)",
    ),
    Bug(
        "pass", "two transposes are composed in the wrong order", _RESHAPES,
        'composed = tuple(inner.attributes["permutation"][axis] for axis in permutation)',
        'composed = tuple(permutation[axis] for axis in inner.attributes["permutation"])',
        ("transpose",),
    ),
    Bug(
        "pass", "a slice of a slice forgets the inner stride", _RESHAPES,
        "start, stride = a + b * s, s * t", "start, stride = a + b, s * t", ("slice",),
    ),
    Bug(
        "pass", "a transposed product exchanges operands, not their axes", _RESHAPES,
        '"dot_general", (rhs, lhs), exchanged, given', '"dot_general", (rhs, lhs), attrs, given',
        ("transpose", "dot_general"),
    ),
    Bug(
        "pass", "a product of a transposed operand renames the free axes only", _RESHAPES,
        "attributes[key] = tuple(permutation[axis] for axis in attributes[key])\n        operands",
        "attributes[key] = tuple(attributes[key])\n        operands", ("dot_general",),
    ),
    # Fusion, loops and memory
    Bug(
        "loops", "a slice's stride is taken for one", "fnx_xla_lite/fusion/access.py",
        "steps = tuple(k * s for k, s in zip(instr.attributes[\"strides\"], strides, strict=True))",
        "steps = strides", ("slice",),
    ),
    Bug(
        "loops", "concatenate reads its later parts from the front",
        "fnx_xla_lite/fusion/access.py",
        "found.append(make_access(shape, strides, -start * strides[axis], limits))",
        "found.append(make_access(shape, strides, 0, limits))", ("concatenate",),
    ),
    Bug(
        "loops", "the last chunk of a split reduction ends one element early",
        "fnx_xla_lite/loops/partial.py",
        "bound = shift(scale(variable(chunk), -step), extent) if extent % step else None",
        "bound = shift(scale(variable(chunk), -step), extent - 1) if extent % step else None",
        ("reduce_sum",),
    ),
    Bug(
        "loops", "the edge of a transposed tile is left out", "fnx_xla_lite/loops/tiling.py",
        "bound = shift(scale(variable(chunk), -step), extent) if extent % step else None",
        "bound = shift(scale(variable(chunk), -step), extent - 1) if extent % step else None",
        ("transpose",),
    ),
    Bug(
        "loops", "a window that is found by data never starts at the first element",
        "fnx_xla_lite/loops/indexing.py",
        "return Dynamic(start.expr, 0, room, plus), max(depth, start.depth)",
        "return Dynamic(start.expr, 1, room, plus), max(depth, start.depth)",
        ("gather", "dynamic_slice"),
    ),
    Bug(
        "memory", "an output overwrites an input that is read elsewhere",
        "fnx_xla_lite/loops/inplace.py",
        "            and load.flat == store.flat\n", "", ("reverse", "transpose"),
    ),
    Bug(
        "memory", "memory is taken over before its last reader has run",
        "fnx_xla_lite/loops/memory.py",
        "    return not _overlap(one.live, other.live)", "    return True",
    ),
    Bug(
        "memory", "the arena gives a result the place of what its kernel reads",
        "fnx_xla_lite/loops/memory.py", "(first & ~1, last)", "(first, last)",
    ),
    Bug(
        "memory", "what a loop reads from outside is kept for its first round only",
        "fnx_xla_lite/loops/lifetimes.py",
        "        ends.setdefault(storage, end)\n", "        pass\n",
        ("mul", "sin", "add", "dot_general"),
    ),
    Bug(
        "memory", "what a case is followed by is not kept in its branches",
        "fnx_xla_lite/loops/lifetimes.py",
        "inner = dict.fromkeys(after, 2 * last + 1)", "inner = {}",
    ),
    # CPU
    Bug(
        "cpu", "the tail's mask misses its last lane", _EMIT_LOOPS,
        "[int(lane < rest) for lane in range(tail)]",
        "[int(lane < rest - 1) for lane in range(tail)]",
        ("sin",),
    ),
    Bug(
        "cpu", "the last combination of lanes is left out", _ACCUMULATORS,
        "    while count > 1:\n        count //= 2", "    while count > 2:\n        count //= 2",
        ("reduce_sum",),
    ),
    Bug(
        "cpu", "lanes behind the end enter a reduction", _ACCUMULATORS,
        "value = builder.select(vector.mask, value, neutral)", "pass",
        ("reduce_prod", "reduce_max"),
    ),
    Bug(
        "cpu", "a reduction forgets its start value", _ACCUMULATORS,
        "scope.builder, op, [scope.values[name], total], [dtype, dtype], dtype",
        "scope.builder, op, [total, total], [dtype, dtype], dtype", ("reduce_prod", "reduce_sum"),
    ),
    Bug(
        "cpu", "reversed rows are not reversed", _EMIT_MEMORY,
        "        raw = _reversed(builder, raw)\n    return from_memory", "    return from_memory",
        ("reverse",),
    ),
    Bug(
        "cpu", "NaN equals NaN", _CPU_SCALAR,
        'ordered = builder.fcmp_unordered if detail == "NE" else builder.fcmp_ordered',
        "ordered = builder.fcmp_ordered", ("ne",),
    ),
    Bug(
        "cpu", "unsigned numbers are compared as signed ones", _CPU_SCALAR,
        'unsigned = dtype == "i1" or dtype.startswith("u")', "unsigned = False", ("lt", "gt"),
    ),
    Bug(
        "cpu", "the minimum of integers is their maximum", _CPU_SCALAR,
        'x.call("minimum", y), scalar_integer.minimum)',
        'x.call("minimum", y), scalar_integer.maximum)',
        ("min", "reduce_min"),
    ),
    Bug(
        "gemm", "the epilogue is run for the tile's first columns",
        "fnx_xla_lite/backends/cpu/gemm_epilogue.py",
        "problem.n_name: builder.add(n, column)", "problem.n_name: n", ("dot_general",),
    ),
    Bug(
        "gemm", "the sums of earlier depths are lost", "fnx_xla_lite/backends/cpu/gemm_tile.py",
        'accumulate = builder.icmp_signed("!=", step.k, int64(0))',
        'accumulate = builder.icmp_signed("==", step.k, int64(0))', ("dot_general",),
    ),
    Bug(
        "gemm", "a tile that starts earlier is stored from its first row",
        "fnx_xla_lite/backends/cpu/gemm_tile.py",
        "skipped = scaled(builder, region.skip, plan.columns)", "skipped = int64(0)",
        ("dot_general",),
    ),
    # Effects
    Bug(
        "transform", "dead code takes effects with it", "fnx/transforms/dce.py",
        "if needed.isdisjoint(eqn.outputs) and not (keep_effects and has_effect(eqn)):",
        "if needed.isdisjoint(eqn.outputs):",
    ),
    Bug(
        "pass", "dead instructions take effects with them", "fnx_xla_lite/passes/dce.py",
        "if needed.isdisjoint(instr.results) and not has_effect(instr):",
        "if needed.isdisjoint(instr.results):",
    ),
    Bug(
        "batch", "lanes come in reverse order",
        "fnx/control/effects/user_callback.py",
        "for lane in range(self.size):", "for lane in reversed(range(self.size)):",
    ),
    Bug(
        "batch", "lanes of a cond do what other lanes do", "fnx/control/branches/cond.py",
        "if axes[0] is not None and any(map(has_effects, branches)):", "if False:",
    ),
    Bug(
        "jvp", "a debug callback is lost in derivatives", _CALLBACK,
        "return bind(debug_callback_p, *primals, callback=callback), ()", "return (), ()",
    ),
    Bug(
        "lower", "callbacks are compiled as if they were pure", _CALLBACK,
        "callback.results, has_side_effect=effect)", "callback.results, has_side_effect=False)",
    ),
    Bug(
        "memory", "what a callback reads is not kept for it", "fnx_xla_lite/loops/lifetimes.py",
        "        return [storage for storage, _ in step.inputs]\n", "        return []\n",
    ),
    *LOOP_BUGS,
)  # fmt: skip
