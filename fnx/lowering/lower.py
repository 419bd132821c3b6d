"""Lower: Jaxpr -> HloModule, by walking equations and calling each primitive's ``lower`` rule.

Input: a jaxpr that verifies and has no tracers among its constants. Output: a module whose entry
takes the jaxpr's inputs in order. Invariant: each instruction carries the user's line of the
equation that it came from. Constants of the jaxpr become HLO constants.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fnx.control.call import lower_eqns
from fnx.core.array import as_buffer
from fnx.core.ir import Jaxpr
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.ir import HloModule


def lower(jaxpr: Jaxpr, name: str = "main", donated: Iterable[int] = ()) -> HloModule:
    """The HLO module of a jaxpr.

    Args:
        jaxpr: flat inputs to flat outputs.
        name: the module's name, as shown in dumps.
        donated: positions of inputs whose buffers the results may take over.
    """
    builder = Builder(name)
    gives = frozenset(donated)
    inputs = [
        builder.parameter(var.aval.shape, var.aval.dtype, donated=i in gives)
        for i, var in enumerate(jaxpr.inputs)
    ]
    consts = [_constant(builder, value) for _, value in jaxpr.consts]
    return builder.build(*lower_eqns(builder, jaxpr, consts, inputs))


def _constant(builder: Builder, value: Any) -> Any:
    return builder.constant(np.asarray(as_buffer(value)))
