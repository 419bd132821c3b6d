"""The optimiser contract, in two pure functions.

``init(params) -> state`` and ``update(grads, state, params) -> (updates, state)``. An optimiser is
a pytree: its hyperparameters are leaves, so that a batch of learning rates is a ``vmap`` and a
schedule's parameters can be differentiated. Options that choose the program (``nesterov=True``) are
static.
"""

from __future__ import annotations

import dataclasses
from typing import Any, dataclass_transform

import fnx.numpy as fnp
from fnx import tree
from fnx.core.dtypes import is_float
from fnx.core.sources import user_source
from fnx.errors import FnxTypeError


@dataclass_transform(frozen_default=True)
class Optimizer:
    """Base of all optimisers and of their parts.

    A subclass becomes a frozen dataclass and a pytree by being declared. Fields annotated ``bool``,
    ``int`` or ``str`` are static; all others are children.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclasses.dataclass(frozen=True, eq=False)(cls)
        static = (bool, int, str, "bool", "int", "str")  # strings with annotations of the future
        names = [(f.name, f.type in static) for f in dataclasses.fields(cls)]
        children = tuple(name for name, is_static in names if not is_static)
        statics = tuple(name for name, is_static in names if is_static)
        _register(cls, children, statics)

    def init(self, params: Any) -> Any:
        """The state before the first step, for parameters of this structure."""
        raise TypeError(f"{type(self).__name__} must define init(params)")

    def update(self, grads: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        """Updates to add to the parameters, and the next state.

        Args:
            grads: a tree of the structure of ``params``; None leaves are parameters that are not
                trained.
            state: what ``init`` or the last ``update`` returned.
            params: the parameters; needed by weight decay only.
        """
        raise TypeError(f"{type(self).__name__} must define update(grads, state, params)")


def _register(cls: type, children: tuple[str, ...], statics: tuple[str, ...]) -> None:
    def flatten(x: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return tuple(getattr(x, n) for n in children), tuple(getattr(x, n) for n in statics)

    def unflatten(aux: tuple[Any, ...], values: tuple[Any, ...]) -> Any:
        x = object.__new__(cls)
        x.__dict__.update(zip(children, values, strict=True))
        x.__dict__.update(zip(statics, aux, strict=True))
        return x

    tree.register(cls, flatten, unflatten)


def check_state(
    optimizer: Optimizer, state: Any, kind: type, grads: Any, moments: Any = ()
) -> None:
    """Check that a state is one of this optimiser's, for gradients of this structure.

    Args:
        optimizer: whose ``update`` was called.
        state: what it was called with.
        kind: what ``init`` returns.
        grads: the gradients.
        moments: the name of a field of the state with the gradients' structure, if there is one.

    Raises:
        FnxTypeError: the state is of another kind. TreeError: the structures differ.
    """
    name = type(optimizer).__name__
    if not isinstance(state, kind):
        raise FnxTypeError(
            f"{name}.update: expected the state {kind.__name__}, got {type(state).__name__}.",
            source=user_source(),
            hint="Pass the state that this optimiser's init, or its last update, returned.",
        )
    if moments:
        structure = tree.structure(getattr(state, moments))
        tree.flatten_up_to(structure, grads, f"{name}.update: gradients against the state")


def apply_updates(params: Any, updates: Any) -> Any:
    """``params + updates``, leaf by leaf, in the parameters' dtypes; integer leaves stay."""
    return tree.map(_add, params, updates)


def _add(p: Any, u: Any) -> Any:
    p = fnp.asarray(p)
    return (p + u).astype(p.dtype) if is_float(p.dtype) else p


def zeros_like_params(params: Any) -> Any:
    """A tree of zeros in the parameters' shapes and dtypes."""
    return tree.map(fnp.zeros_like, params)
