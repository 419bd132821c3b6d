"""Tracer: what a function sees in place of an array while it is traced.

Operators and array methods come from `fnx.numpy.operators`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fnx.core.array_text import (
    NO_ITEM_ASSIGNMENT,
    NO_ITEM_DELETION,
    WRITE_AT,
    WRITE_CONCATENATE,
)
from fnx.core.attributes import no_attribute
from fnx.core.avals import Aval
from fnx.core.sources import Source, user_source
from fnx.errors import AbstractValueError, FnxTypeError, LeakedTracerError

if TYPE_CHECKING:
    from fnx.core.ir import Var
    from fnx.core.trace import Trace

_UNKNOWN = (
    "{wanted} needs the value of a traced {aval}, but only its shape and dtype are known: the\n"
    "function is being compiled, mapped or printed, and stands for all inputs of this shape."
)
_INSTEAD = {
    "bool()": (
        "Instead of `if x > 0: y = f(x)` write `y = fnx.lax.cond(x > 0, f, g, x)` to run one of\n"
        "two functions, or `fnx.numpy.where(x > 0, a, b)` to choose element by element;\n"
        "`fnx.lax.while_loop` instead of `while`; `a & b`, `a | b`, `~a` instead of and, or, not;\n"
        "`fnx.numpy.maximum(a, b)` instead of `max(a, b)`."
    ),
    "index()": (
        "An index or a size that depends on data must be dynamic: fnx.numpy.take(x, i) or\n"
        "fnx.lax.dynamic_slice instead of x[i : i + n], fnx.lax.switch instead of functions[i],\n"
        "fnx.lax.fori_loop instead of range(n). Shapes are static: pass what they depend on as a\n"
        "static argument, fnx.jit(f, static_argnums=...)."
    ),
    "format()": (
        'Write fnx.debug.print("loss {x:.3f}", x=x), which prints when the function runs; `{x}`\n'
        "without a format shows shape and dtype."
    ),
}
_INSTEAD_OF_OTHERS = (
    "Leave the conversion out and stay with fnx.numpy: x / x.mean(), fnx.numpy.sin(x) instead of\n"
    "math.sin(x); fnx.lax.cond and fnx.numpy.where choose between values. Or pass the argument as\n"
    "a static one: fnx.jit(f, static_argnums=...)."
)


_NUMPY_FUNCTION = (
    "numpy.{name} was given a traced {aval}: NumPy would take its value, and lose its derivative."
)
_ABOUT_SHAPES = {np.shape: "shape", np.ndim: "ndim", np.size: "size"}
_REFLECTED = {  # what numpy_array + x and the like must call
    np.add: "__radd__", np.subtract: "__rsub__", np.multiply: "__rmul__",
    np.true_divide: "__rtruediv__", np.floor_divide: "__rfloordiv__", np.remainder: "__rmod__",
    np.power: "__rpow__", np.matmul: "__rmatmul__", np.divmod: "__rdivmod__",
    np.bitwise_and: "__rand__", np.bitwise_or: "__ror__", np.bitwise_xor: "__rxor__",
    np.left_shift: "__rlshift__", np.right_shift: "__rrshift__", np.equal: "__eq__",
    np.not_equal: "__ne__", np.less: "__gt__", np.less_equal: "__ge__", np.greater: "__lt__",
    np.greater_equal: "__le__",
}  # fmt: skip


class Tracer:
    """A value of a trace: always an aval, sometimes also a concrete value that Python may look at.

    Attributes:
        aval: shape and dtype.
    """

    __slots__ = ("__weakref__", "_payload", "_source", "_trace", "_value", "_var", "aval")
    __array_priority__ = 200  # numpy_array + x calls our __radd__
    aval: Aval
    _trace: Trace
    _var: Var | None  # in a recording trace: the variable
    _value: Any  # where values are carried: an array, or a tracer of an enclosing trace
    _payload: Any  # whatever an interpreting trace attaches, for example the tangent
    _source: Source | None

    def __init__(
        self,
        trace: Trace,
        aval: Aval,
        var: Var | None = None,
        value: Any = None,
        payload: Any = None,
        source: Source | None = None,
    ) -> None:
        self._trace = trace
        self.aval = aval
        self._var = var
        self._value = value
        self._payload = payload
        self._source = source

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of elements along each axis."""
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the elements."""
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.aval.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.aval.size

    @property
    def weak_type(self) -> bool:
        """Whether the dtype came from a Python scalar, and so gives way in promotion."""
        return self.aval.weak

    def _concrete(self, wanted: str) -> Any:
        """The array that this tracer carries; an error that teaches, if there is none."""
        value = self._value
        while isinstance(value, Tracer):
            value = value._value
        if value is None:
            if not self._trace.open:
                raise leaked(self)
            raise AbstractValueError(
                _UNKNOWN.format(wanted=wanted, aval=self.aval),
                source=user_source(),
                hint=_INSTEAD.get(wanted, _INSTEAD_OF_OTHERS),
            )
        return value

    def __bool__(self) -> bool:
        return bool(self._concrete("bool()"))

    def __int__(self) -> int:
        return int(self._concrete("int()"))

    def __float__(self) -> float:
        return float(self._concrete("float()"))

    def __complex__(self) -> complex:
        return complex(self._concrete("complex()"))

    def __index__(self) -> int:
        return self._concrete("index()").__index__()

    def __round__(self, ndigits: int | None = None) -> int | float:
        return round(self._concrete("round()"), ndigits)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        return self._concrete("numpy.asarray()").__array__(dtype, copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = _REFLECTED.get(ufunc)
        is_operator = method == "__call__" and not kwargs and inputs[-1] is self
        if name is None or not is_operator or isinstance(inputs[0], Tracer):
            raise self._numpy_function(ufunc.__name__)
        reflected = getattr(self, name, None)
        return NotImplemented if reflected is None else reflected(inputs[0])

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        attribute = _ABOUT_SHAPES.get(function)
        if attribute is None or len(args) != 1 or kwargs or args[0] is not self:
            raise self._numpy_function(function.__name__)
        return getattr(self, attribute)

    def _numpy_function(self, name: str) -> FnxTypeError:
        """The error for a function of NumPy's that was given a tracer."""
        return FnxTypeError(
            _NUMPY_FUNCTION.format(name=name, aval=self.aval),
            source=user_source(),
            hint=f"Write fnx.numpy.{name}(...); or numpy.asarray(x), where x is to be a constant.",
        )

    def item(self, *args: int) -> bool | int | float:
        """The only element, or the one at these indices; the value must be known."""
        return self._concrete("item()").item(*args)

    def tolist(self) -> Any:
        """The elements as nested lists of Python scalars; the value must be known."""
        return self._concrete("tolist()").tolist()

    def __setitem__(self, index: object, value: object) -> None:
        raise FnxTypeError(
            NO_ITEM_ASSIGNMENT.format(aval=self.aval), source=user_source(), hint=WRITE_AT
        )

    def __delitem__(self, index: object) -> None:
        raise FnxTypeError(
            NO_ITEM_DELETION.format(aval=self.aval), source=user_source(), hint=WRITE_CONCATENATE
        )

    def __getattr__(self, name: str) -> Any:
        raise no_attribute(self, name)

    def __repr__(self) -> str:
        value = self._value
        return f"Tracer<{self.aval}>" if value is None else f"Tracer<{self.aval}: {value!r}>"

    def __format__(self, spec: str) -> str:
        return format(self._concrete("format()"), spec) if spec else repr(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tracer:
        return self

    def __copy__(self) -> Tracer:
        return self


def leaked(tracer: Tracer) -> LeakedTracerError:
    """The error for a tracer that is used where its trace is not being made."""
    made = f"\n  it was made in {tracer._source.describe()}" if tracer._source is not None else ""
    return LeakedTracerError(
        f"a traced value ({tracer.aval}) was used outside of the function that it belongs to."
        f"{made}",
        source=user_source(),
        hint=(
            "Functions given to jit, grad, vmap ... must return what they compute: a value\n"
            "kept in a global, an attribute or a list means nothing after the function returned."
        ),
    )
