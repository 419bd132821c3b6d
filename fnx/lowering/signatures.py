"""Signatures: what calls of a jitted function are told apart by, and the program of each.

`call_of` takes the arguments of a call apart; `trace_call` makes the program, a `Signature`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from fnx import tree
from fnx.checks.kinds import Kinds
from fnx.core.avals import Aval
from fnx.core.eager import aval_of, is_value
from fnx.core.flatten import FlatFunction, as_aval, close, is_described
from fnx.core.ir import Jaxpr
from fnx.core.key_uses import noting
from fnx.core.sources import user_source
from fnx.core.trace import axes_in_scope, trace
from fnx.errors import FnxTypeError
from fnx.lowering.dispatch import static_key
from fnx.lowering.jit_arguments import with_statics
from fnx.transforms.dce import dce_jaxpr
from fnx.tree import TreeDef


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: its jaxpr, closed over ``consts``, and the structure of the result."""

    jaxpr: Jaxpr  # inputs: the consts, then the leaves that are kept
    consts: tuple[Any, ...]
    out_tree: TreeDef
    donated: tuple[bool, ...]  # one for each input of the jaxpr
    kept: tuple[bool, ...]  # one for each leaf
    whole: Jaxpr  # as it was traced, of all leaves
    uses: tuple[int, ...]  # leaves that are random keys which it uses up, if those are checked

    def of(self, leaves: Sequence[Any]) -> list[Any]:
        """The leaves that the program takes."""
        return [x for x, is_kept in zip(leaves, self.kept, strict=True) if is_kept]


@dataclass(frozen=True, slots=True)
class Options:
    """What `jit` was asked for, with every argument named by position or by name."""

    static_positions: frozenset[int]
    static_names: frozenset[str]
    donated_positions: frozenset[int]
    donated_names: frozenset[str]
    inline: bool
    keep_unused: bool
    check: Kinds


class Call(NamedTuple):
    """One call's arguments, taken apart.

    Attributes:
        key: what it is remembered by; calls of one key share a program.
        avals: shapes and dtypes of the leaves.
        in_tree: the structure of the arguments that are not static: ``(args, kwargs)``.
        statics: the static ones, each with its position or name.
        leaves: values of the others.
    """

    key: Any
    avals: tuple[Aval, ...]
    in_tree: TreeDef
    statics: tuple[tuple[int | str, Any], ...]
    leaves: list[Any]


def call_of(
    name: str,
    options: Options,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    is_stage: bool = False,
) -> Call:
    """Take the arguments of a call apart.

    Args:
        name: the function's, for messages.
        options: which arguments are static.
        args: by position.
        kwargs: by name.
        is_stage: whether descriptions stand for arrays, too.

    Raises:
        FnxTypeError: for a leaf that is no array, and for static arguments without a hash.
    """
    statics = tuple(
        [(i, args[i]) for i in sorted(options.static_positions) if i < len(args)]
        + [(n, kwargs[n]) for n in sorted(options.static_names) if n in kwargs]
    )
    places = [i for i in range(len(args)) if i not in options.static_positions]
    moving = tuple([args[i] for i in places])
    named = {n: x for n, x in kwargs.items() if n not in options.static_names}
    leaves, in_tree = tree.flatten((moving, named))
    for i, leaf in enumerate(leaves):
        if not is_value(leaf) and not (is_stage and is_described(leaf)):
            raise _not_an_array(name, places, moving, named, i)
    avals = tuple([as_aval(x) if is_stage else aval_of(x) for x in leaves])
    named_statics = tuple([(n, static_key(x)) for n, x in statics])
    key = (in_tree, avals, len(args), named_statics, tuple(axes_in_scope().items()))
    try:
        hash(key)
    except TypeError:
        raise _not_hashable(name, statics) from None
    return Call(key, avals, in_tree, statics, leaves)


def trace_call(fun: Callable[..., Any], options: Options, call: Call) -> Signature:
    """Trace a function for a call: its program, of the leaves that it needs."""
    function = with_statics(fun, call.statics) if call.statics else fun
    flat = FlatFunction(function, call.in_tree)
    with noting() as used:
        jaxpr = trace(flat, call.avals)
    uses = tuple([i for i, var in enumerate(jaxpr.inputs) if var in used])
    donated = _donations(options, call.in_tree, call.key[2])
    is_checked = bool(options.check)  # what nobody reads is checked too
    lean = jaxpr if options.keep_unused or is_checked else dce_jaxpr(jaxpr)
    kept = _kept(lean, donated) if not options.keep_unused else (True,) * len(donated)
    own = [v for v, is_kept in zip(lean.inputs, kept, strict=True) if is_kept]
    closed, consts = close(replace(lean, inputs=tuple(own)))
    gives = [d for d, is_kept in zip(donated, kept, strict=True) if is_kept]
    donations = (False,) * len(consts) + tuple(gives)
    return Signature(closed, consts, flat.out_tree, donations, kept, jaxpr, uses)


def _donations(options: Options, in_tree: TreeDef, positions: int) -> tuple[bool, ...]:
    """Whether each leaf belongs to a donated argument."""
    moving_tree, named_tree = in_tree.children
    places = [i for i in range(positions) if i not in options.static_positions]
    flags: list[bool] = []
    for place, child in zip(places, moving_tree.children, strict=True):
        flags += [place in options.donated_positions] * child.num_leaves
    for name, child in zip(named_tree.meta or (), named_tree.children, strict=True):
        flags += [name in options.donated_names] * child.num_leaves
    return tuple(flags)


def _kept(jaxpr: Jaxpr, donated: Sequence[bool]) -> tuple[bool, ...]:
    """Which inputs a program takes: those that it reads, and donated ones, to take them away."""
    read = {a for eqn in jaxpr.eqns for a in eqn.inputs} | set(jaxpr.outputs)
    return tuple([v in read or gives for v, gives in zip(jaxpr.inputs, donated, strict=True)])


def _not_an_array(
    name: str, places: Sequence[int], moving: tuple[Any, ...], named: dict[str, Any], leaf: int
) -> FnxTypeError:
    values = [(f"{i}", x) for i, x in zip(places, moving, strict=True)]
    values += [(repr(name), named[name]) for name in sorted(named)]
    where = [(place + path) for place, x in values for path in tree.paths(x)][leaf]
    value = tree.leaves((moving, named))[leaf]
    text = "" if " object at 0x" in repr(value) else f" ({value!r:.60})"
    return FnxTypeError(
        f"{name}: argument {where} is a {type(value).__name__}{text}, "
        "which is not an array: expected arrays and numbers.",
        source=user_source(),
        hint="Mark it as static: fnx.jit(f, static_argnums=...) or static_argnames. A class\n"
        "of your own becomes a pytree by fnx.tree.register, or as an fnx.nn.Module.",
    )


def _not_hashable(name: str, statics: Sequence[tuple[int | str, Any]]) -> FnxTypeError:
    for where, value in statics:
        try:
            hash(value)
        except TypeError:
            return FnxTypeError(
                f"{name}: static argument {where!r} is a {type(value).__name__}, "
                "which cannot be hashed: static arguments are part of the signature.",
                source=user_source(),
                hint="Write a tuple for a list, frozenset(d.items()) for a dict; arrays are\n"
                "ordinary arguments, not static ones.",
            )
    return FnxTypeError(
        f"{name}: the structure of the arguments cannot be hashed.",
        source=user_source(),
        hint="Keys of dicts and static fields of pytrees must be hashable.",
    )
