"""Jit: trace a function once per signature, compile it, and call the compiled program from then on.

``jit(f)(*args)`` looks first at the call path of the last signature (generated Python over a native
call), then at the table of signatures, then traces and compiles. Under a trace it records one
``jit`` equation instead.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any

from fnx import tree
from fnx.checks.kinds import parse_kinds
from fnx.config import config
from fnx.control.call import call
from fnx.core.array import Array
from fnx.core.avals import Aval
from fnx.core.eager import as_array, aval_of, is_value
from fnx.core.flatten import as_value, name_of
from fnx.core.key_uses import use_up
from fnx.core.rehearsal import is_rehearsal
from fnx.core.sources import user_source
from fnx.core.trace import current_trace, has_tracers
from fnx.core.tracebacks import boundary, trim
from fnx.errors import FnxTypeError
from fnx.lowering.checked import Checked, compile_checked
from fnx.lowering.compiled import MISS, Compiled
from fnx.lowering.dispatch import specialise
from fnx.lowering.jit_arguments import by_position_and_name
from fnx.lowering.signatures import Call, Options, Signature, call_of, trace_call
from fnx.lowering.stages import Lowered, Traced


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
    if check is None:
        checks = parse_kinds(config.checks, "FNX_CHECKS", "FNX_CHECKS=nan,index")
    else:
        checks = parse_kinds(check)
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
        made = call_of(self._name, self._options, args, kwargs, is_stage=True)
        traced = self._trace(made)
        if has_tracers(traced.consts):
            raise FnxTypeError(
                f"{self._name}: closes over a value that is being traced, so it has no program of "
                "its own: expected a function of its arguments.",
                source=user_source(),
                hint="Pass the value as an argument.",
            )
        program = functools.partial(self._program, traced)
        return Traced(self._name, traced, made.in_tree, made.avals, program)

    @boundary
    def compiled(self, *args: Any, **kwargs: Any) -> Compiled | Checked:
        """The compiled program for these arguments, without calling it."""
        return self._program(self._trace(call_of(self._name, self._options, args, kwargs)))

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
        made = call_of(self._name, self._options, args, kwargs)
        traced = self._trace(made)
        for i in traced.uses:
            use_up(as_value(made.leaves[i]), f"a call of {self._name}")
        if current_trace() is not None:
            outs = self._bind(traced, [as_value(x) for x in traced.of(made.leaves)])
        else:
            program = self._program(traced)
            outs = program(*traced.consts, *[as_array(x) for x in traced.of(made.leaves)])
            if not kwargs and not traced.uses:
                self._remember(made.key, traced, program, args, made.leaves)
        return tree.unflatten(traced.out_tree, outs)

    def _bind(self, traced: Signature, leaves: list[Any]) -> Sequence[Any]:
        return call(
            traced.jaxpr, *traced.consts, *leaves,
            name=self._name, donated=traced.donated, inline=self._options.inline,
            check=tuple(sorted(self._options.check)),
        )  # fmt: skip

    def _trace(self, made: Call) -> Signature:
        known = self._traced.get(made.key)
        if known is not None:
            return known
        traced = trace_call(self._fun, self._options, made)
        # A rehearsal looks at no keys: what is traced in it does not know which ones it uses up.
        if not has_tracers(traced.consts) and not is_rehearsal():
            self._traced[made.key] = traced
        return traced

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


def _aval(x: Any) -> Aval | None:
    return aval_of(x) if is_value(x) else None


def _leaf(x: Any) -> Any:
    """An Array of a leaf; anything that is none stays as it is, and misses."""
    return as_array(x) if is_value(x) else x
