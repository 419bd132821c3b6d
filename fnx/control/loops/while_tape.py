"""While tape: reverse mode through a loop whose number of steps is not known.

The loop runs forward with a counter, and stacks the residuals of its steps: that is the tape. The
linear half is a `scan` over the tape of as many steps as ran. With ``max_steps`` the tape has that
many rows. Without, if values are known (an un-jitted gradient), it grows: the loop runs in chunks,
each with a tape of twice as many rows as the one before. If neither is the case, the linear half
is the loop on dual numbers, which can be evaluated but not transposed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fnx.control.derived import derived
from fnx.control.is_known import is_known
from fnx.control.loops.scan_linear import LinearizedScan, forward_of, linear_of, linearize_scan
from fnx.control.loops.scan_parts import Application, Values, filled_in
from fnx.control.loops.stepwise import has_unbounded_loop, split_step
from fnx.control.loops.while_forward import jvp_while, sort_duals
from fnx.control.loops.while_parts import Repetition, While
from fnx.core.avals import Aval
from fnx.core.effects import has_effects
from fnx.core.evaluate import evaluate
from fnx.core.ir import Jaxpr, Var
from fnx.core.trace import trace
from fnx.ops.families import add
from fnx.transforms.dce import dce_jaxpr

Run = Callable[[Repetition], Values]
RunScan = Callable[[Application], Values]

_FIRST_CHUNK, _LARGEST_CHUNK = 16, 1 << 14
_COUNT = Aval.of((), np.int32)


def split_while(
    loop: While, primals: Values, tangents: Values, run: Run, run_scan: RunScan
) -> tuple[Values, Values]:
    """Results from primals, and linear work on tangents, apart from each other.

    Args:
        loop: what to linearise.
        primals: its operands.
        tangents: None is zero; one at least is given.
        run: applies a while loop.
        run_scan: applies a scan.
    """
    are_known = all(is_known(x) for x in primals)
    has_ys = len(loop.body.outputs) > loop.num_carry
    if are_known and not has_ys and has_unbounded_loop(loop.body):
        return _step_by_step(loop, primals, tangents)
    if loop.max_steps is not None:
        return _Tape(loop, primals, tangents, run, run_scan).bounded(loop.max_steps)
    if are_known:
        return _Tape(loop, primals, tangents, run, run_scan).growing()
    outs = run(Repetition(loop, *loop.inputs(primals)))
    app, active = jvp_while(loop, primals, tangents)
    app = app._replace(loop=_without_effects(app.loop))
    return outs, sort_duals(loop, active, run(app))[1]


def _without_effects(loop: While) -> While:
    """A loop that runs beside one in which all that happens."""
    if not (has_effects(loop.cond) or has_effects(loop.body)):
        return loop
    cond, body = (dce_jaxpr(x, keep_effects=False) for x in (loop.cond, loop.body))
    return replace(loop, cond=cond, body=body)


def _step_by_step(loop: While, primals: Values, tangents: Values) -> tuple[Values, Values]:
    """The loop in Python; see `fnx.control.loops.stepwise`."""
    cond_consts, consts, carry = loop.inputs(primals)
    _, dconsts, dcarry = loop.inputs(tangents)
    done = 0
    while done != loop.max_steps and bool(evaluate(loop.cond, *cond_consts, *carry)[0]):
        done += 1
        outs, dcarry = split_step(loop.body, [*consts, *carry], [*dconsts, *dcarry])
        carry = list(outs)
    return tuple(carry), tuple(dcarry)


class _Tape:
    """One loop while it is linearised."""

    def __init__(
        self, loop: While, primals: Values, tangents: Values, run: Run, run_scan: RunScan
    ) -> None:
        self.loop, self.run, self.run_scan = loop, run, run_scan
        self.cond_consts, self.body_consts, self.carry = loop.inputs(primals)
        _, self.dconsts, self.dcarry = loop.inputs(tangents)
        active = tuple([t is not None for t in (*self.dconsts, *self.dcarry)])
        self.parts: LinearizedScan = linearize_scan(loop.steps(), active)

    def bounded(self, max_steps: int) -> tuple[Values, Values]:
        """The whole loop on one tape."""
        _, ys, dys = self.chunk(max_steps)
        return (*self.carry, *ys), (*self.dcarry, *dys)

    def growing(self) -> tuple[Values, Values]:
        """Chunk after chunk until the condition fails."""
        rows = _FIRST_CHUNK
        while True:
            count, _, _ = self.chunk(rows)
            if int(count) < rows or not (has_effects(self.loop.cond) or bool(self.test())):
                return tuple(self.carry), tuple(self.dcarry)
            rows = min(2 * rows, _LARGEST_CHUNK)

    def test(self) -> Any:
        """Whether the loop goes on."""
        return evaluate(self.loop.cond, *self.cond_consts, *self.carry)[0]

    def chunk(self, rows: int) -> tuple[Any, Sequence[Any], Sequence[Any]]:
        """Run up to so many steps: how many there were, and the ys of the loop and their tangents.

        Carries and their tangents become those after these steps.
        """
        scan = self.loop.steps(rows)
        forward = forward_of(scan, self.parts, (*self.body_consts, *self.carry))
        made = self._counting(rows, len(forward.consts))
        count, *outs = self.run(
            Repetition(made, self.cond_consts, forward.consts, [np.int32(0), *self.carry])
        )
        self.carry, ys = self.loop.outputs(outs)
        tangents = (*self.dconsts, *self.dcarry)
        app = linear_of(scan, self.parts, forward, ys, tangents, count)
        found = filled_in([*self.parts.carry, *self.parts.ys], self.run_scan(app))
        self.dcarry, dys = self.loop.outputs(found)
        return count, ys[: len(dys)], dys

    def _counting(self, rows: int, num_consts: int) -> While:
        """The forward loop; it carries the number of steps in front."""
        loop, body = self.loop, self.parts.forward
        counting = derived(body, ("counting", num_consts), lambda: _count_steps(body, num_consts))
        key = ("counting", loop.num_cond_consts)
        cond = derived(loop.cond, key, lambda: _ignore_count(loop.cond, loop.num_cond_consts))
        return While(cond, counting, loop.num_cond_consts, num_consts, rows)


def _count_steps(body: Jaxpr, num_consts: int) -> Jaxpr:
    inner = [v.aval for v in body.inputs]

    def step(*args: Any) -> list[Any]:
        consts, count, carry = args[:num_consts], args[num_consts], args[num_consts + 1 :]
        return [add(count, np.int32(1)), *evaluate(body, *consts, *carry)]

    return trace(step, [*inner[:num_consts], _COUNT, *inner[num_consts:]])


def _ignore_count(cond: Jaxpr, num_consts: int) -> Jaxpr:
    inputs = (*cond.inputs[:num_consts], Var(_COUNT), *cond.inputs[num_consts:])
    return Jaxpr(inputs, cond.eqns, cond.outputs)
