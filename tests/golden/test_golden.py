"""Small programs at every stage, as text: a change of what any stage makes is seen in a diff.

``pytest tests/golden --update-golden`` writes the texts anew.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import lax, nn
from fnx.core.flatten import close
from fnx.lowering.lower import lower
from fnx_xla_lite.hlo.text import to_text
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.pipeline import program_text, stages

FOLDER = Path(__file__).parent
STAGES = ("jaxpr", "hlo", "passes", "loops")


def ones(*shape):
    return np.ones(shape, np.float32)


def dense_loss(w, b, x, y):
    return ((nn.relu(x @ w + b) - y) ** 2).mean()


def cell(w, xs):
    return lax.scan(lambda h, x: (fnp.tanh(w * h + x),) * 2, fnp.zeros(4), xs)[1].sum()


def halve_until_small(x):
    return lax.while_loop(lambda x: x.sum() > 1.0, lambda x: x * 0.5, x)


def branches(flag, x):
    return lax.cond(flag, fnp.sin, lambda x: x * 2.0, x)


PROGRAMS = {
    "softmax": (nn.softmax, (ones(8, 100),)),
    "dense_gradient": (
        fnx.grad(dense_loss, (0, 1)),
        (ones(6, 5), ones(5), ones(7, 6), ones(7, 5)),
    ),
    "scan_gradient": (fnx.grad(cell), (ones(4), ones(10, 4))),
    "while_loop": (halve_until_small, (ones(3),)),
    "cond": (branches, (np.bool_(True), ones(3))),
    "mapped_cond": (fnx.vmap(branches), (np.ones(3, bool), ones(3, 2))),
}


def texts(f, arguments):
    """The program at each stage. The loop nests are the same for every processor."""
    jaxpr, consts = close(fnx.make_jaxpr(f)(*arguments))
    assert not consts
    yield "jaxpr", str(jaxpr)
    found = dict(stages(lower(jaxpr, "main")))
    yield "hlo", to_text(found["hlo"])
    yield "passes", to_text(found["dce"])
    yield "loops", program_text(build_program(found["fused"]))


@pytest.mark.parametrize("name", PROGRAMS)
def test_stages_are_as_written(name, update_golden):
    found = dict(texts(*PROGRAMS[name]))
    assert tuple(found) == STAGES
    for stage, text in found.items():
        path = FOLDER / f"{name}.{stage}.txt"
        if update_golden:
            path.write_text(text.rstrip() + "\n")
        assert path.read_text() == text.rstrip() + "\n", (
            f"{path.name} has changed; if that is right: pytest tests/golden --update-golden"
        )


def test_no_text_is_left_over():
    wanted = {f"{name}.{stage}.txt" for name in PROGRAMS for stage in STAGES}
    assert {path.name for path in FOLDER.glob("*.txt")} == wanted
