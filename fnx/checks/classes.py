"""Classes: for each primitive, what can go wrong in it, and how it passes NaNs on.

A primitive that is not in the table (one defined outside of fnx) may make NaNs, and nothing is
known of how it passes them on.
"""

from __future__ import annotations

from typing import NamedTuple

from fnx.core.primitive import Primitive


class Class(NamedTuple):
    """What the checks know of a primitive.

    Attributes:
        fails: the kinds of checks that can fail in it.
        is_pointwise: each element of the result depends on the same element of the operands only.
        passes_nan: the operands (by position) whose NaNs all show up in the result; None: all.
    """

    fails: frozenset[str] = frozenset({"nan"})
    is_pointwise: bool = False
    passes_nan: tuple[int, ...] | None = ()


def _rows(names: str, fails: str, *, pointwise: bool = False, passes: object = ()) -> dict:
    row = Class(frozenset(fails.split()), pointwise, passes)
    return dict.fromkeys(names.split(), row)


_NAN, _BOTH, _DIV = "nan", "nan overflow", "nan overflow div"

CLASSES: dict[str, Class] = {
    # Elementwise; every result of a NaN is NaN
    **_rows("neg abs square", "overflow", pointwise=True, passes=None),
    **_rows("add sub mul", _BOTH, pointwise=True, passes=None),
    **_rows("div rem", _DIV, pointwise=True, passes=None),
    **_rows("exp exp2 expm1 sinh cosh", "overflow", pointwise=True, passes=None),
    **_rows("log log1p rsqrt atanh erf_inv lgamma digamma", _BOTH, pointwise=True, passes=None),
    **_rows("sqrt sin cos tan asin acos acosh", _NAN, pointwise=True, passes=None),
    **_rows("cbrt atan atan2 tanh asinh erf erfc logistic", "", pointwise=True, passes=None),
    **_rows("floor ceil round sign max min stop_gradient name", "", pointwise=True, passes=None),
    # Elementwise; a NaN may get lost (x**0 is 1), or becomes a decision
    **_rows("pow integer_pow convert", _BOTH, pointwise=True),
    **_rows("clamp select is_finite bitcast eq ne lt le gt ge", "", pointwise=True),
    **_rows("and or xor not shift_right_logical shift_right_arithmetic", "", pointwise=True),
    **_rows("popcnt clz", "", pointwise=True),
    **_rows("shift_left", "overflow", pointwise=True),
    # Sums and products
    **_rows("reduce_sum reduce_prod dot_general", _BOTH, passes=None),
    **_rows("reduce_max reduce_min", "", passes=None),
    **_rows("reduce_and reduce_or argmax argmin", ""),
    # Moving elements
    **_rows("broadcast_in_dim reshape transpose reverse concatenate", "", passes=None),
    **_rows("slice pad iota threefry2x32 optimization_barrier", ""),
    # Over named axes: vmap makes other operations of them
    **_rows("all_gather all_to_all axis_index pmax ppermute psum psum_scatter", ""),
    # Indexing
    **_rows("gather dynamic_slice", "index"),
    **_rows("dynamic_update_slice", "index", passes=(1,)),
    **_rows("scatter", "nan overflow index"),
    # Functions: what is inside of them is checked
    **_rows("jit cond scan while checkpoint checkpoint_linear", ""),
    **_rows("custom_jvp_call custom_vjp_call custom_vjp_linear custom_vmap_call", ""),
    # Python: what comes out of it is its own
    **_rows("pure_callback io_callback", _NAN),
    **_rows("debug_callback", ""),
    # Assertions
    **_rows("check", "user"),
}

_UNKNOWN = Class()


def class_of(primitive: Primitive) -> Class:
    """The row of a primitive."""
    return CLASSES.get(primitive.name, _UNKNOWN)
