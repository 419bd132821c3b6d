"""Features: what the machine of a module can do beyond plain vectors.

They are written in the module itself, as named metadata.
"""

from __future__ import annotations

from llvmlite import ir

from fnx_xla_lite.backends.cpu.math_lanes import DOUBLE, FLOAT, Lanes, element

_FEATURES = "fnx.features"
_NAMES = {
    FLOAT: ("llvm.x86.avx512.mask.scalef.ps.512", 16),
    DOUBLE: ("llvm.x86.avx512.mask.scalef.pd.512", 8),
}
_CURRENT_ROUNDING = 4


def declare_features(module: ir.Module, names: tuple[str, ...]) -> None:
    """Say which features code in ``module`` may use."""
    if names and _FEATURES not in module.namedmetadata:
        module.add_named_metadata(_FEATURES, names)


def has_scale(x: Lanes) -> bool:
    """Whether ``scale`` is one instruction for each register of ``x``.

    That is AVX-512's VSCALEF, on whole registers.
    """
    if not isinstance(x.type, ir.VectorType) or element(x.type) not in _NAMES:
        return False
    metadata = x.builder.module.namedmetadata.get(_FEATURES)
    declared = metadata is not None and any("avx512" in str(node) for node in metadata.operands)
    return declared and x.type.count % _NAMES[element(x.type)][1] == 0


def scale(x: Lanes, k: Lanes) -> Lanes:
    """Give x 2^k for whole numbers k held as floats, rounded once, register by register."""
    name, width = _NAMES[element(x.type)]
    parts = [_scale_register(x, k, name, width, start) for start in range(0, x.type.count, width)]
    while len(parts) > 1:
        parts = [_joined(x.builder, a, b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return Lanes(x.builder, parts[0])


def _scale_register(x: Lanes, k: Lanes, name: str, width: int, start: int) -> ir.Value:
    builder, kind = x.builder, ir.VectorType(element(x.type), width)
    mask = ir.IntType(width)
    function = builder.module.globals.get(name)
    if function is None:
        signature = ir.FunctionType(kind, [kind, kind, kind, mask, ir.IntType(32)])
        function = ir.Function(builder.module, signature, name)
    a, b = (_lanes(builder, v.value, start, width) for v in (x, k))
    rounding = ir.Constant(ir.IntType(32), _CURRENT_ROUNDING)
    return builder.call(
        function, [a, b, ir.Constant(kind, ir.Undefined), ir.Constant(mask, -1), rounding]
    )


def _lanes(builder: ir.IRBuilder, value: ir.Value, start: int, width: int) -> ir.Value:
    if value.type.count == width:
        return value
    return builder.shuffle_vector(
        value, ir.Constant(value.type, ir.Undefined), _order(start, width)
    )


def _joined(builder: ir.IRBuilder, first: ir.Value, second: ir.Value) -> ir.Value:
    return builder.shuffle_vector(first, second, _order(0, 2 * first.type.count))


def _order(start: int, count: int) -> ir.Constant:
    kind = ir.VectorType(ir.IntType(32), count)
    return ir.Constant(kind, list(range(start, start + count)))
