"""Custom arguments: what functions with their own derivative rules share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from fnx import tree
from fnx.control.body import Body
from fnx.core.avals import Aval
from fnx.core.eager import aval_of, is_value
from fnx.core.flatten import FlatFunction, as_value, name_of, place_of, trace_closed
from fnx.core.ir import Jaxpr
from fnx.core.primitive import Primitive
from fnx.core.rehearsal import rehearse
from fnx.core.sources import user_source
from fnx.core.trace import bind, trace_of
from fnx.errors import DerivativeError, FnxTypeError
from fnx.ops.conversion import convert
from fnx.transforms.zeros import is_differentiable

F = Callable[..., Any]

_MOST_KNOWN = 256  # signatures of a function that are rehearsed: a fixed argument may count steps


class Arguments:
    """A call of a function some of whose arguments are differentiated.

    Attributes:
        function: the function of the differentiated arguments' leaves; the others are fixed.
        leaves: these leaves, as values.
        in_tree: the structure of the tuple of differentiated arguments.
        fixed: the other arguments, in order.
    """

    def __init__(
        self, f: F, nondiff: Sequence[int], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        args = _positional(f, args, kwargs)
        odd = next((i for i in nondiff if not -len(args) <= i < len(args)), None)
        if odd is not None:
            raise DerivativeError(
                f"{place_of(f)}: nondiff_argnums has {odd}, but the function takes {len(args)} "
                "arguments.",
                source=user_source(),
                hint="Positions count from 0.",
            )
        fixed_at = frozenset([i % len(args) for i in nondiff])
        chosen = tuple([x for i, x in enumerate(args) if i not in fixed_at])
        leaves, in_tree = tree.flatten((chosen, {}))

        def with_fixed(*chosen: Any) -> Any:
            rest = iter(chosen)
            return f(*[x if i in fixed_at else next(rest) for i, x in enumerate(args)])

        functools.update_wrapper(with_fixed, f, updated=())
        with_fixed.__name__ = name_of(f)
        self.function = FlatFunction(with_fixed, in_tree)
        odd = next((i for i, x in enumerate(leaves) if not is_value(x)), None)
        if odd is not None:
            raise FnxTypeError(
                f"{place_of(f)}: argument{tree.paths(chosen)[odd]} is a "
                f"{type(leaves[odd]).__name__} ({leaves[odd]!r:.60}): expected an array or number.",
                source=user_source(),
                hint="List the positions of other arguments in nondiff_argnums.",
            )
        self.leaves = [as_value(x) for x in leaves]
        self.in_tree = in_tree.children[0]
        self.fixed = [x for i, x in enumerate(args) if i in fixed_at]

    def set_result(self, what: str, out: Any) -> list[Any]:
        """Leaves of a result that a rule returned, in the structure of the function's result."""
        leaves, out_tree = tree.flatten(out)
        if self.function.out_tree is None:
            self.function.out_tree = out_tree
        _check_same_structure(what, self.function.out_tree, out_tree)
        return leaves

    def set_value(self, what: str, out: Any, known: set[Any]) -> list[Any]:
        """The same for a rule that returns the function's very value.

        A function that did not run, as nothing is jitted, is rehearsed once for each signature, of
        which there may be very many: the first few hundred say enough.

        Args:
            what: begins the message.
            out: what the rule returned for the function's value.
            known: signatures that were found to be right; this one is added.

        Raises:
            DerivativeError: if the function returns something else.
        """
        has_run = self.function.out_tree is not None
        leaves = self.set_result(what, out)
        if has_run or len(known) >= _MOST_KNOWN or not all(map(is_value, leaves)):
            return leaves
        out_tree = self.function.out_tree
        ins, outs = (tuple(map(aval_of, xs)) for xs in (self.leaves, leaves))
        signature = (self.function.in_tree, ins, tuple(map(_static, self.fixed)), out_tree, outs)
        if signature not in known:
            function = FlatFunction(self.function.f, self.function.in_tree)
            expected = rehearse(function, ins)
            if expected is not None:
                _check_same_structure(what, function.out_tree, out_tree)
                check_same_avals(what, expected, outs)
            known.add(signature)
        return leaves


def _static(x: Any) -> Any:
    """What a fixed argument is known by: nothing that keeps it alive, or takes long to write."""
    if isinstance(x, tuple) and len(x) <= 16:
        return type(x).__name__, *map(_static, x)
    return repr(x) if isinstance(x, int | float | str | None) else id(x)


def _check_same_structure(what: str, expected: tree.TreeDef | None, out_tree: tree.TreeDef) -> None:
    if expected != out_tree:
        raise DerivativeError(
            f"{what}: expected the function's structure {expected} for the value, got {out_tree}.",
            source=user_source(),
            hint="Return what the function returns first, for example f(*primals).",
        )


def _positional(f: F, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Keyword arguments and defaults, by position."""
    try:
        signature = inspect.signature(f)
    except ValueError:  # a built-in function without a signature
        signature = None
    if signature is None:
        if kwargs:
            raise DerivativeError(
                f"{name_of(f)}: expected arguments by position, got {', '.join(kwargs)}: the "
                "function has no signature.",
                source=user_source(),
                hint="Write f(x) instead of f(x=x).",
            )
        return args
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise DerivativeError(
            f"{name_of(f)}: keyword-only arguments ({', '.join(bound.kwargs)}) "
            "have no derivative rule.",
            source=user_source(),
            hint="Make them positional, and list them in nondiff_argnums if they are static.",
        )
    return bound.args


def _up_to(treedef: tree.TreeDef, values: Any, what: str) -> list[Any]:
    try:
        return tree.flatten_up_to(treedef, values, what)
    except tree.TreeError as error:
        raise DerivativeError(error.message, source=user_source(), hint=error.hint) from None


def checked_leaves(
    what: str, values: Any, treedef: tree.TreeDef, avals: Sequence[Aval], allow_none: bool = False
) -> list[Any]:
    """Leaves that a user's rule returned, checked against what they belong to.

    Args:
        what: begins the message.
        values: the tree.
        treedef: the structure that it must have.
        avals: the avals that its leaves must have.
        allow_none: whether None may stand for a zero, also for a whole subtree.

    Raises:
        DerivativeError: if a leaf does not fit.
    """
    if allow_none:
        leaves = _leaves_with_none(what, values, treedef)
    else:
        leaves = _up_to(treedef, values, what)
    return [
        x if x is None and allow_none else _checked_leaf(what, x, aval)
        for x, aval in zip(leaves, avals, strict=True)
    ]


def _checked_leaf(what: str, x: Any, aval: Aval) -> Any:
    """A tangent or cotangent of this shape and dtype; Python numbers take the dtype."""
    own = aval_of(x) if is_value(x) else None
    fits = own is not None and own.shape == aval.shape
    if fits and (own.dtype == aval.dtype or not is_differentiable(aval)):
        return x
    if fits and own.weak:
        return convert(x, dtype=aval.dtype)
    raise DerivativeError(
        f"{what}: expected a leaf of {aval.strong()}, got {own or type(x).__name__}.",
        source=user_source(),
        hint=_SAME_DTYPE if fits else _SAME_SHAPE,
    )


def check_same_results(what: str, body: Body, avals: Sequence[Aval]) -> None:
    """Check that a rule's value is what the function gives, where that is known.

    Raises:
        DerivativeError: if shapes or dtypes differ.
    """
    if not isinstance(body, Jaxpr):
        return
    check_same_avals(what, [atom.aval for atom in body.outputs], avals)


def check_same_avals(what: str, expected: Sequence[Aval], avals: Sequence[Aval]) -> None:
    """Check the avals of a rule's value.

    Raises:
        DerivativeError: if shapes or dtypes differ.
    """
    for number, (own, aval) in enumerate(zip(expected, avals, strict=True)):
        if (own.shape, own.dtype) != (aval.shape, aval.dtype):
            raise DerivativeError(
                f"{what}: expected the value that the function returns, {own.strong()} "
                f"for its leaf {number}, got {aval.strong()}.",
                source=user_source(),
                hint="Return what the function returns first, for example f(*primals).",
            )


_SAME_SHAPE = (
    "A tangent has the shape of its result, a cotangent that of its argument: reduce or broadcast\n"
    "it as the function does (.sum() for a function that sums)."
)
_SAME_DTYPE = "Tangents and cotangents are never converted: write .astype(x.dtype)."


def _leaves_with_none(what: str, values: Any, treedef: tree.TreeDef) -> list[Any]:
    if values is None:
        return [None] * treedef.num_leaves
    if treedef.kind is None:
        return [values]
    functions = tree.container_functions(treedef.kind)
    if type(values) is not treedef.kind:
        _up_to(treedef, values, what)  # raises, and shows the place
    children = list(functions[0](values)[0])
    if len(children) != len(treedef.children):
        _up_to(treedef, values, what)
    pairs = zip(children, treedef.children, strict=True)
    return [x for child, child_def in pairs for x in _leaves_with_none(what, child, child_def)]


def call_with_rule(
    primitive: Primitive, function: Callable[..., Sequence[Any]], leaves: Sequence[Any], **rule: Any
) -> Sequence[Any]:
    """Call a flat function that has a flat rule, in the current trace.

    Where the trace interprets, the function stays as it is; else it is traced, and what it closes
    over comes before its arguments.
    """
    target = trace_of(leaves)
    if target is None:
        return function(*leaves)
    if target.interpret is not None:
        return bind(primitive, *leaves, body=function, closed_over=0, **rule)
    jaxpr, consts = trace_closed(function, [aval_of(x) for x in leaves])
    return bind(primitive, *consts, *leaves, body=jaxpr, closed_over=len(consts), **rule)
