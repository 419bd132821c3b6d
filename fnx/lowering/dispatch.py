"""Dispatch: the call path of one signature, written as Python source and closed over a native call.

Input: the structure of the arguments and of the result, and a function of flat leaves that returns
flat results or ``MISS``. Output: ``call(*args)``, which takes the arguments apart by exact type,
length and keys, with no recursion and no allocation, and builds the result. Anything that does not
fit gives ``MISS``, and the slow path of `fnx.lowering.jit` decides.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fnx import tree
from fnx.tree import TreeDef

FlatCall = Callable[..., Any]


class _Writer:
    """Collects source lines and the objects that they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self._count = itertools.count()

    def fresh(self, prefix: str = "v") -> str:
        return f"{prefix}{next(self._count)}"

    def name(self, value: Any) -> str:
        name = self.fresh("c")
        self.names[name] = value
        return name

    def unless(self, condition: str) -> None:
        self.lines.append(f"  if not ({condition}): return MISS")


def specialise(
    arguments: Sequence[TreeDef | None],
    statics: dict[int, Any],
    result: TreeDef,
    flat: FlatCall,
    miss: object,
    converted: frozenset[int] = frozenset(),
    convert: Callable[[Any], Any] | None = None,
    unused: Mapping[int, object] | None = None,
    aval_of: Callable[[Any], object] | None = None,
) -> Callable[..., Any]:
    """The call path for positional arguments of these structures.

    Args:
        arguments: the structure of each positional argument; None where it is static.
        statics: the values of static arguments, by position.
        result: the structure of the result.
        flat: called with all leaves in order; returns a tuple of results or ``miss``.
        miss: what to return when something does not fit.
        converted: numbers of leaves that ``convert`` is applied to (NumPy arrays and Python
            numbers).
        convert: gives an Array for any value.
        unused: leaves that are not passed on, by number, and the avals that they must have.
        aval_of: gives the aval of a value.
    """
    w = _Writer()
    parameters = [w.fresh("a") for _ in arguments]
    leaves: list[str] = []
    for i, (parameter, treedef) in enumerate(zip(parameters, arguments, strict=True)):
        if treedef is None:
            _compare_static(w, parameter, statics[i])
        else:
            _take_apart(w, treedef, parameter, leaves)
    w.names["convert"], w.names["aval_of"], unused = convert, aval_of, unused or {}
    for i, aval in unused.items():
        w.unless(f"aval_of({leaves[i]}) is {w.name(aval)}")
    passed = [
        f"convert({v})" if i in converted else v for i, v in enumerate(leaves) if i not in unused
    ]
    w.lines += [f"  out = flat({', '.join(passed)})", "  if out is MISS: return MISS"]
    results = [w.fresh("r") for _ in range(result.num_leaves)]
    if results:
        w.lines.append(f"  {', '.join(results)}, = out")
    w.lines.append(f"  return {_put_together(w, result, iter(results))}")
    body = "\n".join(f"  {line}" for line in w.lines)
    unpack = f"  {''.join(p + ', ' for p in parameters)} = args\n" if parameters else ""
    source = (
        f"def call(*args):\n  if len(args) != {len(parameters)}: return MISS\n{unpack}"
        f"  try:\n{body}\n  except KeyError: return MISS\n"
    )
    namespace: dict[str, Any] = {**w.names, "flat": flat, "MISS": miss}
    exec(compile(source, "<fnx dispatch>", "exec"), namespace)
    return namespace["call"]


def static_key(value: Any) -> Any:
    """What tells static values apart: 1, 1.0 and True are equal in Python, so are 0.0 and -0.0."""
    if isinstance(value, float):
        return type(value), value.hex()
    if isinstance(value, tuple):
        return type(value), tuple([static_key(x) for x in value])
    return type(value), value


def _compare_static(w: _Writer, parameter: str, value: Any) -> None:
    """Go on only with this static value."""
    same = f"{parameter} is {w.name(value)}"
    if isinstance(value, float | tuple):
        w.names["static_key"] = static_key
        w.unless(f"{same} or static_key({parameter}) == {w.name(static_key(value))}")
    else:
        kind = w.name(type(value))
        w.unless(f"{same} or (type({parameter}) is {kind} and {parameter} == {w.name(value)})")


def _take_apart(w: _Writer, treedef: TreeDef, value: str, leaves: list[str]) -> None:
    kind = treedef.kind
    if kind is None:
        leaves.append(value)
        return
    if kind is type(None):
        w.unless(f"{value} is None")
        return
    names = [w.fresh() for _ in treedef.children]
    targets = "".join(f"{n}, " for n in names)
    if kind in (tuple, list) or _is_namedtuple(kind):
        w.unless(f"type({value}) is {w.name(kind)} and len({value}) == {len(names)}")
        if names:
            w.lines.append(f"  {targets}= {value}")
    elif kind is dict:
        w.unless(f"type({value}) is dict and len({value}) == {len(names)}")
        w.lines += [
            f"  {n} = {value}[{w.name(key)}]" for n, key in zip(names, treedef.meta, strict=True)
        ]
    else:
        children, meta = w.fresh(), w.fresh()
        w.unless(f"type({value}) is {w.name(kind)}")
        flatten = w.name(tree.container_functions(kind)[0])
        w.lines.append(f"  {children}, {meta} = {flatten}({value})")
        w.unless(f"{meta} == {w.name(treedef.meta)}")
        if names:
            w.lines.append(f"  {targets}= {children}")
    for name, child in zip(names, treedef.children, strict=True):
        _take_apart(w, child, name, leaves)


def _put_together(w: _Writer, treedef: TreeDef, results: Any) -> str:
    kind = treedef.kind
    if kind is None:
        return next(results)
    if kind is type(None):
        return "None"
    children = [_put_together(w, child, results) for child in treedef.children]
    joined = "".join(f"{c}, " for c in children)
    if kind is tuple:
        return f"({joined})"
    if kind is list:
        return f"[{joined}]"
    if kind is dict:
        items = [f"{w.name(k)}: {c}" for k, c in zip(treedef.meta, children, strict=True)]
        return "{" + ", ".join(items) + "}"
    if _is_namedtuple(kind):
        return f"{w.name(kind)}({joined})"
    return f"{w.name(tree.container_functions(kind)[1])}({w.name(treedef.meta)}, ({joined}))"


def _is_namedtuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")
