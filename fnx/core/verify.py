"""Verify: Jaxpr -> the same Jaxpr, or an error that shows the program and the place.

Invariants:

1. Every variable is bound once, and before it is used.
2. Literals have rank 0, and a value of their dtype.
3. Every equation's results have the avals that its primitive's type rule says.
4. Constants have the avals of their variables.
5. Jaxprs in parameters verify, and have no constants.
"""

from __future__ import annotations

from typing import NoReturn

from fnx.core.eager import aval_of
from fnx.core.effects import inner_jaxprs
from fnx.core.ir import Atom, Eqn, Jaxpr, Literal, Var
from fnx.core.primitive import Primitive
from fnx.errors import FnxTypeError, VerifyError


def verify(jaxpr: Jaxpr) -> Jaxpr:
    """Check the invariants of a jaxpr.

    Raises:
        VerifyError: with the invariant that is broken, and the equation.
    """
    _Verifier(jaxpr).run()
    return jaxpr


class _Verifier:
    def __init__(self, jaxpr: Jaxpr) -> None:
        self.jaxpr = jaxpr
        self.bound: set[Var] = set()

    def run(self) -> None:
        for var, value in self.jaxpr.consts:
            self.bind(var, None)
            if aval_of(value) is not var.aval:
                self.fail(f"a constant is bound as {var.aval}, and is {aval_of(value)}", None)
        for var in self.jaxpr.inputs:
            self.bind(var, None)
        for eqn in self.jaxpr.eqns:
            self.eqn(eqn)
        for atom in self.jaxpr.outputs:
            self.use(atom, None)

    def bind(self, var: Var, eqn: Eqn | None) -> None:
        if not isinstance(var, Var):
            self.fail(f"a binder must be a Var, got {type(var).__name__}", eqn)
        if var in self.bound:
            self.fail("a variable is bound twice", eqn)
        self.bound.add(var)

    def use(self, atom: Atom, eqn: Eqn | None) -> None:
        if isinstance(atom, Literal):
            if atom.aval.shape or getattr(atom.value, "dtype", None) != atom.aval.dtype:
                self.fail(f"the literal {atom.value!r} is no scalar of type {atom.aval}", eqn)
        elif atom not in self.bound:
            self.fail("a variable is used before it is bound", eqn)

    def eqn(self, eqn: Eqn) -> None:
        if not isinstance(eqn.primitive, Primitive):
            self.fail(f"{eqn.primitive!r} is no primitive", eqn)
        for atom in eqn.inputs:
            self.use(atom, eqn)
        for inner in inner_jaxprs(eqn.params.values()):
            if inner.consts:
                self.fail("a jaxpr in a parameter has constants", eqn)
            verify(inner)
        self.check_types(eqn)
        for var in eqn.outputs:
            self.bind(var, eqn)

    def check_types(self, eqn: Eqn) -> None:
        try:
            wanted = tuple(eqn.primitive.type(*[a.aval for a in eqn.inputs], **eqn.params))
        except FnxTypeError as error:
            self.fail(f"the type rule refuses the operands: {error.message}", eqn)
        if wanted != tuple([v.aval for v in eqn.outputs]):
            self.fail(f"the type rule says {list(wanted)}", eqn)

    def fail(self, message: str, eqn: Eqn | None) -> NoReturn:
        place = ""
        if eqn is not None:
            number = next(i for i, other in enumerate(self.jaxpr.eqns) if other is eqn)
            place = f" in equation {number} ({eqn.primitive})"
        source = eqn.source if eqn is not None else None
        raise VerifyError(f"{message}{place}.", source=source, hint=str(self.jaxpr))
