"""Array text: how arrays are shown, and what is said to wrong uses of them."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from fnx.core.avals import Aval

WRITE_ASARRAY = "Write fnx.numpy.asarray(x) for lists, scalars and the arrays of other libraries."
NO_HASH = "unhashable type: an array ({aval}) cannot be hashed, so it is no key of a dict."
WRITE_BYTES = (
    "Arrays compare element by element. Use x.tobytes() or int(x) for the value, id(x) for the\n"
    "object itself; give an array to a compiled function as an ordinary argument."
)
NO_ITEM_ASSIGNMENT = "fnx arrays are immutable: x[index] = y is not possible (x is {aval})."
WRITE_AT = "Write x = x.at[index].set(y), or .add(y) for +=, which returns a changed copy."
NO_ITEM_DELETION = "fnx arrays are immutable: del x[index] is not possible (x is {aval})."
WRITE_CONCATENATE = "Write fnx.numpy.concatenate([x[:i], x[i + 1 :]]), which returns a new array."
NO_ITERATION = "iteration over an array of rank 0 ({aval}): expected at least one axis."
WRITE_ATLEAST = "Use the number itself, float(x), or fnx.numpy.atleast_1d(x)."
NO_LENGTH = "len() of an array of rank 0 ({aval}): expected at least one axis."
WRITE_SIZE = "Write x.size or x.ndim; fnx.numpy.atleast_1d(x) has an axis."


def printable(buffer: np.ndarray) -> np.ndarray:
    """The array itself, or float32 for the small floats that NumPy does not format well."""
    is_extension = buffer.dtype.kind == "V" or hasattr(ml_dtypes, buffer.dtype.name)
    return buffer.astype(np.float32) if is_extension else buffer


def shown(buffer: np.ndarray, aval: Aval) -> str:
    """The text of an array, for example ``Array([0., 1.], dtype=float32)``."""
    weak = ", weak_type=True" if aval.weak else ""
    dtype = f"dtype={aval.dtype}{weak}"
    if not aval.size:
        shape = "" if aval.shape == (0,) else f"shape={aval.shape}, "
        return f"Array([], {shape}{dtype})"
    body = np.array2string(printable(buffer), separator=", ", prefix="Array(")
    return f"Array({body}, {dtype})"
