"""Dtypes: the promotion table against JAX's (recorded, see ../record_jax.py), names, scalars."""

import itertools
import json
import pathlib

import numpy as np
import pytest

from fnx.core import dtypes
from fnx.core.dtypes import ALL, as_dtype, dtype_from_name, dtype_name, promote_types, scalar_dtype

ROWS = json.loads((pathlib.Path(__file__).parent.parent / "promotions.json").read_text())


def _promoted(a, a_weak, b, b_weak):
    try:
        dtype, weak = promote_types(as_dtype(a), a_weak, as_dtype(b), b_weak)
    except TypeError:
        return None
    return [dtype.name, weak]


def test_promotion_is_that_of_jax():
    """For all pairs; but a result that is only known as "int" or "float" has 32 bits, not 64."""
    assert len(ROWS) == 19**2
    for a, a_weak, b, b_weak, expected in ROWS:
        found = _promoted(a, a_weak, b, b_weak)
        if found != expected:
            weak = [dtype for dtype, is_weak in ((a, a_weak), (b, b_weak)) if is_weak]
            assert [expected[1], found[1]] == [True, True], (a, b)
            assert weak in (["int32"], ["float32"]), (a, b, found, expected)
            assert found[0] == weak[0], (a, b, found, expected)


def test_promotion_is_symmetric_and_idempotent():
    places = [(d, w) for d in ALL for w in (False, True) if d != dtypes.BOOL or not w]
    for (a, a_weak), (b, b_weak) in itertools.product(places, repeat=2):
        forth = _promoted(a, a_weak, b, b_weak)
        assert forth == _promoted(b, b_weak, a, a_weak)
        if forth is not None:
            again = _promoted(forth[0], forth[1], a, a_weak)
            assert again in (forth, [forth[0], False])


def test_promotion_error_says_what_to_write():
    with pytest.raises(
        TypeError, match=r"bfloat16 and float8_e5m2 have no common dtype(?s:.*)astype\('bfloat16'\)"
    ):
        promote_types(dtypes.BFLOAT16, False, dtypes.FLOAT8_E5M2, False)


@pytest.mark.parametrize("dtype", sorted(ALL, key=str), ids=str)
def test_names_round_trip(dtype):
    assert dtype_from_name(dtype_name(dtype)) is dtype
    assert as_dtype(dtype.name) is dtype
    assert as_dtype(dtype.type) is dtype
    kinds = [
        dtypes.is_bool(dtype),
        dtypes.is_float(dtype),
        dtypes.is_signed(dtype),
        dtypes.is_unsigned(dtype),
    ]
    assert sum(kinds) == 1
    assert dtypes.is_int(dtype) == (kinds[2] or kinds[3])


def test_as_dtype_takes_what_numpy_takes():
    assert as_dtype(float) == np.float32
    assert as_dtype(int) == np.int32
    assert as_dtype(bool) == np.bool_
    assert as_dtype(">f8").isnative
    assert as_dtype("i8") == np.int64  # NumPy's spelling: bytes


@pytest.mark.parametrize("bad", ["complex64", "U3", object, "nonsense", "datetime64[s]"])
def test_unsupported_dtypes_are_named(bad):
    with pytest.raises(TypeError, match=r"fnx has no dtype .*\n  The dtypes are: bool, int8"):
        as_dtype(bad)
    with pytest.raises(TypeError, match="fnx has no dtype 'f128'"):
        dtype_from_name("f128")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, (np.bool_, False)),
        (1.5, (np.float32, True)),
        (2**31 - 1, (np.int32, True)),
        (-(2**31), (np.int32, True)),
        (2**31, (np.int64, True)),
        (-(2**63), (np.int64, True)),
        (2**63, (np.uint64, True)),
    ],
)
def test_python_scalars(value, expected):
    dtype, weak = scalar_dtype(value)
    assert (dtype, weak) == expected


def test_python_int_beyond_64_bits():
    with pytest.raises(OverflowError, match="does not fit any integer dtype"):
        scalar_dtype(2**64)


def test_integers_are_computed_as_float32():
    assert dtypes.to_inexact(dtypes.INT64, False) == (np.float32, False)
    assert dtypes.to_inexact(dtypes.BFLOAT16, True) == (dtypes.BFLOAT16, True)
