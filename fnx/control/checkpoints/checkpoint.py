"""Checkpoint: keep few of a function's values for the backward pass, and compute the others again.

Linearised, a ``checkpoint`` equation becomes one that also returns what the policy keeps, and a
``checkpoint_linear`` equation on tangents, which holds the work that is done again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from fnx import tree
from fnx.control.body import Values, call_body, lower_body, transpose_body, type_of_body
from fnx.control.checkpoints.checkpoint_policies import Policy
from fnx.control.checkpoints.cut import Cut, cut
from fnx.control.checkpoints.linear import checkpoint_linear_p
from fnx.control.derived import derived
from fnx.control.is_known import is_known
from fnx.control.loops.stepwise import has_unbounded_loop, split_step
from fnx.core.evaluate import evaluate
from fnx.core.flatten import FlatFunction, as_value, close, name_of, trace_closed
from fnx.core.ir import Jaxpr
from fnx.core.key_uses import noting, use_up
from fnx.core.primitive import Primitive
from fnx.core.sources import user_source
from fnx.core.trace import bind
from fnx.errors import FnxTypeError, FnxValueError
from fnx.ops.markers import named
from fnx.transforms.jvp import jvp_flat
from fnx.transforms.vmap import vmap_jaxpr

F = Callable[..., Any]


def checkpoint(
    fun: F | None = None,
    *,
    prevent_cse: bool = True,
    policy: Policy | None = None,
    static_argnums: int | Sequence[int] = (),
) -> F:
    """The same function, of which reverse mode keeps the arguments only.

    Its forward pass runs a second time in the backward pass, when that gets there. The function is
    traced: inside of it, values are not known.

    Args:
        fun: a function of pytrees. Without it, ``checkpoint`` returns a decorator.
        prevent_cse: in compiled code, start the second forward pass only after the cotangents have
            come; without it, the compiler may find that everything is known already, and keep it.
        policy: one of `checkpoint_policies`: which values are kept beside the arguments.
        static_argnums: positions of arguments that are not traced.

    >>> from fnx.api import grad
    >>> float(grad(checkpoint(lambda x: x * x))(3.0))
    6.0
    """
    if fun is None:
        return functools.partial(
            checkpoint, prevent_cse=prevent_cse, policy=policy, static_argnums=static_argnums
        )
    if policy is not None and not callable(policy):
        raise FnxTypeError(
            f"checkpoint({name_of(fun)}): a policy is a function, got {policy!r}.",
            source=user_source(),
            hint="Choose one of fnx.checkpoint_policies, for example dots_saveable.",
        )
    fixed = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)

    @functools.wraps(fun, updated=())
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        function, moving = _without_static(fun, args, fixed) if fixed else (fun, args)
        leaves, in_tree = tree.flatten((moving, kwargs))
        values = [as_value(x) for x in leaves]
        flat = FlatFunction(function, in_tree)
        with noting() as used:
            jaxpr, consts = trace_closed(flat, [x.aval for x in values])
        assert flat.out_tree is not None
        for x, var in zip(values, jaxpr.inputs[len(consts) :], strict=True):
            if var in used:
                use_up(x, f"a call of {name_of(fun)}")
        outs = bind(
            checkpoint_p, *consts, *values, body=jaxpr, policy=policy, prevent_cse=prevent_cse
        )
        return tree.unflatten(flat.out_tree, outs)

    return checkpointed


remat = checkpoint  # under JAX's shorter name


def _without_static(fun: F, args: Values, fixed: tuple[int, ...]) -> tuple[F, Values]:
    """The function of its other arguments, and these."""
    bad = next((i for i in fixed if not -len(args) <= i < len(args)), None)
    if bad is not None:
        raise FnxValueError(
            f"checkpoint({name_of(fun)}): static_argnums has {bad}, but the call has {len(args)} "
            "positional arguments.",
            source=user_source(),
        )
    places = {i % len(args) for i in fixed}

    @functools.wraps(fun, updated=())
    def of_moving(*moving: Any, **kwargs: Any) -> Any:
        rest = iter(moving)
        return fun(*[x if i in places else next(rest) for i, x in enumerate(args)], **kwargs)

    return of_moving, tuple([x for i, x in enumerate(args) if i not in places])


def checkpoint_name(x: Any, name: str) -> Any:
    """``x``, with a name that the policies of `checkpoint` know it by.

    Args:
        x: a pytree of arrays.
        name: for ``checkpoint_policies.save_only_these_names`` and its like.

    >>> float(checkpoint_name(2.0, "hidden"))
    2.0
    """
    if not isinstance(name, str):
        raise FnxTypeError(
            f"checkpoint_name: the name must be a string, got {name!r}.",
            source=user_source(),
            hint='Write checkpoint_name(x, "hidden").',
        )
    return tree.map(lambda leaf: named(as_value(leaf), name=name), x)


def _jvp(
    primals: Values, tangents: Values, outs: None, *, body: Jaxpr, **_: Any
) -> tuple[Values, Values]:
    """In forward mode there is nothing to keep."""
    found, out_tangents = jvp_flat(functools.partial(evaluate, body), primals, tangents)
    return tuple(found), tuple(out_tangents)


def _split(
    primals: Values, tangents: Values, *, body: Jaxpr, policy: Policy | None, prevent_cse: bool
) -> tuple[Values, Values]:
    if has_unbounded_loop(body) and all(map(is_known, primals)):
        return split_step(body, primals, tangents)  # its steps are counted as it runs: all is kept
    active = tuple([t is not None for t in tangents])
    parts: Cut = derived(
        body, ("checkpoint", active, policy), functools.partial(cut, body, active, policy)
    )
    operands = (*parts.consts, *primals)
    results = bind(
        checkpoint_p,
        *(operands if parts.forward is not None else primals),
        body=body if parts.forward is None else parts.forward,
        policy=policy,
        prevent_cse=prevent_cse,
    )
    known = (*operands, *results)
    residuals = [known[place] for place in parts.kept]
    given = [t for t in tangents if t is not None]
    found = iter(
        bind(
            checkpoint_linear_p, *residuals, *given,
            body=parts.linear, count=len(residuals), prevent_cse=prevent_cse,
        )
    )  # fmt: skip
    outs = results[: len(body.outputs)]
    return outs, tuple([next(found) if is_active else None for is_active in parts.active])


def _batch(
    inputs: Values, axes: tuple[int | None, ...], size: int, *, body: Jaxpr, **options: Any
) -> tuple[Values, tuple[int | None, ...]]:
    batched, out_axes = vmap_jaxpr(body, axes, size)
    closed, consts = close(batched)
    return bind(checkpoint_p, *consts, *inputs, body=closed, **options), tuple(out_axes)


checkpoint_p = Primitive(
    name="checkpoint",
    type=type_of_body,
    numpy=lambda xp, *xs, body, **_: tuple(call_body(body, *xs)),
    jvp=_jvp,
    transpose=transpose_body,
    carries_masks=True,
    batch=_batch,
    lower=lower_body,
    split=_split,
)
