"""Trace: Python function -> Jaxpr; and `bind`, the one way to apply a primitive.

There is one current trace per thread. A *recording* trace writes equations down. An *interpreting*
trace (forward mode, linearise, vmap of a function that is not jitted) gives each operation on its
own tracers to a rule at once, so that the values of primals are known while the function runs. A
trace forwards operations on none of its own tracers to the enclosing trace, unless it stages
everything, as `jit` does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar, Token
from typing import Any

import numpy as np

from fnx.config import config
from fnx.core.array import Array, wrap
from fnx.core.avals import Aval
from fnx.core.eager import aval_of, bind_eagerly, not_a_value
from fnx.core.infer import infer
from fnx.core.ir import Atom, Eqn, Jaxpr, Literal, Var
from fnx.core.named_axes import NamedSize, axis_names, is_claimed
from fnx.core.primitive import Primitive
from fnx.core.sources import current_source, disinherit, inherit
from fnx.core.tracer import Tracer as Tracer
from fnx.core.tracer import leaked
from fnx.core.verify import verify

Values = tuple[Any, ...]
Interpret = Callable[["Trace", Primitive, Values, dict[str, Any]], Values]

_current: ContextVar[Trace | None] = ContextVar("fnx_trace", default=None)


def bind(primitive: Primitive, *args: Any, **params: Any) -> Values:
    """Apply a primitive: now, if nothing is traced; else in the current trace. Returns a tuple.

    Args:
        primitive: what to apply.
        *args: arrays, tracers, NumPy scalars and Python scalars.
        **params: static parameters.
    """
    trace = _current.get()
    if trace is None:
        return bind_eagerly(primitive, args, params)
    return trace.bind(primitive, args, params)


def current_trace() -> Trace | None:
    """The trace that `bind` goes to in this thread; None while nothing is traced."""
    return _current.get()


def axes_in_scope() -> dict[Hashable, int]:
    """The named axes that are being mapped here, and their sizes; the innermost first."""
    found: dict[Hashable, int] = {}
    trace = _current.get()
    while trace is not None:
        if trace.axis is not None:
            found.setdefault(trace.axis.name, int(trace.axis))
        trace = trace.parent
    return found


def may_collect(jaxpr: Jaxpr) -> bool:
    """Whether a body may hold collectives, over any axis.

    A Python function inside of it could do anything, as long as there are axes to collect over.
    """
    names = axis_names(jaxpr)
    return bool(names) and (names != {None} or bool(axes_in_scope()))


def is_staged() -> bool:
    """Whether any open trace of this thread stages everything, as `jit` does."""
    trace = _current.get()
    while trace is not None and not trace.stage_all:
        trace = trace.parent
    return trace is not None


def trace_of(args: Sequence[Any]) -> Trace | None:
    """The trace that would process an operation on these arguments; None if it would run now."""
    trace = _current.get()
    while trace is not None and not trace.stage_all and not trace.owns_any(args):
        trace = trace.parent
    return trace


class Trace:
    """A function being traced. ``with Trace(...) as t:`` makes it the current trace and ends it.

    Args:
        stage_all: whether operations on none of its tracers belong to it too (as under `jit`).
        interpret: for an interpreting trace: ``interpret(trace, primitive, args, params)`` returns
            the results, and runs with the enclosing trace current. None for a recording trace.
        axis: the size of the axis that is mapped, if it has a name: collectives over it belong to
            this trace, whatever their operands.
    """

    __slots__ = (
        "__weakref__",
        "_const_vars",
        "_token",
        "axis",
        "consts",
        "eqns",
        "inputs",
        "interpret",
        "open",
        "parent",
        "stage_all",
    )

    def __init__(
        self,
        *,
        stage_all: bool,
        interpret: Interpret | None = None,
        axis: NamedSize | None = None,
    ) -> None:
        self.parent = _current.get()
        self.stage_all = stage_all
        self.interpret = interpret
        self.axis = axis
        self.open = True
        self.inputs: list[Var] = []
        self.eqns: list[Eqn] = []
        self.consts: list[tuple[Var, Any]] = []
        self._const_vars: dict[int, Var] = {}  # by id of the value, which `consts` keeps alive
        self._token: Token[Trace | None] | None = None

    def __enter__(self) -> Trace:
        self.resume()
        return self

    def __exit__(self, *_: object) -> None:
        self.pause()
        self.open = False

    def resume(self) -> None:
        """Make this the current trace, until `pause`."""
        self._token = _current.set(self)

    def pause(self) -> None:
        """Make the trace current again that was before `resume`; this one stays open."""
        assert self._token is not None
        _current.reset(self._token)

    def add_input(self, aval: Aval) -> Tracer:
        """A new input of the function that is recorded."""
        var = Var(aval)
        self.inputs.append(var)
        return Tracer(self, aval, var, source=current_source())

    def finish(self, outs: Sequence[Any]) -> Jaxpr:
        """The jaxpr of what was recorded, with these results."""
        outputs = tuple([self.atom(x) for x in outs])
        return Jaxpr(tuple(self.inputs), tuple(self.eqns), outputs, tuple(self.consts))

    def bind(self, primitive: Primitive, args: Values, params: dict[str, Any]) -> Values:
        """Apply a primitive in this trace, or forward it to the enclosing one."""
        if not self.stage_all and not self.owns_any(args):
            axis = self.axis
            if axis is None or not is_claimed(primitive, params, axis.name):
                return _bind_in(self.parent, primitive, args, params)
        if self.interpret is None:
            return self._record(primitive, args, params)
        token = _current.set(self.parent)
        source = inherit(current_source())
        try:
            return self.interpret(self, primitive, args, params)
        finally:
            disinherit(source)
            _current.reset(token)

    def owns(self, x: object) -> bool:
        """Whether this value is a tracer of this trace."""
        return type(x) is Tracer and x._trace is self

    def value_outside(self, tracer: Tracer) -> Any:
        """The value, of an enclosing trace, that one of its tracers carries; else the tracer."""
        return tracer if tracer._value is None or _current.get() is not self else tracer._value

    def atom(self, x: Any) -> Atom:
        """What stands for a value in this trace's jaxpr: a variable, a literal, or a constant."""
        if type(x) is Tracer:
            if x._trace is self:
                return x._var
            if not self._encloses(x._trace):
                raise leaked(x)
            return self._const(x, x.aval)
        if type(x) is Array:
            return self._const(x, x.aval)
        if isinstance(x, np.ndarray):
            array = wrap(np.array(x, order="C"))  # a copy: the caller may write to x later
            return self._const(array, array.aval)
        if isinstance(x, np.generic | bool | int | float):
            aval = aval_of(x)
            return Literal(aval.dtype.type(x), aval)
        raise not_a_value(x)

    def _const(self, value: Array | Tracer, aval: Aval) -> Var:
        var = self._const_vars.get(id(value))
        if var is None:
            var = self._const_vars[id(value)] = Var(aval)
            self.consts.append((var, value))
        return var

    def _record(self, primitive: Primitive, args: Values, params: dict[str, Any]) -> Values:
        atoms = tuple([self.atom(x) for x in args])
        avals = infer(primitive, tuple([a.aval for a in atoms]), params)
        outputs = tuple([Var(aval) for aval in avals])
        source = current_source()
        self.eqns.append(Eqn(primitive, atoms, outputs, params, source))
        return tuple([Tracer(self, var.aval, var, None, None, source) for var in outputs])

    def owns_any(self, args: Sequence[Any]) -> bool:
        """Whether any of these values is a tracer of this trace."""
        for x in args:  # noqa: SIM110  a loop takes half the time of any()
            if type(x) is Tracer and x._trace is self:
                return True
        return False

    def _encloses(self, other: Trace) -> bool:
        """Whether another trace is open around this one."""
        trace = self.parent
        while trace is not None:
            if trace is other:
                return other.open
            trace = trace.parent
        return False


def _bind_in(
    trace: Trace | None, primitive: Primitive, args: Values, params: dict[str, Any]
) -> Values:
    """`bind` with another trace than the current one."""
    token = _current.set(trace)
    try:
        if trace is None:
            return bind_eagerly(primitive, args, params)
        return trace.bind(primitive, args, params)
    finally:
        _current.reset(token)


def trace(f: Callable[..., Sequence[Any]], avals: Sequence[Aval]) -> Jaxpr:
    """Trace a function of flat arguments that returns a flat sequence.

    Values of enclosing traces, and arrays, that ``f`` closes over become the jaxpr's ``consts``.

    Args:
        f: called with one tracer for each aval.
        avals: shape and dtype of each argument.
    """
    with Trace(stage_all=True) as t:
        jaxpr = t.finish(f(*[t.add_input(aval) for aval in avals]))
    return verify(jaxpr) if config.check else jaxpr


def has_tracers(values: Sequence[Any]) -> bool:
    """Whether any of these values is a tracer."""
    return any(type(x) is Tracer for x in values)
