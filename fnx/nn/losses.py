"""Losses: pure functions of predictions and targets, averaged unless told otherwise."""

from __future__ import annotations

from typing import Any

import fnx.numpy as fnp
from fnx.core.dtypes import is_float
from fnx.errors import FnxTypeError, FnxValueError
from fnx.nn.activations import log_softmax


def cross_entropy(logits: Any, labels: Any, *, reduction: str = "mean") -> Any:
    """Softmax cross-entropy, ``-sum(p * log_softmax(logits))`` along the last axis.

    Args:
        logits: (..., classes).
        labels: integers (...,), or probabilities (..., classes). An integer outside of
            0 ... classes-1 adds nothing.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the leading axes.

    Raises:
        FnxTypeError: the shapes do not fit each other.
        FnxValueError: an unknown reduction.
    """
    labels = fnp.asarray(labels)
    log_probs = log_softmax(logits)
    if is_float(labels.dtype):
        hint = (
            "Float labels are probabilities, one for each class. Labels that are class numbers\n"
            "must be integers: labels.astype('int32')."
        )
        _same_shape("cross_entropy", logits, labels, hint)
        return _reduce(-fnp.sum(labels * log_probs, axis=-1), reduction)
    if tuple(labels.shape) != tuple(logits.shape[:-1]):
        raise FnxTypeError(
            f"cross_entropy: integer labels must have the logits' shape without the last axis, "
            f"got logits {tuple(logits.shape)} and labels {tuple(labels.shape)}.",
            hint="Drop the axis with labels[..., 0], or reshape the logits.",
        )
    classes = fnp.arange(logits.shape[-1], dtype=labels.dtype)
    hot = labels[..., None] == classes
    chosen = fnp.where(hot, log_probs, fnp.zeros_like(log_probs))
    return _reduce(-fnp.sum(chosen, axis=-1), reduction)


def mse(predictions: Any, targets: Any, *, reduction: str = "mean") -> Any:
    """Squared error.

    Args:
        predictions: any shape.
        targets: the same shape.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over all axes.

    Raises:
        FnxTypeError: the shapes differ (broadcasting here is nearly always a mistake).
    """
    targets = fnp.asarray(targets)
    _same_shape("mse", predictions, targets)
    difference = predictions - targets
    return _reduce(difference * difference, reduction)


def accuracy(logits: Any, labels: Any) -> Any:
    """The fraction of rows whose largest logit is at the label: (..., classes) and (...,)."""
    return fnp.mean((fnp.argmax(logits, axis=-1) == labels).astype("float32"))


_NO_BROADCAST = "Reshape one of them; losses do not broadcast."


def _same_shape(name: str, x: Any, y: Any, hint: str = _NO_BROADCAST) -> None:
    if tuple(x.shape) != tuple(y.shape):
        raise FnxTypeError(
            f"{name}: shapes must be equal, got {tuple(x.shape)} and {tuple(y.shape)}.",
            hint=hint,
        )


def _reduce(values: Any, reduction: str) -> Any:
    if reduction == "none":
        return values
    if reduction == "sum":
        return fnp.sum(values)
    if reduction == "mean":
        return fnp.mean(values)
    raise FnxValueError(
        f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}.",
        hint="Write reduction='none' for one loss an example, and reduce it yourself.",
    )
