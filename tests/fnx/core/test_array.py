"""Array: what it holds, that nobody can change it, and how it meets Python and other libraries."""

import copy
import operator
import pickle
import warnings

import ml_dtypes
import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx.core.array import Array, DeletedArrayError, as_buffer, wrap
from fnx.core.avals import Aval
from fnx.errors import FnxTypeError


def make(values, dtype=np.float32):
    return fnp.asarray(np.asarray(values, dtype))


# The buffer


@pytest.mark.parametrize(
    "source",
    [
        np.arange(6.0).reshape(2, 3).T,
        np.arange(10)[::2],
        np.arange(10)[::-1],
        np.broadcast_to(np.float32(1), (3, 2)),
        np.arange(3, dtype=">i4"),
        np.frombuffer(b"\0" * 9, np.uint8)[1:].view(np.float64),
        np.float32(2),
        np.zeros((0, 3)),
    ],
    ids=[
        "transposed",
        "strided",
        "reversed",
        "broadcast",
        "swapped",
        "unaligned",
        "scalar",
        "empty",
    ],
)
def test_buffer_is_contiguous_aligned_and_native(source):
    for x in (wrap(source), fnp.asarray(source)):
        assert type(x._buffer) is np.ndarray
        assert x._buffer.flags.c_contiguous
        assert x._buffer.flags.aligned
        assert x._buffer.dtype.isnative
        np.testing.assert_array_equal(x, source)
        assert x.aval is Aval.of(source.shape, source.dtype.newbyteorder("="))


def test_arrays_do_not_follow_their_source():
    source = np.zeros(3)
    x, shaped = fnp.asarray(source), fnp.reshape(source, (3, 1))
    moved = fnp.expand_dims(source, 0)
    source[0] = 1.0
    for y in (x, shaped, moved):
        assert not fnp.any(y)


def test_nothing_can_be_written():
    x = make([1, 2, 3])
    with pytest.raises(TypeError, match=r"x\.at\[index\]\.set\(y\)"):
        x[0] = 5
    with pytest.raises(AttributeError, match="immutable: cannot set aval"):
        x.aval = None
    with pytest.raises(AttributeError, match="immutable: cannot delete"):
        del x._buffer
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(x)[0] = 5
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = x.nothing
    assert x.tolist() == [1, 2, 3]


def test_read_only_and_non_contiguous_inputs():
    source = np.arange(12.0).reshape(3, 4)
    source.flags.writeable = False
    np.testing.assert_array_equal(fnp.add(source.T, 1), source.T + 1)
    np.testing.assert_array_equal(fnp.sum(source[:, ::2], axis=1), source[:, ::2].sum(1))
    np.testing.assert_array_equal(fnp.matmul(source.T, source[:, ::-1]), source.T @ source[:, ::-1])


def test_constructor_refuses_lists():
    with pytest.raises(TypeError, match=r"fnx\.numpy\.asarray\(x\)"):
        Array([1, 2])
    assert Array(np.ones(2)).tolist() == [1, 1]


def test_as_buffer():
    x = make([1])
    assert as_buffer(x) is x._buffer
    assert as_buffer(1.5).dtype == np.float32
    assert as_buffer(2**40).dtype == np.int64
    assert as_buffer(np.float64(1)).dtype == np.float64


def test_deleted_arrays_say_so():
    x = make([1, 2])
    x.delete()
    x.delete()
    assert x.is_deleted()
    assert x.shape == (2,)
    assert repr(x) == str(x) == "<deleted Array f32[2]>"
    with pytest.raises(DeletedArrayError, match=r"f32\[2\].*donated"):
        _ = x + 1


# Python protocols


def test_scalars_convert():
    assert bool(make(1)) is True
    assert bool(make([[0]])) is False
    assert int(make(3.7)) == 3
    assert float(make(0.5)) == 0.5
    assert complex(make(2)) == 2 + 0j
    assert operator.index(make(3, np.int64)) == 3
    assert [10, 20, 30][make(1, np.uint8)] == 20
    assert round(make(1.26), 1) == pytest.approx(1.3)
    assert f"{make(1.26):.1f}" == "1.3"
    assert make([1.5]).item() == 1.5
    assert type(make(1, np.int8).item()) is int
    assert make([[1, 2]], np.int32).tolist() == [[1, 2]]
    assert make([1, 2], np.uint8).tobytes() == b"\1\2"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: bool(x), "2 elements.*ambiguous"),
        (lambda x: bool(fnp.zeros((0,))), "0 elements"),
        (lambda x: float(x), r"rank 0, got f32\[2\]"),
        (lambda x: int(x), r"x\.item\(\)"),
        (lambda x: operator.index(x), "only an integer array can be an index"),
        (lambda x: operator.index(fnp.asarray([1])), "rank 0"),
        (lambda x: len(x[0]), "rank 0"),
        (lambda x: list(x[0]), "rank 0"),
        (lambda x: hash(x), "unhashable.*element by element"),
        (lambda x: {x: 1}, "unhashable"),
    ],
)
def test_conversions_that_make_no_sense(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(make([1, 2]))


def test_iteration_and_length():
    x = make([[1, 2], [3, 4]])
    assert len(x) == 2
    rows = list(x)
    assert [type(row) for row in rows] == [Array, Array]
    assert rows[1].tolist() == [3, 4]
    a, b = x
    assert (a.shape, b.shape) == ((2,), (2,))
    assert 3 in x
    assert 7 not in x
    assert all(type(n._buffer) is np.ndarray for n in x[0])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "bool", "float8_e5m2", "uint64"])
def test_pickle_and_copy(dtype):
    x = fnp.asarray([[0, 1], [1, 0]], dtype)
    for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x), copy.copy(x)):
        assert y.aval is x.aval
        np.testing.assert_array_equal(np.asarray(y), np.asarray(x))
    assert copy.deepcopy(x)._buffer is not x._buffer
    weak = fnp.asarray(1.0)
    assert pickle.loads(pickle.dumps(weak)).weak_type


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (np.array([1, 2.5], np.float32), "Array([1. , 2.5], dtype=float32)"),
        (np.array([[1], [2]]), "Array([[1],\n       [2]], dtype=int64)"),
        (np.array([1, 2], ml_dtypes.bfloat16), "Array([1., 2.], dtype=bfloat16)"),
        (np.array(True), "Array(True, dtype=bool)"),
        (np.zeros((0,), np.int8), "Array([], dtype=int8)"),
        (np.zeros((2, 0), np.int8), "Array([], shape=(2, 0), dtype=int8)"),
        (1.0, "Array(1., dtype=float32, weak_type=True)"),
    ],
)
def test_repr(x, text):
    assert repr(fnp.asarray(x)) == text


def test_properties():
    x = make(np.ones((2, 3, 4)))
    assert (x.shape, x.ndim, x.size, x.itemsize, x.nbytes) == ((2, 3, 4), 3, 24, 4, 96)
    assert x.T.shape == (4, 3, 2)
    assert x.mT.shape == (2, 4, 3)
    assert x.device == "cpu"
    assert x.to_device("cpu") is x
    assert x.block_until_ready() is x
    with pytest.raises(ValueError, match="only device is 'cpu'"):
        x.to_device("gpu")


# NumPy and DLPack


def test_numpy_reads_arrays():
    x = make([1, 2])
    assert np.asarray(x).base is not None
    assert np.shares_memory(np.asarray(x), x._buffer)
    assert np.asarray(x, np.float64).dtype == np.float64
    writable = np.array(x)
    writable[0] = 9
    assert x.tolist() == [1, 2]
    with pytest.raises(ValueError, match="needs a copy"):
        np.asarray(x, np.float64, copy=False)
    np.testing.assert_allclose(np.sin(x), np.sin([1, 2]), rtol=1e-6)


def test_numpy_operands_make_arrays():
    x, n = make([1, 2]), np.ones(2, np.float32)
    for y in (x + n, n + x, n * x, np.float32(2) - x, x @ n, n @ x):
        assert type(y) is Array
    assert type(n < x) is Array
    assert (n == x).tolist() == [True, False]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint16", "bool"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (1, 4)])
def test_dlpack_both_ways(dtype, shape):
    source = np.ones(shape, dtype)
    x = fnp.from_dlpack(source)
    assert type(x) is Array
    assert (x.shape, x.dtype) == (shape, dtype)
    assert np.shares_memory(x._buffer, source) == bool(source.size)
    back = np.from_dlpack(x)
    assert not back.flags.writeable
    np.testing.assert_array_equal(back, source)
    assert x.__dlpack_device__() == (1, 0)
    assert fnp.from_dlpack(source, copy=True)._buffer.base is None


@pytest.mark.parametrize("version", [None, (1, 0)])
def test_dlpack_of_bfloat16(version):
    class Foreign:
        """An array of another library, of this version of DLPack."""

        def __dlpack__(self, **options):
            return x.__dlpack__(max_version=version)

        def __dlpack_device__(self):
            return (1, 0)

    x = fnp.asarray([[1.5, -2.0]], "bfloat16")
    y = fnp.from_dlpack(Foreign())
    assert (y.dtype, y.tolist()) == (fnp.bfloat16, [[1.5, -2.0]])
    assert np.shares_memory(x._buffer, y._buffer)
    with pytest.raises((BufferError, RuntimeError)):
        np.from_dlpack(x)  # NumPy itself knows no bfloat16
    with pytest.raises((BufferError, RuntimeError)):
        fnp.from_dlpack(fnp.ones(1, "float8_e5m2")._buffer)


@pytest.mark.peers
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64", "bool"])
def test_dlpack_with_torch(dtype):
    torch = pytest.importorskip("torch")
    x = fnp.asarray([[1, 0], [0, 1]], dtype)
    t = torch.from_dlpack(x)
    assert str(t.dtype) == f"torch.{dtype}"
    assert t.tolist() == x.tolist()
    assert fnp.asarray(t).aval is x.aval


def test_old_dlpack_consumers_are_served():
    assert "dltensor" in repr(make([1]).__dlpack__())


def test_asarray_takes_anything_with_dlpack():
    class Foreign:
        def __dlpack__(self, **options):
            return np.arange(3).__dlpack__(**options)

        def __dlpack_device__(self):
            return (1, 0)

    assert fnp.asarray(Foreign()).tolist() == [0, 1, 2]


def test_array_namespace():
    x = make([1])
    assert x.__array_namespace__() is fnp
    assert x.__array_namespace__(api_version="2023.12").sum(x) == 1


def test_eager_operators_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = make([3e38, 0.0, -1.0])
        assert (x * x).tolist() == [np.inf, 0.0, 1.0]
        assert np.isnan((x / x)[1])
        assert (1 / x)[1] == np.inf
        assert np.isnan(fnp.sqrt(x)[2])


def test_operators_return_not_implemented():
    class Other:
        def __radd__(self, x):
            return "mine"

        def __eq__(self, x):
            return "equal"

    x = make([1])
    assert x + Other() == "mine"
    assert (x == Other()) == "equal"
    with pytest.raises(TypeError, match="unsupported operand"):
        _ = x + [1]  # noqa: RUF005  an array and a list
    assert (x == None) is False  # noqa: E711  a comparison with what is no array, as for any object


def test_fast_operators_agree_with_the_functions():
    pairs = [("add", "+"), ("subtract", "-"), ("multiply", "*"), ("divide", "/")]
    for dtype in ("float32", "float16", "bfloat16", "int32", "uint8", "bool"):
        x = fnp.asarray([[1, 0], [3, 2]], dtype)
        for name, sign in pairs:
            if dtype == "bool" and name == "subtract":
                with pytest.raises(TypeError, match="expected numbers, got bool"):
                    _ = x - x
                continue
            for other in (x, 2, 2.0):
                fast = eval(f"x {sign} other", {"x": x, "other": other})
                with_trace = fnx.make_jaxpr(getattr(fnp, name))(x, other)
                slow = getattr(fnp, name)(x, other)
                assert fast.aval is slow.aval
                assert str(fast.aval) in str(with_trace)
                np.testing.assert_array_equal(np.asarray(fast, float), np.asarray(slow, float))


def test_a_format_of_one_number_is_refused_for_arrays():
    assert f"{fnp.ones(()):.2f}, {fnp.ones(2):>8}" == "1.00,  [1. 1.]"
    with pytest.raises(FnxTypeError, match=r"the format '\.2f' is for one number, got f32\[2\]\."):
        format(fnp.ones(2), ".2f")
