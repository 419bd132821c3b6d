"""Jit: trace a function once per signature, compile it, and call the compiled program from then on.

``jit(f)(*args)`` looks first at the call path of the last signature (generated Python over a native
call), then at the table of signatures, then traces and compiles. Under a trace it records one
``jit`` equation instead.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fnx import tree
from fnx.checks.kinds import Kinds, parse_kinds
from fnx.config import config
from fnx.control.call import call
from fnx.core.array import Array
from fnx.core.avals import Aval
from fnx.core.eager import as_array, aval_of, is_value
from fnx.core.flatten import FlatFunction, as_aval, as_value, close, is_described, name_of
from fnx.core.ir import Jaxpr
from fnx.core.sources import user_source
from fnx.core.trace import axes_in_scope, current_trace, has_tracers, trace
from fnx.core.tracebacks import boundary, trim
from fnx.errors import FnxTypeError
from fnx.lowering.checked import Checked, compile_checked
from fnx.lowering.compiled import MISS, Compiled
from fnx.lowering.dispatch import specialise, static_key
from fnx.lowering.jit_arguments import by_position_and_name, with_statics
from fnx.lowering.stages import Lowered, Traced
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


def jit(
    fun: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: int | Sequence[int] = (),
    donate_argnames: str | Sequence[str] = (),
    keep_unused: bool = False,
    inline: bool = False,
    check: str | Collection[str] | None = None,
) -> Any:
    """Compile ``fun`` once for each signature that it is called with.

    A signature is the structure, shapes and dtypes of the arguments, and the values of static ones.

    Args:
        fun: a pure function of pytrees of arrays. Without it, ``jit`` returns a decorator.
        static_argnums: positions of arguments that are part of the signature; their values must be
            hashable.
        static_argnames: the same by name.
        donate_argnums: positions of arguments whose memory the results may take over; they cannot
            be used afterwards.
        donate_argnames: the same by name.
        keep_unused: whether the compiled program takes arguments that it does not read, too. Their
            shapes and dtypes are part of the signature in any case.
        inline: under another trace, record the function's equations instead of one ``jit``
            equation.
        check: a sanitiser build: names of checks, as in ``"nan,index,overflow"``, or ``"all"``; see
            docs/checks.md. By default those of the environment variable FNX_CHECKS; none if empty.

    Returns:
        A function of the same signature.

    Raises:
        CheckError: at a call, if a check fails.
        FnxValueError: for an unknown check.
        FnxTypeError: at a call, if a static argument is not hashable or another one is not a pytree
            of arrays.

    >>> import fnx.numpy as fnp
    >>> jit(lambda x: fnp.sin(x) ** 2)(fnp.ones(3)).shape
    (3,)
    """
    if fun is None:
        return functools.partial(
            jit,
            static_argnums=static_argnums,
            static_argnames=static_argnames,
            donate_argnums=donate_argnums,
            donate_argnames=donate_argnames,
            keep_unused=keep_unused,
            inline=inline,
            check=check,
        )
    if not callable(fun):
        raise FnxTypeError(
            f"jit: expected a function, got {type(fun).__name__} {fun!r:.60}.",
            source=user_source(),
            hint="Pass the function itself, not what it returns: fnx.jit(f)(x), not fnx.jit(f(x)).",
        )
    static = by_position_and_name(fun, static_argnums, static_argnames, "static")
    donated = by_position_and_name(fun, donate_argnums, donate_argnames, "donate")
    checks = parse_kinds(config.checks if check is None else check)
    return Jitted(fun, Options(*static, *donated, inline, keep_unused, checks))


class Jitted:
    """A jitted function.

    ``_last`` is the call path of the last signature, ``_paths`` the table of all of them, and
    ``_traced`` the table of signatures.
    """

    def __init__(self, fun: Callable[..., Any], options: Options) -> None:
        functools.update_wrapper(self, fun)
        self._fun = fun
        self._options = options
        self._last: Callable[..., Any] | None = None
        self._traced: dict[Any, Signature] = {}
        self._paths: dict[Any, Callable[..., Any] | None] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, compiled."""
        try:
            last = self._last
            if last is not None and not kwargs and current_trace() is None:
                out = last(*args)
                if out is not MISS:
                    return out
            return self._call(args, kwargs)
        except BaseException as error:
            trim(error)
            raise

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<jit {getattr(self._fun, '__qualname__', self._fun)!s}>"

    @boundary
    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """The function traced for these arguments, or `ShapeDtypeStruct` objects in their place."""
        return self._stage(*args, **kwargs)

    @boundary
    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The function lowered for these arguments, or `ShapeDtypeStruct` objects."""
        return self._stage(*args, **kwargs).lower()

    def _stage(self, *args: Any, **kwargs: Any) -> Traced:
        key, avals, in_tree, statics, _ = self._signature(args, kwargs, is_stage=True)
        traced = self._trace(key, avals, in_tree, statics)
        if has_tracers(traced.consts):
            raise FnxTypeError(
                f"{self._name}: closes over a value that is being traced, so it has no program of "
                "its own: expected a function of its arguments.",
                source=user_source(),
                hint="Pass the value as an argument.",
            )
        return Traced(self._name, traced, in_tree, avals, functools.partial(self._program, traced))

    @boundary
    def compiled(self, *args: Any, **kwargs: Any) -> Compiled | Checked:
        """The compiled program for these arguments, without calling it."""
        traced = self._trace(*self._signature(args, kwargs)[:4])
        return self._program(traced)

    def _program(self, traced: Signature) -> Compiled | Checked:
        return compile_checked(traced.jaxpr, self._name, traced.donated, self._options.check)

    @property
    def signatures(self) -> int:
        """How many signatures have been traced and are remembered."""
        return len(self._traced)

    @property
    def _name(self) -> str:
        return name_of(self._fun)

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        key, avals, in_tree, statics, leaves = self._signature(args, kwargs)
        traced = self._trace(key, avals, in_tree, statics)
        outside = current_trace()
        if outside is not None:
            outs = self._bind(traced, [as_value(x) for x in traced.of(leaves)])
        else:
            program = self._program(traced)
            outs = program(*traced.consts, *[as_array(x) for x in traced.of(leaves)])
            if not kwargs:
                self._remember(key, traced, program, args, leaves)
        return tree.unflatten(traced.out_tree, outs)

    def _bind(self, traced: Signature, leaves: list[Any]) -> Sequence[Any]:
        return call(
            traced.jaxpr, *traced.consts, *leaves,
            name=self._name, donated=traced.donated, inline=self._options.inline,
            check=tuple(sorted(self._options.check)),
        )  # fmt: skip

    def _signature(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], is_stage: bool = False
    ) -> tuple[Any, tuple[Aval, ...], TreeDef, Any, list[Any]]:
        """The key of a call; avals and structure of its dynamic arguments; static ones; leaves."""
        options = self._options
        statics = tuple(
            [(i, args[i]) for i in sorted(options.static_positions) if i < len(args)]
            + [(n, kwargs[n]) for n in sorted(options.static_names) if n in kwargs]
        )
        moving = tuple([x for i, x in enumerate(args) if i not in options.static_positions])
        named = {n: x for n, x in kwargs.items() if n not in options.static_names}
        leaves, in_tree = tree.flatten((moving, named))
        for i, leaf in enumerate(leaves):
            if not is_value(leaf) and not (is_stage and is_described(leaf)):
                raise self._not_an_array(len(args), moving, named, i)
        avals = tuple([as_aval(x) if is_stage else aval_of(x) for x in leaves])
        named_statics = tuple([(n, static_key(x)) for n, x in statics])
        key = (in_tree, avals, len(args), named_statics, tuple(axes_in_scope().items()))
        try:
            hash(key)
        except TypeError:
            raise self._not_hashable(statics) from None
        return key, avals, in_tree, statics, leaves

    def _trace(
        self, key: Any, avals: tuple[Aval, ...], in_tree: TreeDef, statics: Any
    ) -> Signature:
        known = self._traced.get(key)
        if known is not None:
            return known
        function = with_statics(self._fun, statics) if statics else self._fun
        flat = FlatFunction(function, in_tree)
        jaxpr = trace(flat, avals)
        donated = self._donations(in_tree, key[2])
        is_checked = bool(self._options.check)  # what nobody reads is checked too
        lean = jaxpr if self._options.keep_unused or is_checked else dce_jaxpr(jaxpr)
        kept = _kept(lean, donated) if not self._options.keep_unused else (True,) * len(donated)
        own = [v for v, is_kept in zip(lean.inputs, kept, strict=True) if is_kept]
        closed, consts = close(replace(lean, inputs=tuple(own)))
        gives = [d for d, is_kept in zip(donated, kept, strict=True) if is_kept]
        traced = Signature(
            closed, consts, flat.out_tree, (False,) * len(consts) + tuple(gives), kept, jaxpr
        )
        if not has_tracers(consts):
            self._traced[key] = traced
        return traced

    def _donations(self, in_tree: TreeDef, positions: int) -> tuple[bool, ...]:
        """Whether each leaf belongs to a donated argument."""
        options = self._options
        moving_tree, named_tree = in_tree.children
        places = [i for i in range(positions) if i not in options.static_positions]
        flags: list[bool] = []
        for place, child in zip(places, moving_tree.children, strict=True):
            flags += [place in options.donated_positions] * child.num_leaves
        for name, child in zip(named_tree.meta or (), named_tree.children, strict=True):
            flags += [name in options.donated_names] * child.num_leaves
        return tuple(flags)

    def _remember(
        self,
        key: Any,
        traced: Signature,
        program: Compiled | Checked,
        args: tuple[Any, ...],
        leaves: list[Any],
    ) -> None:
        """Make the call path of this signature the first to be tried."""
        foreign = frozenset(i for i, x in enumerate(leaves) if type(x) is not Array)
        path = self._paths.get((key, foreign))
        if path is None:
            moving = iter(key[0].children[0].children)
            static = self._options.static_positions
            structures = [None if i in static else next(moving) for i in range(len(args))]
            values = {i: args[i] for i in static if i < len(args)}
            flat = (
                functools.partial(program.call, *traced.consts) if traced.consts else program.call
            )
            rows = zip(leaves, traced.kept, strict=True)
            unused = {i: aval_of(x) for i, (x, is_kept) in enumerate(rows) if not is_kept}
            path = specialise(
                structures, values, traced.out_tree, flat, MISS, foreign, _leaf, unused, _aval
            )
            self._paths[key, foreign] = path
        self._last = path

    def _not_an_array(
        self, count: int, moving: tuple[Any, ...], named: dict[str, Any], leaf: int
    ) -> FnxTypeError:
        places = [i for i in range(count) if i not in self._options.static_positions]
        values = [(f"{i}", x) for i, x in zip(places, moving, strict=True)]
        values += [(repr(name), named[name]) for name in sorted(named)]
        where = [(place + path) for place, x in values for path in tree.paths(x)][leaf]
        value = tree.leaves((moving, named))[leaf]
        text = "" if " object at 0x" in repr(value) else f" ({value!r:.60})"
        return FnxTypeError(
            f"{self._name}: argument {where} is a {type(value).__name__}{text}, "
            "which is not an array: expected arrays and numbers.",
            source=user_source(),
            hint="Mark it as static: fnx.jit(f, static_argnums=...) or static_argnames. A class\n"
            "of your own becomes a pytree by fnx.tree.register, or as an fnx.nn.Module.",
        )

    def _not_hashable(self, statics: Any) -> FnxTypeError:
        for where, value in statics:
            try:
                hash(value)
            except TypeError:
                return FnxTypeError(
                    f"{self._name}: static argument {where!r} is a {type(value).__name__}, "
                    "which cannot be hashed: static arguments are part of the signature.",
                    source=user_source(),
                    hint="Write a tuple for a list, frozenset(d.items()) for a dict; arrays are\n"
                    "ordinary arguments, not static ones.",
                )
        return FnxTypeError(
            f"{self._name}: the structure of the arguments cannot be hashed.",
            source=user_source(),
            hint="Keys of dicts and static fields of pytrees must be hashable.",
        )


def _kept(jaxpr: Jaxpr, donated: Sequence[bool]) -> tuple[bool, ...]:
    """Which inputs a program takes: those that it reads, and donated ones, to take them away."""
    read = {a for eqn in jaxpr.eqns for a in eqn.inputs} | set(jaxpr.outputs)
    return tuple([v in read or gives for v, gives in zip(jaxpr.inputs, donated, strict=True)])


def _aval(x: Any) -> Aval | None:
    return aval_of(x) if is_value(x) else None


def _leaf(x: Any) -> Any:
    """An Array of a leaf; anything that is none stays as it is, and misses."""
    return as_array(x) if is_value(x) else x
