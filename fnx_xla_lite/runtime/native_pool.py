"""Native pool: recycled, already mapped memory for results, shared by every compiled program.

The pool and the native call are LLVM IR (``native_pool.ll``), compiled once in a process. Result
arrays own their block through a capsule; when the last view dies, the block goes to a free list of
its size class, so that the next result of that size starts on warm pages.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.resources
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
import numpy as np

_NEW_FROM_DESCR, _SET_BASE_OBJECT, _ARRAY_TYPE = 94, 282, 2  # places in NumPy's C API table
_METH_FASTCALL = 0x0080
_PYTHON_SYMBOLS = (
    "PyTuple_GetItem", "PyTuple_New", "PyTuple_SetItem", "PyBytes_AsString", "Py_IncRef",
    "Py_DecRef", "PyType_GenericAlloc", "PyCapsule_New", "PyCapsule_GetPointer",
    "PyEval_SaveThread", "PyEval_RestoreThread", "PyErr_NoMemory", "PyCapsule_Type",
    "PyGILState_Ensure", "PyGILState_Release", "PyObject_CallFunction",
)  # fmt: skip


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


@dataclass(frozen=True, slots=True)
class Support:
    """The compiled support code: addresses and the pool functions, all of which hold the GIL.

    ``run_released`` runs an entry without it. ``call_back`` is the address of what entries call
    Python by.
    """

    engine: Any
    method: _MethodDef
    allocate: Any
    release: Any
    wrap: Any
    trim: Any
    set_limit: Any
    live_bytes: Any
    cached_bytes: Any
    run_released: Any
    call_back: int

    @property
    def method_address(self) -> int:
        """Address of the PyMethodDef of ``fnx_call``."""
        return ctypes.addressof(self.method)


@functools.cache
def support() -> Support:
    """Compile the support code, once."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    _publish_symbols()
    folder = importlib.resources.files("fnx_xla_lite.runtime")
    module = llvm.parse_assembly(folder.joinpath("native_pool.ll").read_text("utf-8"))
    machine = llvm.Target.from_default_triple().create_target_machine(opt=1, jit=True)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()

    def function(name: str, result: Any, *arguments: Any) -> Any:
        return ctypes.PYFUNCTYPE(result, *arguments)(engine.get_function_address(name))

    word, pointer = ctypes.c_int64, ctypes.c_void_p
    return Support(
        engine=engine,
        method=_MethodDef(b"call", engine.get_function_address("fnx_call"), _METH_FASTCALL, None),
        allocate=function("fnx_allocate", pointer, word),
        release=function("fnx_release", None, pointer),
        wrap=function("fnx_wrap", ctypes.py_object, pointer, ctypes.py_object, word, pointer),
        trim=function("fnx_trim", None),
        set_limit=function("fnx_set_limit", None, word),
        live_bytes=function("fnx_live_bytes", word),
        cached_bytes=function("fnx_cached_bytes", word),
        run_released=function(
            "fnx_run_released", ctypes.c_int32, pointer, pointer, pointer, pointer
        ),
        call_back=engine.get_function_address("fnx_call_back"),
    )


def _publish_symbols() -> None:
    """Tell LLVM where Python's and NumPy's C functions are."""
    for name in _PYTHON_SYMBOLS:
        symbol = ctypes.c_char.in_dll(ctypes.pythonapi, name)
        llvm.add_symbol(name, ctypes.addressof(symbol))
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = get_pointer(np._core._multiarray_umath._ARRAY_API, None)
    places = (ctypes.c_void_p * (_SET_BASE_OBJECT + 1)).from_address(table)
    llvm.add_symbol("numpy_new_from_descr", places[_NEW_FROM_DESCR])
    llvm.add_symbol("numpy_set_base", places[_SET_BASE_OBJECT])
    llvm.add_symbol("numpy_array_type", places[_ARRAY_TYPE])


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An uninitialised C-contiguous array in recycled memory, 64-byte aligned.

    Raises:
        MemoryError: the system has no block of that size.
    """
    dtype = np.dtype(dtype)
    pool = support()
    count = 1
    for size in shape:
        count *= size
    data = pool.allocate(count * dtype.itemsize)
    if not data:
        raise MemoryError(f"no memory for an array of shape {shape} and dtype {dtype}")
    dims = (ctypes.c_int64 * max(len(shape), 1))(*shape)
    return pool.wrap(data, dtype, len(shape), ctypes.addressof(dims))
