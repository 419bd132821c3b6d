"""Arguments: what the wrappers share: choosing arguments, checking leaves, handing back results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fnx import tree
from fnx.core.avals import Aval
from fnx.core.eager import as_array, is_value
from fnx.core.flatten import FlatFunction, as_value, check_function, name_of
from fnx.core.sources import user_source
from fnx.core.trace import Tracer
from fnx.errors import FnxTypeError, FnxValueError, GradTypeError
from fnx.transforms.zeros import is_differentiable

F = Callable[..., Any]
Argnums = int | Sequence[int]


class Chosen:
    """A function of some of its positional arguments, as a flat function; the others are fixed.

    Attributes:
        flat: the flat function.
        leaves: the chosen arguments' leaves.
    """

    def __init__(
        self, f: F, argnums: Argnums, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        check_function(f)
        self.argnums = _checked_argnums(f, argnums, len(args))
        self.is_single = isinstance(argnums, int)
        self.arguments = tuple([args[i] for i in self.argnums])
        self.leaves, in_tree = tree.flatten((self.arguments, {}))
        self.in_tree = in_tree.children[0]

        def of_chosen(*chosen: Any) -> Any:
            full = list(args)
            for i, x in zip(self.argnums, chosen, strict=True):
                full[i] = x
            return f(*full, **kwargs)

        of_chosen.__name__ = name_of(f)
        self.flat = FlatFunction(of_chosen, in_tree)

    def unflatten(self, leaves: Sequence[Any]) -> Any:
        """Leaves in the structure of the chosen arguments: a tuple, or the one argument itself."""
        chosen = tree.unflatten(self.in_tree, leaves)
        return chosen[0] if self.is_single else chosen

    def paths(self) -> list[str]:
        """Where each leaf stands, as in ``argument 0['w']``."""
        pairs = zip(self.argnums, self.arguments, strict=True)
        return [f"argument {i}{path}" for i, x in pairs for path in tree.paths(x)]


def _checked_argnums(f: F, argnums: Argnums, count: int) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if not all(isinstance(i, int) and -count <= i < count for i in numbers):
        raise FnxValueError(
            f"{name_of(f)}: argnums={argnums!r} does not exist in a call with "
            f"{count} positional arguments.",
            source=user_source(),
            hint="Positions count from 0, and what is differentiated is given by position:\n"
            "f(x) instead of f(x=x).",
        )
    positions = tuple([i % count for i in numbers])
    if len(set(positions)) < len(positions):
        raise FnxValueError(
            f"{name_of(f)}: argnums={argnums!r} names an argument twice.",
            source=user_source(),
            hint="Name each argument once, and use its gradient as often as you like.",
        )
    return positions


def differentiable_values(
    what: str, f: F, leaves: Sequence[Any], paths: Callable[[], list[str]]
) -> list[Any]:
    """Leaves as values; an error if one is not a floating-point value."""
    odd = next((i for i, x in enumerate(leaves) if not is_value(x)), None)
    if odd is not None:
        raise FnxTypeError(
            f"{what}({name_of(f)}): {paths()[odd]} is a {type(leaves[odd]).__name__} "
            f"({leaves[odd]!r:.60}): expected an array or a number.",
            source=user_source(),
            hint="Pass what is no array as another argument, or close over it; in a module,\n"
            "declare the field with fnx.nn.static().",
        )
    values = [as_value(x) for x in leaves]
    active = [is_differentiable(x.aval) for x in values]
    if all(active):
        return values
    i = active.index(False)
    raise GradTypeError(
        f"{what}({name_of(f)}): {paths()[i]} is {values[i].aval}: "
        "only floating-point values can be differentiated.",
        source=user_source(),
        hint=(
            "Convert it: x.astype(fnx.numpy.float32), or 2.0 for 2; or differentiate others:\n"
            "argnums=...; or write allow_int=True to get zeros for integers."
        ),
    )


def matching_leaves(
    what: str, values: Any, treedef: tree.TreeDef, avals: Sequence[Aval]
) -> list[Any]:
    """The leaves of a tree of tangents or cotangents, checked against what they belong to.

    Leaves for integers can be anything: they have no tangent, and are returned as None.

    Raises:
        FnxTypeError: for a leaf of another shape or dtype. TreeError: for another structure.
    """
    leaves = tree.flatten_up_to(treedef, values, what)
    return [_matching(what, x, aval) for x, aval in zip(leaves, avals, strict=True)]


def _matching(what: str, x: Any, aval: Aval) -> Any:
    if not is_differentiable(aval):
        return None
    if isinstance(x, bool | int | float) and not aval.shape:
        x = aval.dtype.type(x)
    x = as_value(x)
    if x.aval.shape == aval.shape and x.aval.dtype == aval.dtype:
        return x
    raise FnxTypeError(
        f"{what} must have the shape and dtype of its primal, {aval.strong()}, got {x.aval}.",
        source=user_source(),
        hint="Tangents and cotangents are never broadcast or converted: write them in that shape,\n"
        f"and .astype({aval.dtype.name!r}) if they have another dtype.",
    )


def as_result(x: Any) -> Any:
    """What a user gets: numbers become arrays; auxiliary data that is no value stays what it is."""
    return as_array(x) if is_value(x) and type(x) is not Tracer else x


def out_of(flat: FlatFunction, outs: Sequence[Any]) -> Any:
    """The result of a flat function, after its call, as a tree."""
    assert flat.out_tree is not None
    return tree.unflatten(flat.out_tree, [as_result(x) for x in outs])


class WithAux:
    """A function that returns ``(out, aux)``, as one that returns ``out`` and keeps ``aux``."""

    def __init__(self, f: F) -> None:
        self.f = f
        self.__name__ = name_of(f)
        self.aux: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; keep its auxiliary data."""
        pair = self.f(*args, **kwargs)
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise FnxTypeError(
                f"{self.__name__}: with has_aux=True the function must return a pair (out, aux), "
                f"got {pair.aval if isinstance(pair, Tracer) else type(pair).__name__}.",
                source=user_source(),
                hint="Write return loss, (other, data); or leave has_aux out.",
            )
        self.aux = tree.map(_primal, pair[1])
        return pair[0]

    def result(self) -> Any:
        """The auxiliary data of the last call."""
        return tree.map(as_result, self.aux)


def _primal(x: Any) -> Any:
    """Auxiliary data leave a trace without their tangents."""
    return x._trace.value_outside(x) if type(x) is Tracer else x
