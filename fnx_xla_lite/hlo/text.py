"""HLO's text is StableHLO's MLIR text.

``to_text`` prints what JAX would, ``parse`` reads what JAX prints.
"""

from fnx_xla_lite.hlo.text_parse import parse
from fnx_xla_lite.hlo.text_print import to_text

__all__ = ["parse", "to_text"]
