"""Sharing: what goes through loops and branches stays in place; what must not be shared is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from fnx_xla_lite import compile
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.interpret import interpret
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.execute import execute
from fnx_xla_lite.loops.program import Case, Copy, While
from tests.xla_lite.loops.cases import total
from tests.xla_lite.loops.nests import nests

SHAPE = (1000,)
BYTES = 4 * SHAPE[0]


def copies(steps):
    """How many copies of a whole array: outside of loops, and inside of one."""
    outside = inside = 0
    for step in steps:
        if isinstance(step, Copy):
            outside += step.source.type.shape == SHAPE
        elif isinstance(step, While):
            inside += sum(copies((*step.condition, *step.body)))
        elif isinstance(step, Case):
            for found in map(copies, step.branches):
                outside, inside = outside + found[0], inside + found[1]
    return outside, inside


def number(b, value):
    return b.constant(np.int32(value))


def rounds(b, states, body):
    """Ten rounds of a body ``(builder, i, *states) -> states``."""
    inner = lambda b, i, *xs: (b.add(i, number(b, 1)), *body(b, i, *xs))
    going = lambda b, i, *_: b.compare(i, number(b, 10), "LT")
    return b.while_((number(b, 0), *states), going, inner)[1:]


def planned(f, count=1, donated=()):
    """The program of a function of arrays, checked against the interpreter."""
    b = Builder()
    xs = [b.parameter(SHAPE, "f32") for _ in range(count)]
    module = b.build(*f(b, *xs))
    module = replace(module, functions=(replace(module.main, donated=frozenset(donated)),))
    program = build_program(module)
    arrays = [np.linspace(-1, n + 1, SHAPE[0], dtype="f4") for n in range(count)]
    wanted = interpret(module, *arrays)
    for run in (lambda *xs: execute(program, *xs), compile(module)):
        for got, want in zip(run(*(x.copy() for x in arrays)), wanted, strict=True):
            np.testing.assert_array_equal(got, want)
    return program


def put(b, x, i):
    return b.dynamic_update_slice(x, b.constant(np.ones(1, "f4")), (i,))


def double(b, x, i):
    return b.add(x, x)


def put_twice(b, x, i):
    return put(b, put(b, x, i), b.add(i, number(b, 1)))


def nested(b, x, i):
    other = b.and_(i, number(b, 2))
    return b.case(other, [lambda b: (x,), lambda b: (put(b, x, i),), lambda b: (double(b, x, i),)])[
        0
    ]


def looped(b, x, i):
    return rounds(b, (x,), lambda b, j, x: (put(b, x, j),))[0]


def mean_and_put(b, x, i):
    low = b.reshape(total(b, x, (0,), "minimum"), (1,))
    return b.dynamic_update_slice(x, low, (i,))


UPDATES = (put, double, put_twice, nested, looped, mean_and_put)


def sometimes(update):
    """``x`` updated in every other round, untouched in the others."""
    return lambda b, i, x: b.case(
        b.and_(i, number(b, 1)), [lambda b: (x,), lambda b: (update(b, x, i),)]
    )


@pytest.mark.parametrize("update", UPDATES)
def test_a_state_goes_through_branches_in_place(update):
    f = lambda b, x: rounds(b, (x,), sometimes(update))
    assert copies(planned(f).steps) == (1, 0)
    program = planned(f, donated=[0])
    assert copies(program.steps) == (0, 0)
    assert program.aliases == ((0, 0),)
    assert program.arena_bytes < BYTES


@pytest.mark.parametrize("update", UPDATES)
def test_a_dying_array_goes_through_a_branch_in_place(update):
    last = lambda b, x: b.convert(total(b, x, (0,), "maximum"), "i32")
    f = lambda b, x: sometimes(update)(b, last(b, x), x)
    program = planned(f, donated=[0])
    assert copies(program.steps) == (0, 0)
    assert program.aliases == ((0, 0),)
    made = planned(lambda b, x: f(b, b.reverse(x, (0,))))
    assert copies(made.steps) == (0, 0)
    assert made.arena_bytes < BYTES


def test_what_is_read_afterwards_is_kept():
    def f(b, x):
        x = b.reverse(x, (0,))
        return *sometimes(put)(b, number(b, 3), x), x

    assert copies(planned(f).steps) == (2, 0)


def test_an_array_that_all_branches_pass_through_stays():
    def body(b, i, x, y):
        swap = lambda b: (b.negate(x), y)
        return b.case(b.and_(i, number(b, 1)), [lambda b: (x, y), swap])

    program = planned(lambda b, x, y: rounds(b, (x, y), body), 2, donated=[0, 1])
    assert copies(program.steps) == (0, 0)


def swapping(b, i, x, y):
    return b.case(b.and_(i, number(b, 1)), [lambda b: (x, y), lambda b: (y, x)])


def test_a_swap_in_a_branch_takes_three_copies_there_and_none_elsewhere():
    program = planned(lambda b, x, y: rounds(b, (x, y), swapping), 2, donated=[0, 1])
    assert copies(program.steps) == (0, 3)
    assert program.arena_bytes < 2 * BYTES


def test_a_ring_of_states_takes_one_copy_more_than_states():
    program = planned(lambda b, *xs: rounds(b, xs, lambda b, i, x, y, z: (y, z, x)), 3, [0, 1, 2])
    assert copies(program.steps) == (0, 4)
    assert program.arena_bytes < 2 * BYTES


def test_a_swap_of_donated_parameters_moves_nothing():
    program = planned(lambda b, x, y: (y, x), 2, donated=[0, 1])
    assert copies(program.steps) == (0, 0)
    assert program.aliases == ((0, 1), (1, 0))


def test_branches_use_one_piece_of_memory_in_turn():
    def made(b, x):
        return (total(b, put(b, b.negate(x), number(b, 3)), (0,), "maximum"),)

    def f(b, x, count):
        index = b.convert(total(b, x, (0,), "maximum"), "i32")
        return b.case(index, [lambda b: made(b, x)] * count)

    one, five = (planned(lambda b, x, c=c: f(b, x, c)).arena_bytes for c in (1, 5))
    assert one >= BYTES
    assert five == one


def test_a_donated_parameter_becomes_the_result_through_a_loop():
    f = lambda b, x: (b.negate(*rounds(b, (x,), lambda b, i, x: (put(b, x, i),))),)
    program = planned(f, donated=[0])
    assert copies(program.steps) == (0, 0)
    assert program.aliases == ((0, 0),)


def test_a_whole_update_does_not_start_on_the_memory_of_its_update():
    # The kernel alone would allow it, but what the result starts from is copied there before.
    program = planned(
        lambda b, x, y: (
            *rounds(b, (y,), lambda b, i, y: (b.dynamic_update_slice(x, y, (number(b, 0),)),)),
            x,
        ),
        2,
        donated=[0, 1],
    )
    assert copies(program.steps)[1] == 2


@given(case=nests())
def test_nests_compute_what_the_interpreter_computes(case):
    module, arrays = case
    wanted = interpret(module, *arrays)
    program = build_program(module)
    kept = set(range(len(arrays))) - {parameter for _, parameter in program.aliases}
    assert kept >= set(range(len(arrays))) - module.main.donated
    for run in (lambda *xs: execute(program, *xs), compile(module)):
        given = [x.copy() for x in arrays]
        for got, want in zip(run(*given), wanted, strict=True):
            np.testing.assert_array_equal(got, want)
        for number in set(range(len(arrays))) - module.main.donated:
            np.testing.assert_array_equal(given[number], arrays[number])
