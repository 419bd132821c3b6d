"""Executable: a compiled program that is called with arrays and gives arrays.

The native entry is ``int run(void** parameters, void** results, void* arena)``:

* ``parameters[i]`` points to the elements of parameter i: C-contiguous, of the declared type,
  aligned to the element size;
* ``results[j]`` points to memory for result j that overlaps no parameter, except that ``aliases``
  pairs (result, parameter) share the parameter's memory, which must be writable and belong to no
  other parameter;
* ``arena`` points to ``arena_bytes`` bytes of scratch for this call alone, aligned to 64 bytes
  (null where there are none).

The entry may be called from several threads at once, with the GIL released. It keeps no state
between calls, and puts back the floating-point control word that it sets. Pointers to arrays
without elements are not followed. It returns 0; or 1 as soon as a callback has raised: then the
error is set in this thread, and what is in the results means nothing.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from fnx_xla_lite.hlo.dtypes import from_numpy, to_numpy
from fnx_xla_lite.hlo.ir import TensorType
from fnx_xla_lite.hlo.work import Work
from fnx_xla_lite.loops.program import Program, signatures
from fnx_xla_lite.runtime import native_pool

_POINTER = ctypes.c_void_p
_Entry = ctypes.CFUNCTYPE(ctypes.c_int32, _POINTER, _POINTER, _POINTER)
_HEAD = object.__basicsize__
_POOLED_BYTES = 16 * 1024


class Stages(Mapping[str, str]):
    """The text of every stage by name, in order, made when it is looked at."""

    def __init__(self, makers: Mapping[str, Callable[[], str]]) -> None:
        self._makers = dict(makers)
        self._texts: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._texts:
            self._texts[name] = self._makers[name]()
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class Executable:
    """A compiled program.

    Attributes:
        program: its kernels, steps and memory plan.
        entry: address of the native entry function; the module's docstring says what it expects.
        arena_bytes: scratch memory of one call.
        aliases: pairs (result, parameter) that share the parameter's memory.
        cost: estimated nanoseconds of one call on one thread.
        code_bytes: size of the object code.
        stages: the texts of all stages, for reading.
        work: counts the operations and bytes of one call.
    """

    __slots__ = (
        "_call", "_keep", "_parameters", "_results", "aliases", "arena_bytes", "code_bytes", "cost",
        "entry", "program", "stages", "work",
    )  # fmt: skip

    def __init__(
        self,
        program: Program,
        entry: int,
        *,
        stages: Mapping[str, Callable[[], str]],
        cost: float,
        code_bytes: int,
        keep: tuple[Any, ...],
        work: Callable[[], Work] | None = None,
    ) -> None:
        self.program, self.entry = program, entry
        self.arena_bytes, self.aliases = program.arena_bytes, program.aliases
        self.cost, self.code_bytes = cost, code_bytes
        self.stages: Mapping[str, str] = Stages(stages)
        self.work = work
        self._keep = keep
        self._call: Callable[..., int] = _Entry(entry)
        if signatures(program.steps):  # ctypes raises what a callback raised, if it has the GIL
            self._call = functools.partial(native_pool.support().run_released, entry)
        self._parameters = tuple((to_numpy(t.dtype), t.shape) for t in program.parameters)
        aliased = {result for result, _ in program.aliases}
        self._results = tuple(
            _no_array if number in aliased else _maker(kind)
            for number, kind in enumerate(program.results)
        )

    def __call__(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Run the program.

        Arrays that are not C-contiguous or not aligned are copied. A donated argument's memory
        becomes a result where it can; it must not be used afterwards.

        Args:
            arrays: one array for each parameter, of its shape and element type.

        Returns:
            One array for each result.

        Raises:
            TypeError: an argument's element type is wrong, or there are too few or too many.
            ValueError: an argument's shape is wrong.
            BaseException: whatever a callback of the program raised.
        """
        if len(arrays) != len(self._parameters):
            raise TypeError(
                f"{self.program.name} takes {len(self._parameters)} arrays, got {len(arrays)}"
            )
        ready = [
            x if type(x) is np.ndarray and x.dtype == dtype and x.shape == shape
            and x.flags.c_contiguous and x.flags.aligned else self._prepared(i, x)
            for i, (x, (dtype, shape)) in enumerate(zip(arrays, self._parameters, strict=True))
        ]  # fmt: skip
        results = [make() for make in self._results]
        for result, parameter in self.aliases:
            results[result] = ready[parameter] = _owned(ready, parameter)
        self._run(ready, results)
        return tuple(results)

    def _run(self, parameters: list[np.ndarray], results: list[np.ndarray]) -> None:
        pointers = [_pointers(arrays) for arrays in (parameters, results)]
        if not self.arena_bytes:
            self._call(*pointers, None)
            return
        pool = native_pool.support()
        arena = pool.allocate(self.arena_bytes)
        if not arena:
            raise MemoryError(
                f"{self.program.name}: no memory for {self.arena_bytes} bytes of arena"
            )
        try:
            self._call(*pointers, arena)
        finally:
            pool.release(arena)

    def _prepared(self, position: int, value: Any) -> np.ndarray:
        """An argument as the entry wants it, or an error that says what is wrong with it."""
        dtype, shape = self._parameters[position]
        array = np.asarray(value)
        wanted = TensorType(shape, from_numpy(dtype))
        what = f"{self.program.name}: argument {position} is"
        if array.dtype.newbyteorder("=") != dtype:
            raise TypeError(
                f"{what} of dtype {array.dtype}, expected {wanted}; use astype({dtype})"
            )
        if array.shape != shape:
            raise ValueError(f"{what} of shape {array.shape}, expected {wanted}")
        return np.require(array, dtype, ["C", "A"]).view(np.ndarray)


def _owned(arrays: list[np.ndarray], position: int) -> np.ndarray:
    """A donated argument's memory; a copy where it is read-only or shared with another."""
    mine = arrays[position]
    others = (x for i, x in enumerate(arrays) if i != position)
    if not mine.flags.writeable or any(np.may_share_memory(mine, x) for x in others):
        copy = native_pool.empty(mine.shape, mine.dtype)
        copy[...] = mine
        return copy
    return mine


def _no_array() -> None:
    """The place of a result that will be a donated argument."""


def _maker(kind: TensorType) -> Callable[[], np.ndarray]:
    """What makes an uninitialised result: NumPy, or recycled memory where pages would fault."""
    dtype = to_numpy(kind.dtype)
    make = np.empty if kind.size * dtype.itemsize < _POOLED_BYTES else native_pool.empty
    return functools.partial(make, kind.shape, dtype)


def _pointers(arrays: list[np.ndarray]) -> Any:
    return (_POINTER * len(arrays))(*map(_address, arrays))


def _address_by_attribute(array: np.ndarray) -> int:
    return array.ctypes.data


def _address_by_layout(array: np.ndarray) -> int:
    """The ``data`` field, the first one after the object's head: five times faster."""
    return _POINTER.from_address(id(array) + _HEAD).value or 0


def _choose_address() -> Callable[[np.ndarray], int]:
    """The fast way where it gives what the slow one does."""
    if sys.implementation.name != "cpython":
        return _address_by_attribute
    sample = np.zeros((2, 3))
    agree = _address_by_layout(sample) == _address_by_attribute(sample)
    return _address_by_layout if agree else _address_by_attribute


_address = _choose_address()
