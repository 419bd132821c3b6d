"""Arrays whose bytes 64 bits cannot count are refused, with their place."""

import numpy as np
import pytest

import fnx_xla_lite as xla
from fnx_xla_lite.errors import VerifyError
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.verify import verify


@pytest.mark.parametrize("shape", [(2**40, 2**30), (2**61,), (2**62, 0, 4), (2**70, 0)])
def test_too_many_bytes_are_refused(shape):
    b = Builder("main")
    x = b.parameter((), "f32")
    with b.location("train.py:3 in f"):
        wide = b.broadcast_in_dim(x, shape, ())
    module = b.build(b.reduce(wide, x, tuple(range(len(shape))), "add"))
    with pytest.raises(VerifyError, match=r"train\.py:3 in f.* more bytes than 64 bits can count"):
        verify(module)
    kind = f"tensor<{'x'.join(map(str, shape))}xf32>"
    main = f"func.func public @main(%a: {kind}) -> {kind} {{ return %a : {kind} }}"
    text = f"module @m {{ {main} }}"
    with pytest.raises(VerifyError, match="more bytes than 64 bits"):
        xla.compile(text)


def test_the_largest_arrays_that_can_be_counted_need_no_memory_where_they_are_not_stored():
    b = Builder("main")
    x = b.parameter((4,), "f32")
    wide = b.broadcast_in_dim(x, (4, 2**58), (0,))
    module = b.build(b.slice(wide, (3, 2**57), (4, 2**57 + 2), (1, 1)))
    (out,) = xla.compile(module)(np.arange(4, dtype=np.float32))
    np.testing.assert_array_equal(out, [[3, 3]])
