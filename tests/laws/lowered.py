"""What laws of the compiler run on: jaxprs of a program and of its derivative, with arguments."""

from __future__ import annotations

import numpy as np

from fnx.api import make_jaxpr, vjp
from tests.oracles import directions


def pull_back_of(program):
    """The program's reverse mode as a function of its inputs and cotangents."""
    count = len(program.inputs)

    def pull_back(*args):
        inputs = list(args[:count])

        def moving(*xs):
            for i, x in zip(program.active, xs, strict=True):
                inputs[i] = x
            return program.at_inputs(inputs)

        return vjp(moving, *[args[i] for i in program.active])[1](tuple(args[count:]))

    return pull_back


def modules_of(program):
    """Pairs of a jaxpr without tracers and its arguments: the program, and its reverse mode."""
    yield make_jaxpr(program)(*program.inputs), program.inputs
    if program.active:
        outs = [np.asarray(y) for y in program.at_inputs(program.inputs)]
        if outs:
            cts = directions(np.random.default_rng(3), outs)
            arguments = (*program.inputs, *cts)
            yield make_jaxpr(pull_back_of(program))(*arguments), arguments
