"""Call: ``jit``, the primitive that calls a closed jaxpr which is compiled as a unit.

``jaxpr`` has no constants. Rules derive other closed jaxprs from it and call those, so a function
that is jitted stays jitted under every transform, and each derived program is compiled once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from fnx.control.derived import derived
from fnx.core.array import wrap_as
from fnx.core.avals import Aval
from fnx.core.evaluate import evaluate
from fnx.core.flatten import close
from fnx.core.ir import Atom, Jaxpr, Literal, Var
from fnx.core.primitive import Linear, Primitive
from fnx.core.rule_checks import check_lowered
from fnx.core.sources import disinherit, inherit
from fnx.core.trace import bind, current_trace
from fnx.errors import FnxTypeError
from fnx.transforms.jvp import jvp_jaxpr
from fnx.transforms.linearize import LinearizedJaxpr, linearize_jaxpr
from fnx.transforms.masks import Masks, read_masks, split_masks
from fnx.transforms.transpose import TransposedJaxpr, transpose_jaxpr
from fnx.transforms.vmap import vmap_jaxpr

Values = tuple[Any, ...]
Checks = tuple[str, ...]
Compiler = Callable[..., Callable[..., Sequence[Any]]]

_loaders: list[Callable[[], Any]] = []
_compiler: list[Compiler] = []  # at most one; control stands below the compiler, so it is handed in


def set_compiler(compiler: Compiler | None) -> None:
    """Hand in what compiles: ``compiler(jaxpr, name, donated)`` returns a function of buffers.

    Functions with checks are compiled by ``compiler(jaxpr, name, donated, check)``.

    It remembers what it has compiled, by the jaxpr's identity. None: jaxprs are evaluated.
    """
    _loaders.clear()
    _compiler[:] = [] if compiler is None else [compiler]


def load_compiler_by(load: Callable[[], Any]) -> None:
    """Hand in what imports the compiler, which hands itself in; called when one is needed first."""
    _loaders[:] = [load]


def can_compile() -> bool:
    """Whether there is a compiler; it is imported now, if it was not."""
    if not _compiler and _loaders:
        _loaders.pop()()
    return bool(_compiler)


def run_compiled(jaxpr: Jaxpr, name: str, buffers: Sequence[Any]) -> Values:
    """Run a closed jaxpr, compiled, on buffers; what is compiled is remembered with the jaxpr."""
    return tuple(_compiler[0](jaxpr, name, (False,) * len(buffers))(*buffers))


def call(
    jaxpr: Jaxpr,
    *args: Any,
    name: str,
    donated: Sequence[bool] | None = None,
    inline: bool = False,
    check: Checks = (),
) -> Values:
    """Call a closed jaxpr as a unit.

    Args:
        jaxpr: without constants.
        *args: one value for each input.
        name: for dumps and messages.
        donated: which arguments' buffers may be overwritten; none, if not given.
        inline: whether to bind the equations one by one in the current trace instead, if there is
            one.
        check: names of the checks of a sanitiser build; with any, nothing is inlined.
    """
    assert not jaxpr.consts, "constants must be hoisted: see fnx.core.flatten.close"
    if inline and not check and current_trace() is not None:
        return evaluate(jaxpr, *args)
    marks = (False,) * len(args) if donated is None else tuple(donated)
    params: dict[str, Any] = {"check": check} if check else {}
    return bind(jit_p, *args, jaxpr=jaxpr, name=name, donated=marks, inline=inline, **params)


def _call_like(
    kind: str, name: str, inline: bool, check: Checks, closed: tuple[Jaxpr, Values], *args: Any
) -> Values:
    """Call a derived jaxpr, its hoisted constants first."""
    jaxpr, consts = closed
    return call(jaxpr, *consts, *args, name=f"{kind}_{name}", inline=inline, check=check)


def _type(*avals: Aval, jaxpr: Jaxpr, name: str, **_: Any) -> tuple[Aval, ...]:
    wanted = [v.aval for v in jaxpr.inputs]
    if [(a.shape, a.dtype) for a in avals] != [(a.shape, a.dtype) for a in wanted]:
        raise FnxTypeError(f"jit: {name} was traced for {wanted}, got {list(avals)}")
    return tuple([a.aval for a in jaxpr.outputs])


def _numpy(
    xp: Any,
    *buffers: Any,
    jaxpr: Jaxpr,
    name: str,
    donated: tuple[bool, ...],
    inline: bool,
    check: Checks = (),
) -> Values:
    if _compiler and check:
        return tuple(_compiler[0](jaxpr, name, donated, check)(*buffers))
    if _compiler and not inline:
        return tuple(_compiler[0](jaxpr, name, donated)(*buffers))
    arrays = [wrap_as(x, v.aval) for x, v in zip(buffers, jaxpr.inputs, strict=True)]
    return evaluate(jaxpr, *arrays)


def _jvp(
    primals: Values,
    tangents: Values,
    outs: None,
    *,
    jaxpr: Jaxpr,
    name: str,
    donated: tuple[bool, ...],
    inline: bool,
    check: Checks = (),
) -> tuple[Values, Values]:
    active = tuple([t is not None for t in tangents])
    closed, out_active = derived(
        jaxpr, ("jvp", active), functools.partial(_close_first, jvp_jaxpr, jaxpr, active)
    )
    given = [t for t in tangents if t is not None]
    results = _call_like("jvp", name, inline, check, closed, *primals, *given)
    rest = iter(results[len(jaxpr.outputs) :])
    return results[: len(jaxpr.outputs)], tuple([next(rest) if a else None for a in out_active])


def _close_first(
    transform: Callable[..., tuple[Jaxpr, Any]], *args: Any
) -> tuple[tuple[Jaxpr, Values], Any]:
    jaxpr, info = transform(*args)
    return close(jaxpr), info


def _linearize_and_close(
    jaxpr: Jaxpr, active: tuple[bool, ...]
) -> tuple[LinearizedJaxpr, tuple[Jaxpr, Values]]:
    parts = linearize_jaxpr(jaxpr, active)
    return parts, close(parts.forward)


def _split(
    primals: Values,
    tangents: Values,
    *,
    jaxpr: Jaxpr,
    name: str,
    donated: tuple[bool, ...],
    inline: bool,
    check: Checks = (),
) -> tuple[Values, Values]:
    active = tuple([t is not None for t in tangents])
    parts, forward = derived(
        jaxpr, ("linearize", active), functools.partial(_linearize_and_close, jaxpr, active)
    )
    results = _call_like("forward", name, inline, check, forward, *primals)
    outs = results[: len(jaxpr.outputs)]
    extra = iter(results[len(jaxpr.outputs) :])
    known = (*primals, *outs)
    residuals = [next(extra) if i is None else known[i] for i in parts.residuals]
    given = [t for t in tangents if t is not None]
    found = iter(_call_like("linear", name, inline, check, (parts.linear, ()), *residuals, *given))
    return outs, tuple([next(found) if a else None for a in parts.active])


def _transpose(
    cts: Values,
    inputs: Values,
    *,
    masks: Masks,
    jaxpr: Jaxpr,
    name: str,
    inline: bool,
    check: Checks = (),
    **_: Any,
) -> tuple[Values, Masks]:
    linear = tuple([isinstance(x, Linear) for x in inputs])
    active = tuple([ct is not None for ct in cts])
    masked = tuple([mask is not None for mask in masks])
    transposed, closed, closed_masks = derived(
        jaxpr,
        ("transpose", linear, active, masked),
        functools.partial(_transpose_and_close, jaxpr, linear, active, masked),
    )
    given = [x for x in inputs if not isinstance(x, Linear)]
    given += [ct for ct in cts if ct is not None] + read_masks(masks)
    found = iter(_call_like("transpose", name, inline, check, closed, *given))
    marks = iter(transposed.nonzero)
    all_masks = functools.cache(
        functools.partial(_call_like, "masks", name, inline, check, closed_masks, *given)
    )
    own_masks = split_masks(all_masks, transposed.masked)
    return tuple([next(found) if lin and next(marks) else None for lin in linear]), [
        next(own_masks) if lin else None for lin in linear
    ]


def _transpose_and_close(
    jaxpr: Jaxpr, linear: tuple[bool, ...], active: tuple[bool, ...], masked: tuple[bool, ...]
) -> tuple[TransposedJaxpr, tuple[Jaxpr, Values], tuple[Jaxpr, Values]]:
    transposed = transpose_jaxpr(jaxpr, linear, active, masked)
    return transposed, close(transposed.jaxpr), close(transposed.masks)


def _batch(
    inputs: Values,
    axes: tuple[int | None, ...],
    size: int,
    *,
    jaxpr: Jaxpr,
    name: str,
    inline: bool,
    check: Checks = (),
    **_: Any,
) -> tuple[Values, tuple[int | None, ...]]:
    closed, out_axes = derived(
        jaxpr, ("vmap", axes, size), functools.partial(_close_first, vmap_jaxpr, jaxpr, axes, size)
    )
    return _call_like("vmap", name, inline, check, closed, *inputs), tuple(out_axes)


def lower_eqns(b: Any, jaxpr: Jaxpr, consts: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
    """Lower the equations of a jaxpr with the HLO builder ``b``.

    Args:
        b: the builder; instructions get the equations' sources as their locations.
        jaxpr: what to lower.
        consts: HLO values for the jaxpr's constants.
        inputs: HLO values for its inputs.

    Returns:
        HLO values of its results.
    """
    env: dict[Var, Any] = dict(zip(jaxpr.inputs, inputs, strict=True))
    env.update((var, x) for (var, _), x in zip(jaxpr.consts, consts, strict=True))
    for eqn in jaxpr.eqns:
        operands = [_operand(b, env, a) for a in eqn.inputs]
        outside, token = b.location_text, inherit(eqn.source)
        if eqn.source is not None:
            b.location_text = str(eqn.source)
        try:
            outs = eqn.primitive.lower(b, *operands, **eqn.params)
            if eqn.primitive.is_checked:
                check_lowered(eqn.primitive, outs, [v.aval for v in eqn.outputs], eqn.source)
        finally:
            disinherit(token)
        env.update(zip(eqn.outputs, outs, strict=True))
        b.location_text = outside
    return [_operand(b, env, a) for a in jaxpr.outputs]


def _operand(b: Any, env: dict[Var, Any], atom: Atom) -> Any:
    return b.constant(atom.value, dtype=atom.aval.dtype) if type(atom) is Literal else env[atom]


jit_p = Primitive(
    name="jit",
    type=_type,
    numpy=_numpy,
    jvp=_jvp,
    transpose=_transpose,
    batch=_batch,
    lower=lambda b, *operands, jaxpr, **_: tuple(lower_eqns(b, jaxpr, (), operands)),
    split=_split,
    carries_masks=True,
)
