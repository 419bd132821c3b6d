"""Random composed programs with control flow: fnx eager, jitted, differentiated, mapped = JAX.

Every program runs eagerly, jitted, mapped and differentiated; of the five compositions, all in
short runs, and in long ones each program takes another one. By hand: ``python -m
tests.peers.test_programs 0 5000`` runs a range of seeds in that way and counts.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import lax, nn
from tests.conftest import PROFILE
from tests.peers.writer import CONSTRUCTS, Written, write

pytestmark = pytest.mark.peers
PROGRAMS = {"ci": 60, "dev": 300, "deep": 5000}[PROFILE]
PER_TEST = 10
BATCH = 3
COMPOSED = ("jit of vmap", "jit of grad", "grad of jit", "vmap of grad", "jit of vmap of grad")
TOLERANCE = 1e-8  # all is float64, and values are of the order of 1

FNX = {
    "np": fnp,
    "lax": lax,
    "while_loop": lambda test, body, state, bound: lax.while_loop(
        test, body, state, max_steps=bound
    ),
    "fx": types.SimpleNamespace(
        jit=fnx.jit, grad=fnx.grad, vmap=fnx.vmap, jvp=fnx.jvp, checkpoint=fnx.checkpoint,
        custom_jvp=fnx.custom_jvp, custom_vjp=fnx.custom_vjp,
        nn_relu=nn.relu, nn_softmax=nn.softmax,
    ),
}  # fmt: skip


def jax_names() -> dict[str, Any]:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_disable_most_optimizations", True)
    return {
        "np": jax.numpy,
        "lax": jax.lax,
        "while_loop": lambda test, body, state, bound: jax.lax.while_loop(test, body, state),
        "fx": types.SimpleNamespace(
            jit=jax.jit, grad=jax.grad, vmap=jax.vmap, jvp=jax.jvp, checkpoint=jax.checkpoint,
            custom_jvp=jax.custom_jvp, custom_vjp=jax.custom_vjp,
            nn_relu=jax.nn.relu, nn_softmax=jax.nn.softmax,
        ),
    }  # fmt: skip


def load(written: Written, names: dict[str, Any], label: str) -> Any:
    namespace = dict(names)
    exec(compile(written.source, f"<{label}>", "exec"), namespace)
    return namespace["program"]


def arguments(seed: int, written: Written) -> list[np.ndarray]:
    """One batch of arguments; its first element is the single one."""
    rng = np.random.default_rng([seed, 2])
    return [rng.uniform(-1.5, 1.5, (BATCH, *shape)) for shape in written.shapes]


def loss_of(np_like: Any, f: Any) -> Any:
    def loss(x, y):
        return sum(np_like.mean(out * (i + 1.0)) for i, out in enumerate(f(x, y)))

    return loss


def expected(seed: int, written: Written, names: dict[str, Any]) -> dict[str, Any]:
    """What JAX computes, in one compiled function."""
    jax = importlib.import_module("jax")
    f = load(written, names, f"jax {seed}")
    loss = loss_of(jax.numpy, f)
    derive = (jax.jacfwd if written.forward_only else jax.grad)(loss, argnums=(0, 1))
    both = lambda x, y: {"value": f(x, y), "gradient": derive(x, y)}
    xs, ys = arguments(seed, written)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(both))(xs, ys))


def forms(seed: int, written: Written) -> dict[str, Any]:
    """What fnx computes, in every form: name -> (which of the expected, first element or all)."""
    f = load(written, FNX, f"fnx {seed}")
    loss = loss_of(fnp, f)
    gradient = fnx.grad(loss, argnums=(0, 1))
    # A loop without a bound has a reverse mode only where its values are known.
    is_unbounded = "dynamic_fori_loop" in written.features
    may_be_inside = is_unbounded and written.features & {"jit", "vmap"}  # there they are not
    compiled = (fnx.jacfwd if is_unbounded else fnx.grad)(loss, argnums=(0, 1))
    of_jit = (fnx.jacfwd if is_unbounded else fnx.grad)(fnx.jit(loss), argnums=(0, 1))
    batch = arguments(seed, written)
    one = [x[0] for x in batch]
    return {
        "eager": ("value", 0, lambda: f(*map(fnp.asarray, one))),
        "jit": ("value", 0, lambda: fnx.jit(f)(*one)),
        "vmap": ("value", None, lambda: fnx.vmap(f)(*batch)),
        "jit of vmap": ("value", None, lambda: fnx.jit(fnx.vmap(f))(*batch)),
        "grad": ("gradient", 0, lambda: (compiled if may_be_inside else gradient)(*one)),
        "jit of grad": ("gradient", 0, lambda: fnx.jit(compiled)(*one)),
        "grad of jit": ("gradient", 0, lambda: of_jit(*one)),
        "vmap of grad": ("gradient", None, lambda: fnx.vmap(compiled)(*batch)),
        "jit of vmap of grad": ("gradient", None, lambda: fnx.jit(fnx.vmap(compiled))(*batch)),
    }


def run_form(seed: int, written: Written, name: str) -> Any:
    """One form's results, as NumPy arrays."""
    return [np.asarray(x) for x in forms(seed, written)[name][2]()]


def differences(seed: int, names: dict[str, Any], skipped: tuple[str, ...] = ()) -> list[str]:
    """What differs between fnx and JAX for the program of a seed, with the program."""
    written = write(seed)
    try:
        wanted = expected(seed, written, names)
    except NotImplementedError:  # a rule that JAX lacks: our forms agree with one another
        wanted = {"value": run_form(seed, written, "vmap")}
        wanted["gradient"] = run_form(seed, written, "vmap of grad")
    except Exception as error:
        return [f"JAX refuses seed {seed}: {type(error).__name__}: {error}\n{written.source}"]
    found = []
    for name, (which, element, run) in forms(seed, written).items():
        if name in skipped:
            continue
        try:
            got = run()
        except Exception as error:
            found.append(f"seed {seed}, {name}: {type(error).__name__}: {error}")
            continue
        for mine, theirs in zip(got, wanted[which], strict=True):
            theirs = theirs if element is None else theirs[element]
            if not np.allclose(np.asarray(mine), theirs, rtol=TOLERANCE, atol=TOLERANCE):
                found.append(f"seed {seed}, {name}: {mine} for {theirs}")
    return [*found, written.source] if found else []


def all_but_one(seed: int) -> tuple[str, ...]:
    """The compositions that a program of a long run leaves out."""
    return tuple(name for i, name in enumerate(COMPOSED) if i != seed % len(COMPOSED))


@pytest.fixture(scope="module")
def names():
    pytest.importorskip("jax")
    return jax_names()


@pytest.mark.parametrize("first", range(0, PROGRAMS, PER_TEST))
def test_random_programs_agree_with_jax(names, first):
    for seed in range(first, first + PER_TEST):
        found = differences(seed, names, all_but_one(seed) if PROFILE == "deep" else ())
        assert not found, "\n".join(found)


def test_the_programs_use_every_construct():
    """Each construct often, also below another one, and both kinds of derivative."""
    written = [write(seed) for seed in range(300)]
    for construct in CONSTRUCTS:
        assert sum(construct in w.features for w in written) >= 15, construct
    assert 60 < sum(w.forward_only for w in written) < 150


def main(first: int, last: int) -> None:
    """Run a range of seeds; print what differs, and a count."""
    names, bad = jax_names(), 0
    for seed in range(first, last):
        found = differences(seed, names, all_but_one(seed))
        bad += bool(found)
        if found:
            print("\n".join(found), flush=True)
        if (seed - first) % 100 == 99:
            print(f"{seed - first + 1} programs, {bad} differ", flush=True)
    print(f"{last - first} programs, {bad} differ")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
