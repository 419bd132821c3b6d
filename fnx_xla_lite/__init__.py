"""fnx_xla_lite: a StableHLO compiler in Python.

>>> import numpy as np
>>> from fnx_xla_lite import Builder, compile
>>> b = Builder("double")
>>> x = b.parameter((3,), "f32")
>>> run = compile(b.build(b.add(x, x)))
>>> run(np.array([1, 2, 3], np.float32))[0].tolist()
[2.0, 4.0, 6.0]
"""

from fnx_xla_lite import errors
from fnx_xla_lite.backends.cpu.threads import get_threads, set_threads
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.interpret import interpret
from fnx_xla_lite.hlo.ir import HloModule
from fnx_xla_lite.hlo.text import parse
from fnx_xla_lite.pipeline import compile
from fnx_xla_lite.runtime.executable import Executable

parse, compile, interpret = map(errors.public, (parse, compile, interpret))

__all__ = [
    "Builder",
    "Executable",
    "HloModule",
    "compile",
    "get_threads",
    "interpret",
    "parse",
    "set_threads",
]
