"""Checkpoint policies: which values a checkpointed function keeps for its backward pass.

A policy is a function ``policy(primitive, *avals, **params)`` of an operation, that says whether
the operation's results are kept; what is not kept is computed again. Names and meanings are those
of ``jax.checkpoint_policies``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fnx.core.primitive import Primitive
from fnx.core.sources import user_source
from fnx.core.tracebacks import publish as _publish
from fnx.errors import FnxTypeError
from fnx.ops.contraction import dot_general_p
from fnx.ops.markers import name_p

__all__ = [
    "checkpoint_dots",
    "checkpoint_dots_with_no_batch_dims",
    "dots_saveable",
    "dots_with_no_batch_dims_saveable",
    "everything_saveable",
    "nothing_saveable",
    "save_any_names_but_these",
    "save_anything_except_these_names",
    "save_from_both_policies",
    "save_only_these_names",
]

Policy = Callable[..., bool]


def everything_saveable(primitive: Primitive, *avals: Any, **params: Any) -> bool:
    """Keep all that the backward pass reads, as without `checkpoint`."""
    return True


def nothing_saveable(primitive: Primitive, *avals: Any, **params: Any) -> bool:
    """Keep the arguments only; the same as no policy."""
    return False


def dots_saveable(primitive: Primitive, *avals: Any, **params: Any) -> bool:
    """Keep the results of matrix products."""
    return primitive is dot_general_p


def dots_with_no_batch_dims_saveable(primitive: Primitive, *avals: Any, **params: Any) -> bool:
    """Keep the results of matrix products without batch axes: of dense layers, say."""
    return primitive is dot_general_p and not any(params["batch"])


checkpoint_dots = dots_saveable
checkpoint_dots_with_no_batch_dims = dots_with_no_batch_dims_saveable


@dataclass(frozen=True, slots=True)
class _ByName:
    """Keeps named values that are, or are not, among ``names``; and perhaps what has no name."""

    names: frozenset[str]
    listed: bool
    unnamed: bool

    def __call__(self, primitive: Primitive, *avals: Any, **params: Any) -> bool:
        if primitive is not name_p:
            return self.unnamed
        return (params["name"] in self.names) is self.listed


@dataclass(frozen=True, slots=True)
class _Either:
    """Keeps what one of two policies keeps."""

    one: Policy
    other: Policy

    def __call__(self, primitive: Primitive, *avals: Any, **params: Any) -> bool:
        return self.one(primitive, *avals, **params) or self.other(primitive, *avals, **params)


def save_only_these_names(*names: str) -> Policy:
    """Keep the values that `checkpoint_name` gave one of these names, and nothing else."""
    return _ByName(_checked("save_only_these_names", names), listed=True, unnamed=False)


def save_any_names_but_these(*names: str) -> Policy:
    """Keep all values with a name, except for these names."""
    return _ByName(_checked("save_any_names_but_these", names), listed=False, unnamed=False)


def save_anything_except_these_names(*names: str) -> Policy:
    """Keep everything, with a name or without, except for values with these names.

    What such a value was computed from is kept, so it can be computed again from there.
    """
    return _ByName(_checked("save_anything_except_these_names", names), False, True)


def save_from_both_policies(policy_1: Policy, policy_2: Policy) -> Policy:
    """Keep what the first or the second policy keeps."""
    return _Either(policy_1, policy_2)


def _checked(what: str, names: tuple[Any, ...]) -> frozenset[str]:
    bad = next((name for name in names if not isinstance(name, str)), None)
    if bad is not None:
        raise FnxTypeError(
            f"checkpoint_policies.{what}: names are strings, got {bad!r}.",
            source=user_source(),
            hint=f'Write {what}("hidden", "attention"), one argument for each name.',
        )
    return frozenset(names)


_publish(globals(), "fnx.checkpoint_policies")
