"""Native calls: one CPython callable, in LLVM IR, that runs a compiled entry on array objects.

Input: a call plan (types expected, memory wanted) as a flat struct. Output: a builtin function
``call(*leaves)`` that checks its arguments by identity of their type and aval, takes result memory
from the recycled pool, runs the entry and wraps the results. Arguments that do not fit give the
``MISS`` object back and nothing has happened. What a callback of the program raises is raised; the
results' memory goes back to the pool then, and donated arguments are gone.

The array class is a parameter: any final Python class with two ``__slots__``, one for an ndarray
and one for an interned aval. Python's and NumPy's C interfaces are called as C code would; the
struct's words are described at ``_pack``.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fnx_xla_lite.runtime import native_pool

MISS = type("Miss", (), {"__repr__": lambda self: "MISS"})()


@dataclass(frozen=True, slots=True)
class ArrayLayout:
    """Where an array object keeps its ndarray and its aval: byte offsets in a ``cls``."""

    cls: type
    buffer_offset: int
    aval_offset: int


@dataclass(frozen=True, slots=True)
class CallPlan:
    """All that a native call must know.

    Attributes:
        entry: address of ``int run(void** parameters, void** results, void* arena)``.
        in_avals: the interned avals that arguments must carry.
        out_avals: the avals of the results, with ``shape`` and ``dtype``.
        arena_bytes: scratch memory that the entry wants.
        aliases: pairs (result, parameter): the result takes the parameter's memory; the argument is
            dead afterwards.
        donated: parameters whose arguments are dead afterwards.
        release_gil: whether other Python threads may run meanwhile (worth it from some microseconds
            of work on).
        keep: objects that must live as long as the call does.
    """

    entry: int
    in_avals: tuple[Any, ...]
    out_avals: tuple[Any, ...]
    arena_bytes: int
    aliases: tuple[tuple[int, int], ...] = ()
    donated: frozenset[int] = frozenset()
    release_gil: bool = True
    keep: tuple[Any, ...] = ()


def array_layout(cls: type, sample: object, buffer: str, aval: str) -> ArrayLayout | None:
    """The layout of ``cls``, or None where this Python does not keep slots as plain pointers."""
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    offsets = [_slot_offset(cls.__dict__[name]) for name in (buffer, aval)]
    for name, offset in zip((buffer, aval), offsets, strict=True):
        if not 16 <= offset < cls.__basicsize__:
            return None
        stored = ctypes.c_void_p.from_address(id(sample) + offset).value
        if stored != id(getattr(sample, name)):
            return None
    return ArrayLayout(cls, *offsets)


def _slot_offset(descriptor: Any) -> int:
    """The ``offset`` field of the PyMemberDef behind a slot descriptor (``descrobject.h``)."""
    member = ctypes.c_void_p.from_address(id(descriptor) + 40).value
    return ctypes.c_ssize_t.from_address(member + 16).value if member else 0


def native_call(layout: ArrayLayout, plan: CallPlan) -> Callable[..., Any]:
    """A builtin ``call(*arrays)`` that returns a tuple of results, or ``MISS``."""
    support = native_pool.support()
    struct, objects = _pack(layout, plan)
    self = (struct, *objects, plan)
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return new(support.method_address, self, None)


def _pack(layout: ArrayLayout, plan: CallPlan) -> tuple[bytes, tuple[Any, ...]]:
    """The plan as int64 words: a header of 12, 4 words an input, 6 words a result, then dimensions.

    ======= ========================================================================================
    header  n_in, n_out, array type, buffer offset, aval offset, entry, arena bytes, release GIL,
            MISS, any donated, 0, 0
    input   aval, bytes, donated, alias result or -1
    result  aval, dtype object, bytes, rank, byte offset of the dimensions in the struct, alias
            input or -1
    ======= ========================================================================================
    """
    alias_of_result = dict(plan.aliases)
    alias_of_input = {parameter: result for result, parameter in plan.aliases}
    donated = plan.donated | set(alias_of_input)
    descrs = tuple(np.dtype(aval.dtype) for aval in plan.out_avals)
    words = [
        len(plan.in_avals), len(plan.out_avals), id(layout.cls), layout.buffer_offset,
        layout.aval_offset, plan.entry, plan.arena_bytes, int(plan.release_gil), id(MISS),
        int(bool(donated)), 0, 0,
    ]  # fmt: skip
    for i, aval in enumerate(plan.in_avals):
        words += [id(aval), _nbytes(aval), int(i in donated), alias_of_input.get(i, -1)]
    dims_at = 8 * (len(words) + 6 * len(plan.out_avals))
    dims: list[int] = []
    for j, (aval, descr) in enumerate(zip(plan.out_avals, descrs, strict=True)):
        where = dims_at + 8 * len(dims)
        alias = alias_of_result.get(j, -1)
        words += [id(aval), id(descr), _nbytes(aval), len(aval.shape), where, alias]
        dims += aval.shape
    struct = np.array(words + dims, dtype=np.int64).tobytes()
    return struct, (layout, plan.in_avals, plan.out_avals, descrs)


def _nbytes(aval: Any) -> int:
    return int(np.prod(aval.shape, dtype=np.int64)) * np.dtype(aval.dtype).itemsize
