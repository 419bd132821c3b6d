"""What users get wrong: a clear error with their line, or the right answer."""

import copy
import pickle
import re

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx.core.avals import Aval
from fnx.errors import AxisError, FnxTypeError, LeakedTracerError
from fnx.tree import TreeError
from tests.oracles import said

X = fnp.ones((2, 3))
kept = []


def keep(x):
    kept[:] = [x]
    return x


@pytest.mark.parametrize("take", [bool, float, int, np.asarray, "{:.2f}".format])
def test_the_value_of_a_tracer_whose_trace_is_over(take):
    fnx.jit(keep)(1.0)
    with pytest.raises(LeakedTracerError, match=r"it was made in .*test_bad_input.py"):
        take(kept[0])


HERE = "test_bad_input.py"


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (AxisError, "out_axes=5", lambda: fnx.vmap(lambda x: x, out_axes=5)(X)),
        (AxisError, "out_axes is None", lambda: fnx.vmap(lambda x: x, out_axes=None)(X)),
        (TreeError, "out_axes", lambda: fnx.vmap(lambda x: (x, x), out_axes=(0, 0, 0))(X)),
        (TreeError, "in_axes", lambda: fnx.vmap(lambda d: d, in_axes=({"b": 0},))({"a": X})),
        (FnxTypeError, "results must be arrays", lambda: fnx.jit(lambda x: "text")(X)),
        (FnxTypeError, r"got f32\[\]", lambda: fnx.grad(lambda x: x.sum(), has_aux=True)(X)),
        (ValueError, "argnums='0'", lambda: fnx.grad(lambda x: x.sum(), argnums="0")(X)),
        (FnxTypeError, "einsum takes subscripts", lambda: fnp.einsum("ij->ij")),
        (FnxTypeError, "int8 cannot count", lambda: fnp.argmax(fnp.arange(129), dtype="int8")),
        (
            FnxTypeError,
            "int32 cannot count",
            lambda: fnx.jit(lambda x: fnp.argmin(fnp.broadcast_to(x, (2**31 + 1,))))(1.0),
        ),
        (FnxTypeError, "is an integer", lambda: fnx.lax.dynamic_slice(X, (0.0, 0), (1, 1))),
    ],
)
def test_errors_name_the_users_line(error, message, call):
    with pytest.raises(error) as caught:
        call()
    assert re.search(message, said(caught.value))
    assert HERE in str(caught.value)


def test_keys_without_an_order():
    with pytest.raises(TreeError, match="keys of a dict have no order"):
        fnx.tree.leaves({object(): 1.0, object(): 2.0})


@pytest.mark.parametrize("wrap", [lambda f: f, fnx.jit], ids=["eager", "jit"])
def test_ints_beyond_64_bits_are_floats_beside_floats(wrap):
    large = 2**70
    np.testing.assert_array_equal(wrap(lambda x: x * large)(X), np.full((2, 3), 2.0**70, "f4"))
    np.testing.assert_array_equal(wrap(lambda x: fnp.where(x > 2, x, -large))(X), X * -(2.0**70))
    with pytest.raises(OverflowError, match="does not fit any integer dtype"):
        wrap(lambda x: x + large)(fnp.arange(3))
    with pytest.raises(OverflowError, match="a Python int of 20001 bits"):
        wrap(lambda x: x + 2**20000)(fnp.arange(3))


def test_lists_of_ints_keep_every_bit():
    x = fnp.asarray([2**64 - 1, 5], "uint64")
    assert x.tolist() == [2**64 - 1, 5]
    with pytest.raises(OverflowError):
        fnp.asarray([300], "int8")


def test_starts_beyond_their_dtype_are_clamped():
    x = fnp.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(fnx.lax.dynamic_slice(x, (2**40, -(2**70)), (1, 2)), [[3, 4]])


def test_avals_are_one_object_after_copies():
    aval = X.aval
    assert copy.deepcopy(aval) is aval
    assert pickle.loads(pickle.dumps(aval)) is aval
    assert Aval.of((2, 3), "float32") is aval


def test_the_last_index_that_a_dtype_holds():
    assert int(fnp.argmax(fnp.arange(128), dtype="int8")) == 127
