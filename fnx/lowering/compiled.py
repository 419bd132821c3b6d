"""Compiled: a jaxpr's executable behind one flat call, from Arrays to Arrays.

Input: a closed jaxpr. Output: `Compiled`, whose ``call`` is native where the interpreter allows it,
and which takes donated arguments away. Programs are remembered by jaxpr, so that a function
compiles once however it is reached: called, under another jit, or by a transform.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import fnx_xla_lite
from fnx.core.array import Array, wrap_as
from fnx.core.avals import Aval
from fnx.core.eager import no_memory
from fnx.core.ir import Jaxpr
from fnx.core.sources import user_source
from fnx.errors import FnxValueError
from fnx.lowering.lower import lower
from fnx_xla_lite.runtime.executable import Executable
from fnx_xla_lite.runtime.forking import renewed_in_child
from fnx_xla_lite.runtime.native_call import MISS, CallPlan, array_layout, native_call

_LAYOUT = array_layout(Array, Array(np.zeros(1, np.float32)), "_buffer", "aval")
_LONG_WORK = 20_000  # estimated operations from which on other Python threads may run meanwhile


class Compiled:
    """A compiled program.

    ``call(*arrays)`` is the fast entry: exact avals or ``MISS``. Calling the object explains what
    does not fit.

    Attributes:
        executable: the compiler's product: stages, memory plan, native entry.
    """

    __slots__ = ("__weakref__", "_gives", "_in_avals", "_out_avals", "call", "executable", "name")

    def __init__(self, jaxpr: Jaxpr, name: str, donated: tuple[bool, ...]) -> None:
        self.name = name
        self._gives = frozenset(i for i, gives in enumerate(donated) if gives)
        self._in_avals = tuple([var.aval for var in jaxpr.inputs])
        self._out_avals = tuple([atom.aval for atom in jaxpr.outputs])
        text_of = replace(jaxpr)  # not the jaxpr itself: programs live no longer than theirs does
        self.executable: Executable = fnx_xla_lite.compile(
            lower(jaxpr, name, self._gives), before={"jaxpr": lambda: str(text_of)}
        )
        self.call: Callable[..., Any] = self._native() if _LAYOUT else self._python

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """The results for arrays of the avals that the program was compiled for.

        Raises:
            DeletedArrayError: an argument was donated before.
            FnxValueError: a donated argument is passed twice.
            MemoryError: there is no memory for the results or the scratch memory.
        """
        arrays = tuple([_exactly(x, aval) for x, aval in zip(arrays, self._in_avals, strict=True)])
        try:
            out = self.call(*arrays)
        except MemoryError as error:
            if error.__traceback__ and error.__traceback__.tb_next:  # a callback's own
                raise
            scratch = self.executable.arena_bytes
            raise no_memory(self.name, self._out_avals, scratch) from None
        if out is not MISS:
            return out
        for x in arrays:
            _ = x._buffer  # raises where the buffer is gone
        return self._explain(arrays)

    def summary(self) -> str:
        """What was compiled, in a line: kernels, memory, code."""
        program = self.executable.program
        launches = sum(type(step).__name__ == "Launch" for step in program.steps)
        return (
            f"{self.name}: {launches} kernels in one native function of "
            f"{self.executable.code_bytes / 1024:.0f} KiB, "
            f"{program.arena_bytes / 1024:.0f} KiB of planned scratch memory, "
            f"{len(program.aliases)} of {len(program.results)} results take over donated memory"
        )

    def _native(self) -> Callable[..., Any]:
        executable = self.executable
        plan = CallPlan(
            entry=executable.entry,
            in_avals=self._in_avals,
            out_avals=self._out_avals,
            arena_bytes=executable.arena_bytes,
            aliases=tuple(executable.aliases),
            donated=self._gives,
            release_gil=executable.cost > _LONG_WORK,
            keep=(executable,),
        )
        assert _LAYOUT is not None
        return native_call(_LAYOUT, plan)

    def _python(self, *arrays: Array) -> Any:
        """The same without the native call, for interpreters other than CPython."""
        if any(x.is_deleted() for x in arrays) or self._given_twice(arrays):
            return MISS
        outs = self.executable(*[x._buffer for x in arrays])
        for i in self._gives:
            arrays[i].delete()
        return tuple([wrap_as(x, aval) for x, aval in zip(outs, self._out_avals, strict=True)])

    def _given_twice(self, arrays: tuple[Array, ...]) -> bool:
        return given_twice(arrays, self._gives)

    def _explain(self, arrays: tuple[Array, ...]) -> Any:
        assert self._given_twice(arrays), [x.aval for x in arrays]
        raise passed_twice(self.name)


def given_twice(arrays: Sequence[Array], gives: Iterable[int]) -> bool:
    """Whether an array at one of these positions is passed a second time."""
    return any(a is arrays[i] for i in gives for j, a in enumerate(arrays) if j != i)


def passed_twice(name: str) -> FnxValueError:
    """The error for that."""
    return FnxValueError(
        f"{name}: an array is passed twice, and one of the two is donated: expected two arrays.",
        source=user_source(),
        hint="A donated argument's memory is overwritten: pass a copy,\n"
        "fnx.numpy.array(x, copy=True), or do not donate it.",
    )


def _exactly(x: Array, aval: Aval) -> Array:
    """The array with this very aval object: weakness may differ, shape and dtype may not."""
    if x.aval is aval:
        return x
    assert x.aval.shape == aval.shape, (x.aval, aval)
    assert x.aval.dtype == aval.dtype, (x.aval, aval)
    return wrap_as(x._buffer, aval)


_lock = threading.RLock()


def _renew_lock() -> None:
    """In a forked child, where the thread that compiled, if one did, does not exist."""
    global _lock
    _lock = threading.RLock()


renewed_in_child(_renew_lock)


def compile_jaxpr(jaxpr: Jaxpr, name: str = "f", donated: tuple[bool, ...] = ()) -> Compiled:
    """The program of a closed jaxpr, compiled once for each jaxpr object and donated inputs."""
    with _lock:
        programs = jaxpr.memo.setdefault("compiled", {})
        program = programs.get(donated)
        if program is None:
            program = programs[donated] = Compiled(jaxpr, name, donated)
        return program
