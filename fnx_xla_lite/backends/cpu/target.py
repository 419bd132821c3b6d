"""Target: the processor that code is emitted for, as a value."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, replace

import llvmlite.binding as llvm

from fnx_xla_lite.backends.cpu.caches import Caches, host_caches
from fnx_xla_lite.errors import BackendError
from fnx_xla_lite.hlo.dtypes import itemsize


@dataclass(frozen=True, slots=True)
class Target:
    """What the emitters must know of a processor.

    Attributes:
        name: ``avx512``, ``avx2``, ``neon`` or ``generic``.
        triple: LLVM's target triple.
        cpu: LLVM's processor name.
        features: LLVM's feature string.
        vector_bytes: width of a vector register.
        registers: number of vector registers.
        masked_bytes: element sizes whose masked loads and stores are single instructions.
        gather: whether gathers are instructions.
        fma: whether multiply-adds are fused by an instruction.
        caches: sizes of a core's caches; they steer sizes of blocks, never a result's bits.
        mask_registers: whether masks have registers of their own, one bit a lane.
        slow_divider: whether five multiply-adds and a test take less time than the division of a
            vector: of 512 bits it takes 16 cycles, of 256 bits 3 (AMD Zen 3) to 5 (Intel Skylake).
    """

    name: str
    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int
    masked_bytes: frozenset[int]
    gather: bool
    fma: bool
    caches: Caches
    mask_registers: bool = False
    slow_divider: bool = False

    def lanes(self, dtype: str) -> int:
        """Elements of ``dtype`` in one vector register."""
        return max(self.vector_bytes // itemsize(dtype), 1)

    def machine(self, opt: int) -> llvm.TargetMachine:
        """An LLVM target machine that makes position-independent code."""
        _initialize()
        target = llvm.Target.from_triple(self.triple)
        return target.create_target_machine(
            cpu=self.cpu, features=self.features, opt=opt, reloc="pic", codemodel="small"
        )


# Caches of a processor of the kind, where the machine itself does not tell its own.
_LARGE = Caches(second=2 << 20, third=32 << 20)
_SMALL = Caches(second=512 << 10, third=16 << 20)
_WIDE = {"vector_bytes": 64, "registers": 32, "masked_bytes": frozenset({1, 2, 4, 8})}
_HALF = {"vector_bytes": 32, "registers": 16, "masked_bytes": frozenset({4, 8})}
_AVX2_FEATURES = "+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+popcnt"
_AVX512_FEATURES = (
    _AVX2_FEATURES + ",+avx512f,+avx512vl,+avx512bw,+avx512dq,+avx512cd,-prefer-256-bit"
)

AVX2 = Target("avx2", "x86_64-unknown-linux-gnu", "haswell", _AVX2_FEATURES,
              gather=True, fma=True, caches=_SMALL, **_HALF)  # fmt: skip
AVX512 = Target("avx512", "x86_64-unknown-linux-gnu", "skylake-avx512", _AVX512_FEATURES,
                gather=True, fma=True, caches=_LARGE,
                mask_registers=True, slow_divider=True, **_WIDE)  # fmt: skip
NEON = Target("neon", "aarch64-unknown-linux-gnu", "generic", "+neon,+fp-armv8",
              vector_bytes=16, registers=32, masked_bytes=frozenset(),
              gather=False, fma=True, caches=_SMALL, slow_divider=True)  # fmt: skip
NAMED = {"avx2": AVX2, "avx512": AVX512, "neon": NEON}


@functools.cache
def host() -> Target:
    """The machine that we run on; ``FNX_TARGET=avx2`` narrows it to fewer instructions."""
    _initialize()
    found = _detect()
    wanted = os.environ.get("FNX_TARGET", "")
    if wanted in ("", found.name):
        return found
    if wanted not in NAMED:
        raise BackendError(f"FNX_TARGET={wanted!r} is not one of {sorted(NAMED)}")
    if (found.name, wanted) != ("avx512", "avx2"):
        raise BackendError(f"FNX_TARGET={wanted!r}: this processor is {found.name}")
    return replace(AVX2, triple=found.triple, caches=found.caches)


def _detect() -> Target:
    triple, cpu = llvm.get_process_triple(), llvm.get_host_cpu_name()
    features = llvm.get_host_cpu_features()
    flags = features.flatten()
    has = features.get
    if triple.startswith("x86_64") and all(
        map(has, ("avx512f", "avx512vl", "avx512bw", "avx512dq"))
    ):
        # LLVM prefers 256-bit vectors on some cores; ours are 512 bits wide where we say so.
        wide = f"{flags},-prefer-256-bit"
        return replace(AVX512, triple=triple, cpu=cpu, features=wide, caches=host_caches(_LARGE))
    known = {"triple": triple, "cpu": cpu, "features": flags, "caches": host_caches(_SMALL)}
    if triple.startswith("x86_64") and has("avx2") and has("fma"):
        return replace(AVX2, **known)
    if triple.startswith(("aarch64", "arm64")):
        return replace(NEON, **known)
    return Target("generic", vector_bytes=16, registers=16, masked_bytes=frozenset(),
                  gather=False, fma=bool(has("fma")), **known)  # fmt: skip


@functools.cache
def _initialize() -> None:
    """Register LLVM's back ends, once (LLVM itself needs no ``initialize`` any more)."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
