"""Fusions whose index no loops divide are built in parts; chunked loops are proved independent."""

import numpy as np
import pytest

import fnx_xla_lite as xla
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.loops.independence import find_race
from fnx_xla_lite.loops.ir import Kernel
from fnx_xla_lite.loops.kernels import KernelBuilder
from fnx_xla_lite.loops.parse import parse
from fnx_xla_lite.loops.separate import separate


def product_with_inner_broadcast():
    """A product (2, 12 * 4) whose epilogue multiplies by rows of 4: n has no such cut."""
    b = Builder("main")
    x, y, z = b.parameter((2, 3), "f64"), b.parameter((3, 12, 4), "f64"), b.parameter((2, 4), "f64")
    product = b.dot_general(x, y, contracting=((1,), (0,)))
    scaled = b.multiply(product, b.broadcast_in_dim(z, (2, 12, 4), (0, 2)))
    return b.build(scaled, b.tanh(scaled))


def test_product_parts_from_an_epilogue_that_has_other_loops():
    rng = np.random.default_rng(0)
    module = product_with_inner_broadcast()
    arrays = [rng.normal(size=p.type.shape) for p in module.main.body.parameters]
    executable = xla.compile(module)
    kernels = [step.kernel.name for step in executable.program.steps]
    assert len(kernels) == 2
    assert "dot_general" in kernels[0]
    for mine, expected in zip(executable(*arrays), xla.interpret(module, *arrays), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-12)


def test_separate_gives_each_instruction_its_part_and_repeats_broadcasts():
    b = Builder("main")
    x, z = b.parameter((3, 4), "f32"), b.parameter((4,), "f32")
    row = b.broadcast_in_dim(z, (3, 4), (1,))
    total = b.add(x, row)
    body = b.build(b.multiply(total, row)).main.body
    first, second = separate(body)
    assert [i.op for i in first.instructions] == ["broadcast_in_dim", "add"]
    assert [i.op for i in second.instructions] == ["broadcast_in_dim", "multiply"]
    assert first.results == (total,)
    assert set(second.parameters) == {total, z}
    assert separate(first)[-1].results == (total,)
    assert separate(separate(first)[-1]) == []


def test_columns_cut_into_chunks_that_do_not_divide_them_are_independent():
    b = Builder("main")
    x = b.parameter((2, 3, 132), "f64")
    module = b.build(b.reduce(x, b.constant(0.0, "f64"), (1,), "add"))
    array = np.random.default_rng(1).normal(size=(2, 3, 132))
    (mine,) = xla.compile(module)(array)
    np.testing.assert_allclose(mine, array.sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize(("stride", "extent", "race"), [(132, 132, None), (131, 132, "out0")])
def test_a_chunked_loop_counts_as_the_loop_it_was(stride, extent, race):
    kernel: Kernel = parse(
        f"""kernel k(input in0: f64[264], output out0: f64[264]) {{
          parallel i0 < 2 {{
            parallel i1 < 3 {{
              vector i2 < 64, -64*i1 + {extent} {{
                out0[{stride}*i0 + 64*i1 + i2] = in0[{stride}*i0 + 64*i1 + i2]
              }}
            }}
          }}
        }}"""
    )
    assert find_race(kernel) == race


def test_one_instruction_has_no_parts():
    b = Builder("main")
    body = b.build(b.tanh(b.parameter((3,), "f32"))).main.body
    assert separate(body) == []
    assert len(KernelBuilder().build(body)) == 1
