"""Stages: a jitted function on its way: traced, lowered to StableHLO, compiled; as JAX has them.

``jit(f).trace(*args)`` gives `Traced`, ``.lower()`` `Lowered`, ``.compile()`` `CompiledFunction`.
Arguments are arrays, or `ShapeDtypeStruct` objects: nothing is run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fnx import tree
from fnx.core.avals import Aval
from fnx.core.eager import as_array, aval_of, is_value
from fnx.core.ir import Jaxpr
from fnx.core.sources import user_source
from fnx.core.trace import has_tracers
from fnx.core.tracebacks import boundary
from fnx.errors import FnxTypeError, FnxValueError, did_you_mean
from fnx.lowering.lower import lower
from fnx.tree import TreeDef
from fnx_xla_lite.hlo.ir import HloModule
from fnx_xla_lite.hlo.text import to_text
from fnx_xla_lite.hlo.work import Work, module_work
from fnx_xla_lite.loops.footprint import Footprint, footprint

_TEXTS = {"stablehlo": "hlo"}  # other names of stages


class Program(Protocol):
    """What one signature of a jitted function is, for its compiler.

    Attributes:
        jaxpr: closed: ``consts``, then the leaves that are ``kept``.
        consts: what the function closes over.
        out_tree: the structure of the result.
        donated: which inputs of the jaxpr are.
        kept: which leaves of the arguments the jaxpr takes.
        whole: the jaxpr as it was traced.
    """

    jaxpr: Jaxpr
    consts: tuple[Any, ...]
    out_tree: TreeDef
    donated: tuple[bool, ...]
    kept: tuple[bool, ...]
    whole: Jaxpr


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Stage:
    """What all stages know.

    Attributes:
        fun_name: the function's name.
        program: the signature.
        in_tree: the structure of the arguments that are not static: ``(args, kwargs)``.
        in_avals: shapes and dtypes of their leaves.
        compile: makes the compiled program.
    """

    fun_name: str
    _program: Program
    in_tree: TreeDef
    in_avals: tuple[Aval, ...]
    _compile: Callable[[], Any]

    @property
    def out_info(self) -> Any:
        """The result, with `ShapeDtypeStruct` objects in place of arrays."""
        outputs = self._program.whole.outputs
        return tree.unflatten(self._program.out_tree, [a.aval for a in outputs])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.fun_name}>"


class Traced(_Stage):
    """A function traced for one signature.

    >>> import fnx, fnx.numpy as fnp
    >>> traced = fnx.jit(lambda x: fnp.sin(x) * 2.0).trace(fnp.ones(3))
    >>> print(traced.jaxpr)
    { lambda ; a:f32[3]. let
        b:f32[3] = sin a
        c:f32[3] = mul b 2.0:f32[]
      in (c,) }
    >>> traced.out_info
    f32[3]
    """

    __slots__ = ()

    @property
    def jaxpr(self) -> Jaxpr:
        """The jaxpr; arrays that the function closes over are its constants."""
        return self._program.whole

    def lower(self) -> Lowered:
        """The program in StableHLO, before any pass."""
        return Lowered(self.fun_name, self._program, self.in_tree, self.in_avals, self._compile)


class Lowered(_Stage):
    """A function lowered to StableHLO for one signature.

    >>> import fnx, fnx.numpy as fnp
    >>> lowered = fnx.jit(lambda x: x + x).lower(fnp.ones(3))
    >>> "stablehlo.add" in lowered.as_text()
    True
    >>> lowered.cost_analysis()["flops"]
    3.0
    """

    __slots__ = ()

    def as_text(self, dialect: str = "stablehlo") -> str:
        """The program's text: ``stablehlo``, or ``jaxpr``."""
        if dialect == "jaxpr":
            return str(self._program.whole)
        if dialect in ("stablehlo", "hlo"):
            return to_text(self._module())
        raise _no_text(self.fun_name, dialect, ["jaxpr", "stablehlo"])

    def cost_analysis(self) -> dict[str, Any]:
        """Operations and bytes before any pass; as `CompiledFunction.cost_analysis`."""
        return _cost(module_work(self._module()))

    @boundary
    def compile(self) -> CompiledFunction:
        """The compiled function."""
        return CompiledFunction(
            self.fun_name, self._program, self.in_tree, self.in_avals, self._compile
        )

    def _module(self) -> HloModule:
        program = self._program
        donated = [i for i, gives in enumerate(program.donated) if gives]
        return lower(program.jaxpr, self.fun_name, donated)


class CompiledFunction(_Stage):
    """A function compiled for one signature: called with arguments of that signature alone.

    Static arguments are left out in calls.

    >>> import fnx, fnx.numpy as fnp
    >>> compiled = fnx.jit(lambda x: (x * x).sum()).lower(fnp.ones(3)).compile()
    >>> float(compiled(fnp.arange(3.0)))
    5.0
    >>> compiled.memory_analysis().argument_size_in_bytes
    12
    """

    __slots__ = ("_native",)

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        object.__setattr__(self, "_native", self._compile())

    @boundary
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function.

        Raises:
            FnxTypeError: if the arguments do not have the structure, shapes and dtypes that it was
                compiled for, or are traced.
        """
        leaves, in_tree = tree.flatten((args, kwargs))
        self._check(leaves, in_tree, args, kwargs)
        program = self._program
        rows = zip(leaves, program.kept, strict=True)
        outs = self._native(*program.consts, *[as_array(x) for x, is_kept in rows if is_kept])
        return tree.unflatten(program.out_tree, outs)

    def as_text(self, stage: str = "fused") -> str:
        """The text of one stage of compilation.

        Args:
            stage: ``jaxpr``, ``stablehlo`` (or ``hlo``), ``passes``, ``fused``, ``loops``, ``llvm``
                or ``assembly``.
        """
        texts = self._executable.stages
        name = _TEXTS.get(stage, stage)
        if name not in texts:
            raise _no_text(self.fun_name, stage, [*texts])
        return texts[name]

    def cost_analysis(self) -> dict[str, Any]:
        """Operations and bytes of one call, counted from the program as it is compiled.

        Returns:
            ``flops``, ``transcendentals`` and ``bytes accessed``, by XLA's conventions, with loops
            counted as often as they run; ``loops of unknown length``, which are counted as one
            pass; and ``kernels``, a list of what it consists of.
        """
        return _cost(self._executable.work())

    def memory_analysis(self) -> Footprint:
        """The memory of one call, known before it is run."""
        return footprint(self._executable.program, self._executable.code_bytes)

    @property
    def _executable(self) -> Any:
        return getattr(self._native, "compiled", self._native).executable

    def _check(self, leaves: list[Any], in_tree: TreeDef, args: Any, kwargs: Any) -> None:
        if has_tracers(leaves):
            raise FnxTypeError(
                f"{self.fun_name}: a compiled function cannot be traced by jit, grad or vmap: "
                "expected arrays.",
                source=user_source(),
                hint="Transform the function before it is compiled.",
            )
        if in_tree != self.in_tree:
            raise FnxTypeError(
                f"{self.fun_name}: was compiled for arguments of the structure "
                f"{_without_leaves(self.in_tree)}, got {_without_leaves(in_tree)}.",
                source=user_source(),
                hint="Static arguments are part of the program: leave them out in calls.",
            )
        for place, x, aval in zip(_places(args, kwargs), leaves, self.in_avals, strict=True):
            given = aval_of(x) if is_value(x) else None
            if given is None or (given.shape, given.dtype) != (aval.shape, aval.dtype):
                got = given.strong() if given is not None else type(x).__name__
                raise FnxTypeError(
                    f"{self.fun_name}: {place} is {got}, but the function was compiled for "
                    f"{aval.strong()}.",
                    source=user_source(),
                    hint="Lower and compile it for these arguments; or call the jitted function, "
                    "which\ncompiles for each signature.",
                )


def _places(args: Any, kwargs: Any) -> list[str]:
    found = [f"argument {i}{path}" for i, x in enumerate(args) for path in tree.paths(x)]
    names = [f"argument {k!r}{path}" for k in sorted(kwargs) for path in tree.paths(kwargs[k])]
    return found + names


def _without_leaves(in_tree: TreeDef) -> str:
    return str(in_tree)


def _no_text(name: str, stage: str, known: Sequence[str]) -> FnxValueError:
    return FnxValueError(
        f"{name}: there is no text {stage!r}; expected one of: {', '.join(known)}.",
        source=user_source(),
        hint=did_you_mean(stage, known) or "Choose the stage that you want to see.",
    )


def _cost(work: Work) -> dict[str, Any]:
    total = work.total
    return {
        "flops": float(total.flops),
        "transcendentals": float(total.transcendentals),
        "bytes accessed": float(total.bytes),
        "loops of unknown length": work.unknown_loops,
        "kernels": [
            {
                "operations": k.what,
                "line": k.location,
                "times": k.times,
                "flops": float(k.count.flops),
                "transcendentals": float(k.count.transcendentals),
                "bytes accessed": float(k.count.bytes),
            }
            for k in work.kernels
        ],
    }
