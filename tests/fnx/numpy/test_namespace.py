"""fnx.numpy as a namespace of the Python array API standard, and what it says of dtypes."""

import inspect

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp

array_api_strict = pytest.importorskip("array_api_strict")

ABSENT = {
    "argsort",
    "searchsorted",
    "sort",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
}
NOT_OF_THE_STANDARD = {"ArrayAPIStrictFlags", "Device", "ModuleType"}
COMPLEX = {"complex64", "complex128"}


def standard():
    names = {name for name in dir(array_api_strict) if not name.startswith("_")}
    return {
        name for name in names if not name.endswith("array_api_strict_flags")
    } - NOT_OF_THE_STANDARD


X = np.arange(12.0, dtype=np.float32).reshape(3, 4)
ROWS = np.array([[2, 0, 1, 1]])


@pytest.mark.parametrize(("name", "arguments"), [
    ("roll", (X, 1, 0)), ("flip", (X, 1)), ("stack", ([X, X], 1)), ("concatenate", ([X, X], 1)),
    ("repeat", (X, 2, 1)), ("take", (X, [2, 0], 1)), ("take_along_axis", (X, ROWS, 0)),
    ("compress", ([True, False, True], X, 0)), ("diff", (X, 2, 0)), ("triu", (X, 1)),
    ("tril", (X, -1)), ("tensordot", (X, X, ([0], [0]))), ("trace", (X, 1)),
    ("trace", (X, 0, 1, 0)),
    ("diagonal", (X, 1)), ("diag", (X, -1)), ("eye", (3, 4, 1, "float32")),
    ("linspace", (0, 1, 5, False)), ("isclose", (X, X + 1, 0.5, 0.1, True)),
    ("array_equal", (X, X, True)), ("expand_dims", (X, 1)), ("squeeze", (X[None], 0)),
    ("sum", (X, 0)), ("max", (X, 1)), ("mean", (X, 1)), ("argmax", (X, 1)), ("cumsum", (X, 1)),
    ("swapaxes", (X, 0, 1)), ("moveaxis", (X, 0, 1)), ("split", (X, 2, 1)), ("clip", (X, 2, 5)),
    ("arange", (2, 9, 3)), ("full", ((2, 3), 7.0, "float32")), ("tile", (X, (2, 1))),
], ids=str)  # fmt: skip
def test_arguments_stand_where_numpy_has_them(name, arguments):
    found, wanted = getattr(fnp, name)(*arguments), getattr(np, name)(*arguments)
    for x, y in zip(
        *[v if isinstance(v, list | tuple) else [v] for v in (found, wanted)], strict=True
    ):
        np.testing.assert_allclose(np.asarray(x), y, rtol=1e-6)


def test_names_of_the_standard():
    assert {name for name in standard() if not hasattr(fnp, name)} == ABSENT | COMPLEX


@pytest.mark.parametrize("name", sorted(standard() - ABSENT - COMPLEX))
def test_parameters_of_the_standard(name):
    wanted, ours = getattr(array_api_strict, name), getattr(fnp, name)
    if not inspect.isfunction(wanted):
        return
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    keywords = [
        p.name for p in inspect.signature(wanted).parameters.values() if p.kind not in kinds
    ]
    found = inspect.signature(ours).parameters
    assert not [word for word in keywords if word not in found and name not in ("finfo", "iinfo")]
    assert ours.__doc__


def test_every_public_function_is_documented():
    functions = [
        f for name, f in vars(fnp).items() if inspect.isfunction(f) and not name.startswith("_")
    ]
    assert len(functions) > 150
    for function in functions:
        assert function.__doc__, function
        assert function.__doc__.split("\n")[0].endswith("."), function


def test_info():
    info = fnp.__array_namespace_info__()
    assert info.devices() == ["cpu"] == [info.default_device()]
    assert info.default_dtypes()["real floating"] == np.float32
    assert set(info.dtypes(kind="unsigned integer")) == {"uint8", "uint16", "uint32", "uint64"}
    assert set(info.dtypes(kind=("bool", "real floating"))) == {"bool", "float32", "float64"}
    assert len(info.dtypes()) == 11
    assert info.capabilities()["boolean indexing"]


def test_questions_about_dtypes():
    assert fnp.result_type(np.ones(2, np.float16), 1.0) == np.float16
    assert fnp.result_type("int8", "uint8", fnp.ones(1, "int32")) == np.int32
    assert fnp.promote_types("bfloat16", "float16") == np.float32
    assert fnp.can_cast("int8", "int32")
    assert not fnp.can_cast(fnp.ones(1), "int32")
    assert not fnp.can_cast("float8_e5m2", "bfloat16")
    assert fnp.isdtype("bfloat16", "real floating")
    assert fnp.isdtype(np.int8, ("bool", "integral"))
    assert not fnp.isdtype(np.int8, "unsigned integer")
    assert fnp.isdtype(np.int8, np.int8)
    assert fnp.issubdtype(fnp.bfloat16, np.floating)
    assert fnp.finfo("bfloat16").bits == 16
    assert fnp.finfo(fnp.ones(1)).max == np.finfo(np.float32).max
    assert fnp.iinfo(fnp.arange(2)).max == 2**31 - 1
    with pytest.raises(TypeError, match="at least one"):
        fnp.result_type()


def test_tracers_have_the_methods_of_arrays():
    names = [n for n in dir(fnx.Array) if not n.startswith("_")]
    of_buffers = {
        "block_until_ready",
        "delete",
        "device",
        "is_deleted",
        "itemsize",
        "nbytes",
        "to_device",
        "tobytes",
    }
    seen = []
    fnx.make_jaxpr(lambda x: seen.extend(n for n in names if not hasattr(type(x), n)) or x)(
        fnp.ones(2)
    )
    assert set(seen) <= of_buffers


def test_operators_under_a_trace():
    def f(x, y):
        parts = [
            x + y,
            2 - x,
            x * y,
            1 / y,
            x // y,
            7 % y,
            x**2,
            2**y,
            -x,
            +x,
            abs(x),
            x @ y,
            x == y,
            x != y,
        ]
        parts += [
            x < y,
            x <= y,
            x > y,
            x >= y,
            *divmod(x, y),
            x.astype(int) & 1,
            2 | y.astype(int),
            x.astype(int) << 1,
        ]
        parts += [
            ~(x > 0),
            8 >> y.astype(int),
            x.astype(int) ^ 3,
            x.T,
            x.sum(),
            x.reshape(1, -1),
            x.max(axis=0),
        ]
        parts += [
            len(x) + x,
            next(iter(x)),
            x.copy(),
            x.view("int32"),
            np.float32(3) * x,
            x.real,
            x.imag,
            x[...],
        ]
        return tuple(parts)

    x, y = fnp.asarray([1.0, -2.0]), fnp.asarray([2.0, 3.0])
    for traced, eager in zip(fnx.jit(f)(x, y), f(x, y), strict=True):
        assert traced.aval is eager.aval
        np.testing.assert_allclose(traced, np.asarray(eager), rtol=1e-6)


def test_values_in_control_flow_are_explained():
    with pytest.raises(TypeError, match=r"(?s)bool\(\) needs the value.*fnx\.numpy\.where"):
        fnx.jit(lambda x: 1.0 if 2.0 in x else x)(fnp.ones(2))
    with pytest.raises(TypeError, match="cannot be hashed"):
        fnx.jit(lambda x: {x: 1})(1.0)
    with pytest.raises(TypeError, match="iteration over an array of rank 0"):
        fnx.jit(lambda x: list(x))(1.0)


def test_isin_and_diff():
    x = np.array([[1, 5], [7, 5]])
    np.testing.assert_array_equal(fnp.isin(x, [5, 9] * np.ones(2, int)), np.isin(x, [5, 9]))
    np.testing.assert_array_equal(fnp.isin(x, 5, invert=True), np.isin(x, 5, invert=True))
    np.testing.assert_array_equal(
        fnp.diff(x, prepend=x[:, :1], append=x), np.diff(x, prepend=x[:, :1], append=x)
    )
