"""Seeded bugs in the rules of loops and of branches in a batch."""

from __future__ import annotations

from tests.meta.bug import Bug

_SCAN, _FORWARD = "fnx/control/loops/scan.py", "fnx/control/loops/scan_forward.py"
_LINEAR, _BACK = "fnx/control/loops/scan_linear.py", "fnx/control/loops/scan_transpose.py"
_WHILE = "fnx/control/loops/while_loop.py"
_WHILE_FORWARD, _TAPE = "fnx/control/loops/while_forward.py", "fnx/control/loops/while_tape.py"
_LOWER, _COND = "fnx/control/loops/lower.py", "fnx/control/branches/cond.py"
_SMOOTH = ("mul", "sin", "add", "dot_general")
_MANY = (*_SMOOTH, "tanh", "exp", "sub", "div", "square", "logistic", "gather", "reduce_sum")

LOOP_BUGS = (
    Bug(
        "loop", "the type of a scan's ys has one row", _SCAN,
        "return (*last, *[stacked(y, scan.length) for y in ys])",
        "return (*last, *[stacked(y, 1) for y in ys])", _SMOOTH,
    ),
    Bug(
        "loop", "an eager scan runs forwards, reversed or not", _SCAN,
        "    indices = scan.indices\n", "    indices = range(scan.length)\n", _SMOOTH,
    ),
    Bug(
        "loop", "a scan forgets the tangents that it starts with", _FORWARD,
        "dcarry = [instantiate(t, aval) for t, aval, is_active in rows if is_active]",
        "dcarry = [instantiate(None, aval) for t, aval, is_active in rows if is_active]", _SMOOTH,
    ),
    Bug(
        "loop", "the linear scan forgets the tangents that it starts with", _LINEAR,
        "dcarry = [instantiate(t, aval) for t, aval, is_active in rows if is_active]",
        "dcarry = [instantiate(None, aval) for t, aval, is_active in rows if is_active]", _SMOOTH,
    ),
    Bug(
        "loop", "a scan is transposed without turning it round", _BACK,
        "scan.length, not scan.reverse, scan.unroll, scan.counted,",
        "scan.length, scan.reverse, scan.unroll, scan.counted,", _SMOOTH,
    ),
    Bug(
        "loop", "the cotangent of a scan's constant is that of the first step", _BACK,
        "totals = [x if ct is None else add(x, ct)", "totals = [x if ct is None else ct",
        ("mul", "dot_general", "select", "clamp", "pad"),
    ),
    Bug(
        "loop", "a batched scan stacks its ys along the batch axis", _FORWARD,
        "out_axes += [None if axis is None else axis + 1 for axis in y_axes]",
        "out_axes += [axis for axis in y_axes]", _SMOOTH,
    ),
    Bug(
        "loop", "a compiled scan runs forwards, reversed or not", _LOWER,
        "at = inner.subtract(last, done) if scan.reverse else done", "at = done", _SMOOTH,
    ),
    Bug(
        "loop", "an eager while loop runs one step more", _WHILE,
        "        done += 1\n    return (*carry, *ys)",
        "        done += 1\n    last, _ = loop.outputs(evaluate(loop.body, *body_consts, *carry))\n"
        "    carry = list(last)\n    return (*carry, *ys)", _SMOOTH,
    ),
    Bug(
        "loop", "a while loop forgets the tangents that it starts with", _WHILE_FORWARD,
        "dcarry = [instantiate(t, aval) for t, aval, is_active in rows if is_active]",
        "dcarry = [instantiate(None, aval) for t, aval, is_active in rows if is_active]", _SMOOTH,
    ),
    Bug(
        "loop", "the backward loop of a while runs one step", _TAPE,
        "self.parts, forward, ys, tangents, count)",
        "self.parts, forward, ys, tangents, np.int32(1))",
        _MANY,
    ),
    Bug(
        "loop", "a batch of loops stops when the first example stops", _WHILE_FORWARD,
        "[reduce_or(runs, axes=(0,))]", "[runs[0]]", _MANY,
    ),
    Bug(
        "loop", "an example that has stopped goes on", _WHILE_FORWARD,
        "state = [keep(runs, x, before) for x, before in zip(new, state, strict=True)]",
        "state = new", _MANY,
    ),
    Bug(
        "loop", "a compiled loop writes all rows of its tape to the first", _LOWER,
        "_write(inner, stack, y, done, zero)", "_write(inner, stack, y, zero, zero)", _MANY,
    ),
    Bug(
        "loop", "an integer of a fori loop counts twice", "fnx/control/loops/fori_loop.py",
        "return [add(i, index.dtype.type(1)),", "return [add(i, index.dtype.type(2)),", _SMOOTH,
    ),
    Bug(
        "loop", "a branch in a batch is taken by the examples of the first", _COND,
        "takes = eq(index, number)", "takes = eq(index, 0)", _SMOOTH,
    ),
    Bug(
        "loop", "a branch in a batch gives its results to all examples", _COND,
        "return [keep(takes, y, old) for y, old in pairs]", "return [y for y, old in pairs]",
        _MANY,
    ),
)  # fmt: skip
