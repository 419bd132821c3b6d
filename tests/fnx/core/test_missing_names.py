"""Names that fnx lacks: their errors name what to write, and what they name works."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import lax, nn, optim, random
from fnx.core.missing_names import missing_names

X = np.asarray([[3.0, np.nan, 1.0], [0.5, 2.0, -1.0]], np.float32)
POSITIVE = np.asarray([0.5, 2.0], np.float32)


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (
            lambda: fnp.argsort,
            r"'argsort' yet\.(.|\n)*numpy\.argsort\(x\)(.|\n)*fnx\.pure_callback",
        ),
        (lambda: fnp.around, r"has no 'around'\.(.|\n)*Write fnx\.numpy\.round\(x\)\."),
        (lambda: fnp.linalg, r"Write fnx\.numpy\.vector_norm\(x\) for a norm; (.|\n)*linalg\.inv"),
        (lambda: fnp.complex64, r"'complex64' yet\.(.|\n)*Write two real arrays\."),
        (lambda: lax.sort, r"'sort' yet\.(.|\n)*pure_callback\(numpy\.sort"),
        (lambda: nn.functional, r"Write fnx\.nn itself"),
        (lambda: optim.lr_scheduler, r"fnx\.optim\.adam\(lambda step: \.\.\.\)"),
        (lambda: fnx.stop_gradient, r"Write fnx\.lax\.stop_gradient\(x\)\."),
        (lambda: fnx.config.update, r"there are no flags to set(.|\n)*docs/settings\.md"),
        (lambda: fnp.ones(3).to, r"no attribute 'to'\.(.|\n)*Write x\.astype\(dtype\)"),
        (lambda: fnp.gcd, r"has no 'gcd' yet\.(.|\n)*NumPy has it: call NumPy's function"),
        (lambda: fnp.busday_count, r"has no 'busday_count'\.(.|\n)*NumPy has it"),
        (lambda: random.integers, r"has no 'integers'\.(.|\n)*Write fnx\.random\.randint"),
        (lambda: lax.add_p, r"has no 'add_p'\.(.|\n)*fnx\.extend\.Primitive"),
        (lambda: nn.Conv2d, r"has no 'Conv2d' yet\.(.|\n)*docs/differences\.md"),
        (lambda: optim.SGD, r"has no 'SGD'\.(.|\n)*fnx\.optim\.sgd"),
        (lambda: fnx.devices, r"has no 'devices'\.(.|\n)*Leave it out: there is one device"),
        (lambda: fnx.tree_map, r"has no 'tree_map'\.(.|\n)*fnx\.tree\.map"),
        (lambda: fnp.ones(3).argsort, r"no attribute 'argsort'\.(.|\n)*numpy\.argsort\(x\)"),
        (lambda: fnp.summ, r"has no 'summ'\.(.|\n)*Did you mean 'sum'\?"),
    ],
)
def test_messages(look, message):
    with pytest.raises(AttributeError, match=message):
        look()


NANS = "nansum nanmean nanprod nanmax nanmin nancumsum nancumprod nanargmax nanargmin"
OTHERS = (
    "fabs conjugate fliplr flipud rot90 around copy hsplit vsplit flatnonzero diagflat shape ndim"
)


@pytest.mark.parametrize("name", NANS.split())
def test_what_stands_for_functions_of_nans_means_the_same(name):
    x = X.ravel()
    found = eval(missing_names("fnx.numpy")[name].instead, {"fnx": fnx, "x": fnp.asarray(x)})
    np.testing.assert_allclose(np.asarray(found), getattr(np, name)(x), rtol=1e-6)


@pytest.mark.parametrize("name", OTHERS.split())
def test_what_stands_for_other_functions_means_the_same(name):
    x = np.arange(-4.0, 4.0, dtype=np.float32).reshape(2, 4)
    instead = missing_names("fnx.numpy")[name].instead.replace(
        "x itself: nobody can write to it", "x"
    )
    found = eval(instead, {"fnx": fnx, "x": fnp.asarray(x), "n": 2})
    wanted = getattr(np, name)(*((x, 2) if name.endswith("split") else (x,)))
    for ours, theirs in zip(fnx.tree.leaves(found), fnx.tree.leaves(wanted), strict=True):
        np.testing.assert_array_equal(np.asarray(ours), theirs)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("hard_tanh", lambda x: np.clip(x, -1, 1)),
        ("relu6", lambda x: np.minimum(np.maximum(x, 0), 6)),
        ("hard_sigmoid", lambda x: np.clip(x + 3, 0, 6) / 6),
        ("hard_swish", lambda x: x * np.clip(x + 3, 0, 6) / 6),
        ("log_sigmoid", lambda x: -np.log1p(np.exp(-x))),
        ("soft_sign", lambda x: x / (np.abs(x) + 1)),
        ("mish", lambda x: x * np.tanh(np.log1p(np.exp(x)))),
        ("squareplus", lambda x: (x + np.sqrt(x * x + 4)) / 2),
        ("logmeanexp", lambda x: np.log(np.mean(np.exp(x)))),
        ("log1mexp", lambda x: np.log(1 - np.exp(-x))),
    ],
)
def test_what_stands_for_activations_means_the_same(name, meaning):
    instead = missing_names("fnx.nn")[name].instead
    found = eval(instead, {"fnx": fnx, "x": fnp.asarray(POSITIVE)})
    np.testing.assert_allclose(np.asarray(found), meaning(POSITIVE), rtol=1e-5)
