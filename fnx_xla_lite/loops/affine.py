"""Affine arithmetic: sums, multiples, substitution, exact division, intervals."""

from __future__ import annotations

from collections.abc import Mapping

from fnx_xla_lite.loops.ir import Affine

ZERO = Affine()
Interval = tuple[int, int]


def make_affine(coefficients: Mapping[str, int], offset: int = 0) -> Affine:
    """``offset + sum(coefficient * variable)``: sorted, without zero coefficients."""
    return Affine(tuple(sorted((v, c) for v, c in coefficients.items() if c)), offset)


def variable(name: str, coefficient: int = 1, offset: int = 0) -> Affine:
    """``coefficient * name + offset``."""
    return Affine(((name, coefficient),) if coefficient else (), offset)


def add(x: Affine, y: Affine) -> Affine:
    """``x + y``."""
    if not y.terms:
        return Affine(x.terms, x.offset + y.offset) if y.offset else x
    if not x.terms:
        return Affine(y.terms, x.offset + y.offset) if x.offset else y
    total = dict(x.terms)
    for name, coefficient in y.terms:
        total[name] = total.get(name, 0) + coefficient
    return make_affine(total, x.offset + y.offset)


def scale(x: Affine, factor: int) -> Affine:
    """``x * factor``."""
    if factor == 1:
        return x
    if factor == 0:
        return ZERO
    return Affine(tuple((v, c * factor) for v, c in x.terms), x.offset * factor)


def shift(x: Affine, offset: int) -> Affine:
    """``x + offset``."""
    return Affine(x.terms, x.offset + offset) if offset else x


def substitute(x: Affine, replacements: Mapping[str, Affine]) -> Affine:
    """``x`` with each replaced variable standing for an affine of other variables."""
    if not any(v in replacements for v, _ in x.terms):
        return x
    total, offset = {}, x.offset
    for name, coefficient in x.terms:
        replacement = replacements.get(name)
        terms = replacement.terms if replacement is not None else ((name, 1),)
        offset += coefficient * (replacement.offset if replacement is not None else 0)
        for inner, factor in terms:
            total[inner] = total.get(inner, 0) + coefficient * factor
    return make_affine(total, offset)


def split(x: Affine, divisor: int, extents: Mapping[str, int]) -> tuple[Affine, Affine] | None:
    """``(q, r)`` with ``x == divisor * q + r`` and ``0 <= r < divisor`` everywhere, or None.

    Args:
        x: what is divided.
        divisor: a positive number.
        extents: variable ``v`` takes the values ``range(extents[v])``.
    """
    quotient, rest = [], []
    for term in x.terms:
        (rest if term[1] % divisor else quotient).append(term)
    offset = x.offset % divisor
    low = high = offset
    for name, coefficient in rest:
        reach = coefficient * (extents[name] - 1)
        low, high = low + min(reach, 0), high + max(reach, 0)
    if low < 0 or high >= divisor:
        return None
    terms = tuple((v, c // divisor) for v, c in quotient)
    return Affine(terms, (x.offset - offset) // divisor), Affine(tuple(rest), offset)


def coordinates(
    x: Affine, shape: tuple[int, ...], extents: Mapping[str, int]
) -> tuple[Affine, ...] | None:
    """The row-major coordinates in ``shape`` of the flat index ``x``, or None.

    None says that they are not affine.

    The first coordinate takes whatever is left, so it may lie outside where ``x`` does.
    """
    found = []
    for size in reversed(shape[1:]):
        halves = split(x, size, extents)
        if halves is None:
            return None
        x, rest = halves
        found.append(rest)
    return (x, *reversed(found)) if shape else ()


def interval(x: Affine, ranges: Mapping[str, Interval]) -> Interval:
    """The least and the greatest value of ``x`` when each variable lies in its closed range."""
    low = high = x.offset
    for name, coefficient in x.terms:
        least, most = ranges[name]
        if coefficient > 0:
            low, high = low + coefficient * least, high + coefficient * most
        else:
            low, high = low + coefficient * most, high + coefficient * least
    return low, high
