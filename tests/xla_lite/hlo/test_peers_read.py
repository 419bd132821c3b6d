"""The other way round.

What we print, jaxlib's StableHLO parser reads, verifies, and prints alike.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.dtypes import ELEMENT_TYPES
from fnx_xla_lite.hlo.opset import OPS
from fnx_xla_lite.hlo.text import parse, to_text
from fnx_xla_lite.hlo.text_forms import FORMS
from fnx_xla_lite.passes.algebraic import algebraic
from fnx_xla_lite.passes.canonicalize import canonicalize
from fnx_xla_lite.passes.constant_fold import constant_fold
from fnx_xla_lite.passes.inline_calls import inline_calls
from fnx_xla_lite.passes.reshapes import reshapes

pytestmark = pytest.mark.peers
FOLDER = Path(__file__).parent / "stablehlo"


@pytest.fixture(scope="module")
def mlir():
    return pytest.importorskip("jax.interpreters.mlir")


def reprinted(mlir, text):
    """``text`` through MLIR's parser, verifier and printer."""
    with mlir.make_ir_context():
        module = mlir.ir.Module.parse(text)
        assert module.operation.verify()
        return str(module)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.mlir")), ids=lambda path: path.stem)
def test_recorded_programs(mlir, path):
    text = to_text(parse(path.read_text()))
    assert reprinted(mlir, text).strip() == text.strip()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.mlir")), ids=lambda path: path.stem)
def test_rewritten_programs(mlir, path):
    module = parse(path.read_text())
    for run in (inline_calls, constant_fold, canonicalize, algebraic, reshapes):
        module = run(module)
        text = to_text(module)
        assert reprinted(mlir, text).strip() == text.strip()


@pytest.mark.parametrize("op", sorted(name for name, row in OPS.items() if row.elementwise))
def test_every_scalar_op(mlir, op):
    b = Builder(op)
    x = b.parameter((2, 3), "i32" if op in ("not", "popcnt", "count_leading_zeros") else "f32")
    if op in ("and", "or", "xor") or op.startswith("shift"):
        x = b.parameter((2, 3), "ui8")
    if op == "compare":
        result = b.compare(x, x, "LE")
    elif op == "select":
        result = b.select(b.parameter((), "i1"), x, x)
    elif op in ("convert", "bitcast_convert"):
        result = getattr(b, op)(x, "i32")
    else:
        result = b.apply(op, (x,) * OPS[op].arity)[0]
    text = to_text(b.build(result))
    assert op in FORMS or op == "compare"
    assert reprinted(mlir, text).strip() == text.strip()


@pytest.mark.parametrize("dtype", sorted(ELEMENT_TYPES))
def test_constants_of_every_type(mlir, dtype):
    b = Builder(dtype)
    values = [
        b.constant(np.arange(4) % 2, dtype),
        b.constant(np.arange(150).reshape(3, 50) % 5 / 3, dtype),
        b.full(1, (2, 0), dtype),
        b.constant([0.1, 1e-3, 3.0, 0.7, 123.0], dtype),
    ]
    text = to_text(b.build(*values))
    assert reprinted(mlir, text).strip() == text.strip()


def test_regions_and_locations(mlir):
    b = Builder("a name with spaces")
    x = b.parameter((3,), "f32", donated=True)
    b.location_text = "train.py:12 in step"
    zero = b.constant(0, "i32")
    count, y = b.while_(
        (zero, x),
        lambda b, i, x: b.compare(i, b.constant(5, "i32"), "LT"),
        lambda b, i, x: (b.add(i, b.constant(1, "i32")), b.multiply(x, x)),
    )
    (z,) = b.case(count, [lambda b: b.negate(y), lambda b: b.sine(y)])
    (w,) = b.if_(b.constant(True), lambda b: b.add(z, z), lambda b: z)
    total = b.reduce(w, b.constant(0.0, "f32"), (0,), "multiply")
    window = b.reduce_window(w, b.constant(0.0, "f32"), "add", (2,), padding=((1, 0),))
    text = to_text(b.build(total, window))
    assert reprinted(mlir, text).strip() == text.strip()
    assert reprinted(mlir, to_text(b.build(total, window), locations=True))
