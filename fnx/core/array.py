"""Array: an immutable buffer and its aval. Infix operators come from `fnx.numpy.operators`.

Invariant: the buffer is C-contiguous, aligned, in native byte order, never written to again, and
``aval`` has its shape and dtype. Two arrays may share memory (a reshape copies nothing).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fnx.core.array_text import (
    NO_HASH,
    NO_ITEM_ASSIGNMENT,
    NO_ITEM_DELETION,
    NO_ITERATION,
    NO_LENGTH,
    WRITE_ASARRAY,
    WRITE_AT,
    WRITE_ATLEAST,
    WRITE_BYTES,
    WRITE_CONCATENATE,
    WRITE_SIZE,
    printable,
    shown,
)
from fnx.core.attributes import no_attribute
from fnx.core.avals import Aval, _intern
from fnx.core.dlpack import to_dlpack
from fnx.core.dtypes import INTS, as_dtype, scalar_dtype
from fnx.core.sources import user_source
from fnx.errors import DeletedArrayError, FnxAttributeError, FnxTypeError, FnxValueError


class Array:
    """An immutable n-dimensional array.

    Made by the functions of `fnx.numpy`; ``Array(buffer)`` takes a NumPy array as its own.

    >>> Array(np.arange(3, dtype=np.float32))
    Array([0., 1., 2.], dtype=float32)
    """

    __slots__ = ("__weakref__", "_buffer", "aval")
    __array_priority__ = 100  # numpy_array + x calls our __radd__
    _buffer: np.ndarray
    aval: Aval

    def __new__(cls, buffer: np.ndarray, weak: bool = False) -> Array:
        """Wrap ``buffer``, which nobody may write to afterwards; copied only if it must be."""
        if not isinstance(buffer, np.ndarray | np.generic):
            kind = type(buffer).__name__
            message = f"fnx.Array wraps a NumPy array and takes nothing else, got {kind}."
            raise FnxTypeError(message, hint=WRITE_ASARRAY)
        return wrap(buffer, weak)

    # What an array is

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
    def nbytes(self) -> int:
        """Bytes that the elements take."""
        return self._buffer.nbytes

    @property
    def itemsize(self) -> int:
        """Bytes that one element takes."""
        return self.aval.dtype.itemsize

    @property
    def weak_type(self) -> bool:
        """Whether the dtype came from a Python scalar, and so gives way in promotion."""
        return self.aval.weak

    @property
    def device(self) -> str:
        """Where the elements are: ``"cpu"``."""
        return "cpu"

    def to_device(self, device: str, /, *, stream: None = None) -> Array:
        """The same array on ``device``, which can only be ``"cpu"``."""
        if device != "cpu" or stream is not None:
            raise FnxValueError(f"the only device is 'cpu' (without a stream), got {device!r}.")
        return self

    def block_until_ready(self) -> Array:
        """The array itself: nothing runs in the background. For code written for JAX."""
        return self

    def is_deleted(self) -> bool:
        """Whether the buffer was given away (donated to a jitted function, or deleted)."""
        try:
            _get_buffer(self)
        except AttributeError:
            return True
        return False

    def delete(self) -> None:
        """Give up the buffer now; any later use of the array raises."""
        if not self.is_deleted():
            _delete_buffer(self)

    def __setattr__(self, name: str, value: object) -> None:
        raise FnxAttributeError(f"fnx arrays are immutable: cannot set {name}.")

    def __delattr__(self, name: str) -> None:
        raise FnxAttributeError(f"fnx arrays are immutable: cannot delete {name}.")

    def __getattr__(self, name: str) -> Any:
        if name == "_buffer":
            raise _deleted(self.aval)
        raise no_attribute(self, name)

    # Conversions to Python

    def __bool__(self) -> bool:
        if self.aval.size != 1:
            raise FnxValueError(
                f"the truth value of an array with {self.aval.size} elements ({self.aval}) is "
                "ambiguous: expected one element.",
                hint="Write x.any() or x.all(); a & b for `a and b`, a | b for `a or b`, "
                "~a for `not a`.",
            )
        return bool(self._buffer)

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __complex__(self) -> complex:
        return complex(self._scalar("complex"))

    def __index__(self) -> int:
        if self.aval.dtype not in INTS:
            raise FnxTypeError(
                f"only an integer can be an index or a size, got {self.aval}.",
                hint="Convert it: int(x), or x.astype('int32') for an array of indices.",
            )
        return int(self._scalar("index"))

    def __round__(self, ndigits: int | None = None) -> int | float:
        return round(self._scalar("round").item(), ndigits)

    def __format__(self, spec: str) -> str:
        if not self.aval.shape:
            return format(self._buffer[()], spec)
        try:
            return format(str(self), spec)
        except ValueError:
            raise FnxTypeError(
                f"the format {spec!r} is for one number, got {self.aval}.",
                hint="Reduce or index the array first, or write fnx.numpy.round(x, 3) without a "
                "format.",
            ) from None

    def _scalar(self, wanted: str) -> np.ndarray:
        if self.aval.shape:
            raise FnxTypeError(
                f"{wanted}(x) needs an array of rank 0, got {self.aval}.",
                hint="Reduce it (x.sum(), x.mean()), index it, or write x.item() for the only\n"
                "element, x.tolist() for all of them.",
            )
        return self._buffer

    def item(self, *args: int) -> bool | int | float:
        """The only element, or the one at these indices, as a Python scalar."""
        if not args and self.aval.size != 1:
            raise FnxTypeError(
                f"item() needs an array of one element, got {self.aval}.",
                hint="Write x.item(i, j) for one of them, x.tolist() for all.",
            )
        return self._buffer.item(*args)

    def tolist(self) -> Any:
        """The elements as nested lists of Python scalars."""
        return self._buffer.tolist()

    def tobytes(self) -> bytes:
        """The elements' bytes in C order."""
        return self._buffer.tobytes()

    def __len__(self) -> int:
        if not self.aval.shape:
            raise FnxTypeError(NO_LENGTH.format(aval=self.aval), hint=WRITE_SIZE)
        return self.aval.shape[0]

    def __iter__(self) -> Iterator[Array]:
        if not self.aval.shape:
            raise FnxTypeError(NO_ITERATION.format(aval=self.aval), hint=WRITE_ATLEAST)
        return map(wrap, self._buffer)

    def __hash__(self) -> int:
        raise FnxTypeError(NO_HASH.format(aval=self.aval), hint=WRITE_BYTES)

    def __setitem__(self, index: object, value: object) -> None:
        raise FnxTypeError(NO_ITEM_ASSIGNMENT.format(aval=self.aval), hint=WRITE_AT)

    def __delitem__(self, index: object) -> None:
        raise FnxTypeError(NO_ITEM_DELETION.format(aval=self.aval), hint=WRITE_CONCATENATE)

    # Exchange with other libraries

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        if (dtype is None or dtype == self.aval.dtype) and not copy:
            view = self._buffer.view()
            view.flags.writeable = False
            return view
        if copy is False:
            raise FnxValueError(
                f"{self.aval} as {np.dtype(dtype)} needs a copy, got copy=False.",
                hint="Ask for its own dtype, or allow the copy.",
            )
        return self._buffer.astype(dtype or self.aval.dtype)

    def __dlpack__(
        self,
        *,
        stream: None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> object:
        # Versions before 1.0 cannot say "read-only", and NumPy then refuses read-only arrays.
        can_be_read_only = max_version is not None and max_version >= (1, 0)
        buffer = self.__array__() if can_be_read_only and not copy else self._buffer
        return to_dlpack(
            buffer, stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._buffer.__dlpack_device__()

    def __reduce__(self) -> tuple[Any, ...]:
        return wrap, (self._buffer, self.aval.weak)

    def __copy__(self) -> Array:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Array:
        return wrap(self._buffer.copy(), self.aval.weak)

    # Text

    def __repr__(self) -> str:
        if self.is_deleted():
            return f"<deleted Array {self.aval}>"
        return shown(self._buffer, self.aval)

    def __str__(self) -> str:
        if self.is_deleted():
            return repr(self)
        return str(printable(self._buffer))


def _deleted(aval: Aval) -> DeletedArrayError:
    return DeletedArrayError(
        f"this array ({aval}) has no buffer any more: it was donated to a jitted function, or "
        "deleted.",
        source=user_source(),
        hint="Use the function's result instead (x = f(x)), or do not donate the argument.",
    )


_set_buffer = Array.__dict__["_buffer"].__set__
_get_buffer = Array.__dict__["_buffer"].__get__
_delete_buffer = Array.__dict__["_buffer"].__delete__
_set_aval = Array.__dict__["aval"].__set__
_new = object.__new__


def wrap_as(buffer: np.ndarray, aval: Aval) -> Array:
    """An Array of a buffer that is known to satisfy the invariant and to have this aval. Fast."""
    array = _new(Array)
    _set_buffer(array, buffer)
    _set_aval(array, aval)
    return array


def wrap(buffer: np.ndarray | np.generic, weak: bool = False) -> Array:
    """An Array of any NumPy array or scalar of one of our dtypes, copied only if it must be."""
    if type(buffer) is not np.ndarray:
        buffer = np.asarray(buffer)
    flags = buffer.flags
    if not (flags.c_contiguous and flags.aligned and buffer.dtype.isnative):
        buffer = np.array(buffer, dtype=buffer.dtype.newbyteorder("="), order="C")
    return wrap_as(buffer, _intern(buffer.shape, as_dtype(buffer.dtype), weak))


def as_buffer(x: object) -> np.ndarray:
    """The NumPy array behind a value: an Array's own buffer, or the conversion of anything else.

    Python scalars become ``bool``, ``int32`` (or wider, if they must) and ``float32``. The result
    must not be written to.
    """
    if type(x) is Array:
        return x._buffer
    if type(x) is np.ndarray:
        return x
    if isinstance(x, bool | int | float) and not isinstance(x, np.generic):
        return np.asarray(x, dtype=scalar_dtype(x)[0])
    return np.asarray(x)
