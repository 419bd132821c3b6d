"""Checked: the program of a sanitiser build: it runs with a flag, and explains a failure.

Input: a closed jaxpr and checks. Output: `Checked`, called like `Compiled`. Inputs are never
overwritten, so that a failure can be looked for in them; donated ones are deleted after a run
without a failure, and kept after one with.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fnx.checks.flags import with_flag
from fnx.checks.inline import has_checks
from fnx.checks.kinds import Kinds
from fnx.checks.recording import Log
from fnx.checks.replay import first_failure
from fnx.checks.report import error_of
from fnx.control.call import set_compiler
from fnx.control.derived import derived
from fnx.core.array import Array, wrap_as
from fnx.core.eager import as_array, aval_of
from fnx.core.ir import Eqn, Jaxpr, Var
from fnx.lowering.compiled import MISS, Compiled, compile_jaxpr, given_twice, passed_twice


class Checked:
    """A compiled program with checks.

    ``call(*arrays)`` is the fast entry, as that of `Compiled`.

    Attributes:
        compiled: the program with the flag as its last result.
    """

    __slots__ = ("_donated", "_jaxpr", "_kinds", "_log", "compiled", "name")

    def __init__(self, jaxpr: Jaxpr, name: str, donated: tuple[bool, ...], kinds: Kinds) -> None:
        self.name = name
        self._jaxpr = replace(jaxpr)  # not the jaxpr itself, whose programs are remembered by it
        self._kinds = kinds
        self._donated = tuple([i for i, gives in enumerate(donated) if gives])
        self.compiled: Compiled
        self.compiled, self._log = derived(
            jaxpr, ("check", kinds), lambda: _compile(jaxpr, name, kinds)
        )

    def call(self, *arrays: Array) -> Any:
        """The results for arrays of exactly the avals of the program; else ``MISS``."""
        if self._donated and given_twice(arrays, self._donated):
            raise passed_twice(self.name)
        self._log.clear()
        outs = self.compiled.call(*arrays)
        return MISS if outs is MISS else self._judge(outs, arrays)

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """The results.

        Raises:
            CheckError: a check failed.
        """
        if self._donated and given_twice(arrays, self._donated):
            raise passed_twice(self.name)
        self._log.clear()
        return self._judge(self.compiled(*arrays), arrays)

    def summary(self) -> str:
        """What was compiled, in a line."""
        return self.compiled.summary()

    def _judge(self, outs: tuple[Array, ...], arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        if outs[-1]._buffer:
            self._explain(arrays)
        for i in self._donated:
            arrays[i].delete()
        return outs[:-1]

    def _explain(self, arrays: tuple[Array, ...]) -> None:
        """Raise the error for the first failure; none, if the flag was true without one."""
        find = functools.partial(first_failure, self._jaxpr, self._kinds, arrays)
        failure = find(self._log.again())
        if failure is None:  # NumPy's results differ in the last bits: now by the compiler's
            failure = find(self._log.again(), _apply_compiled)
        if failure is not None:
            raise error_of(failure, self.name)


def _compile(jaxpr: Jaxpr, name: str, kinds: Kinds) -> tuple[Compiled, Log]:
    log = Log()
    return compile_jaxpr(with_flag(jaxpr, kinds, log), name, (False,) * len(jaxpr.inputs)), log


def _apply_compiled(eqn: Eqn, ins: Any) -> Any:
    """The results of one equation by a compiled program of it alone."""
    variables = [Var(aval_of(x)) for x in ins]
    outputs = tuple([Var(v.aval) for v in eqn.outputs])
    alone = Jaxpr(tuple(variables), (replace(eqn, inputs=variables, outputs=outputs),), outputs)
    return compile_jaxpr(alone, eqn.primitive.name)(*[as_array(x) for x in ins])


def compile_checked(
    jaxpr: Jaxpr, name: str, donated: tuple[bool, ...], kinds: Kinds
) -> Compiled | Checked:
    """The program of a closed jaxpr with these checks, and those of jitted functions in it."""
    if kinds or derived(jaxpr, "has_checks", lambda: has_checks(jaxpr)):
        return Checked(jaxpr, name, donated, kinds)
    return compile_jaxpr(jaxpr, name, donated)


def _compiler(
    jaxpr: Jaxpr, name: str, donated: tuple[bool, ...], check: tuple[str, ...] = ()
) -> Callable[..., Any]:
    """What `fnx.control.call` runs a jitted function by, outside of `jit`: on buffers, all kept."""
    program = compile_checked(jaxpr, name, (False,) * len(donated), frozenset(check))

    def run(*buffers: Any) -> tuple[Array, ...]:
        avals = [var.aval for var in jaxpr.inputs]
        return program(*[wrap_as(x, aval) for x, aval in zip(buffers, avals, strict=True)])

    return run


set_compiler(_compiler)
