"""Attributes: what to say about names that arrays and modules do not have.

People come from NumPy and PyTorch: what is called otherwise here is named.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnx.core.missing_names import Missing, by_callback, missing_names
from fnx.errors import FnxAttributeError, did_you_mean

_OF_ARRAYS = {
    "add_": "x = x + y",
    "append": "fnx.numpy.concatenate([x, y])",
    "backward": "fnx.grad(loss)(params)",
    "cpu": "x itself: it is there already",
    "detach": "fnx.lax.stop_gradient(x)",
    "dim": "x.ndim",
    "extend": "fnx.numpy.concatenate([x, y])",
    "fill": "fnx.numpy.full_like(x, value)",
    "float": "x.astype('float32')",
    "grad": "fnx.grad(loss)(params), which returns the gradients",
    "insert": "fnx.numpy.concatenate([x[:i], y, x[i:]])",
    "int": "x.astype('int32')",
    "norm": "fnx.numpy.vector_norm(x)",
    "numpy": "numpy.asarray(x)",
    "permute": "x.transpose(axes)",
    "requires_grad": "fnx.grad(f, argnums=...), which says what is differentiated",
    "sigmoid": "fnx.nn.sigmoid(x)",
    "softmax": "fnx.nn.softmax(x)",
    "t": "x.T",
    "to": "x.astype(dtype): there is one device",
    "unsqueeze": "fnx.numpy.expand_dims(x, axis)",
    "zero_": "x = fnx.numpy.zeros_like(x)",
}
_FROM_NUMPY = (
    "NumPy has it: call NumPy's function where values are known; elsewhere\n"
    f"{by_callback('function')}."
)


def no_attribute(x: Any, name: str) -> AttributeError:
    """The error for an attribute that arrays and tracers do not have.

    Args:
        x: the array or tracer.
        name: the attribute. Private ones are asked for by protocols, which get a plain answer.
    """
    if name.startswith("_"):
        return AttributeError(name)
    instead = _OF_ARRAYS.get(name)
    missing = missing_names("fnx.numpy").get(name)
    if instead is None and missing is not None:
        instead = missing.instead
    elif instead is None and callable(getattr(np, name, None)):
        instead = f"fnx.numpy.{name}(x)"
    hint = f"Write {instead}." if instead else ""
    return FnxAttributeError(
        f"an array ({x.aval}) has no attribute {name!r}.",
        hint=hint or did_you_mean(name, dir(type(x))) + "dir(x) lists what there is.",
    )


def no_function(module: str, name: str, known: list[str]) -> AttributeError:
    """The error for a name that a public module does not have."""
    if name.startswith("_"):
        return AttributeError(f"module {module!r} has no attribute {name!r}")
    missing = missing_names(module).get(name)
    if missing is None and module == "fnx.lax" and name.endswith("_p"):
        missing = Missing("fnx.extend.Primitive for one of your own; ours are not public", False)
    if missing is None:
        hint = f"{did_you_mean(name, known)}dir({module}) lists what there is."
        in_numpy = module == "fnx.numpy" and callable(getattr(np, name, None))
        return FnxAttributeError(
            f"{module} has no {name!r}.", hint=_FROM_NUMPY if in_numpy else hint
        )
    yet = " yet" if missing.is_planned else ""
    return FnxAttributeError(
        f"{module} has no {name!r}{yet}.", hint=_instead(module, name, missing)
    )


def _instead(module: str, name: str, missing: Missing) -> str:
    if missing.instead.startswith("nothing"):
        return f"Leave it out{missing.instead.removeprefix('nothing')}."
    if missing.instead:
        return f"Write {missing.instead}."
    in_numpy = module == "fnx.numpy" and callable(getattr(np, name, None))
    return _FROM_NUMPY if in_numpy else "docs/differences.md says what JAX has and fnx has not."
