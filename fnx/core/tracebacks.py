"""Tracebacks: an exception that leaves a public function shows the user's frames, not ours.

Every public function is a *boundary*: where an exception passes through it, frames of fnx leave the
exception's traceback, and so do frames of NumPy and the standard library that fnx called. The
user's own frames stay, also those between ours (user, `jit`, the user's function, `fnx.numpy`).
Nothing is paid while nothing is raised, beyond the call of a wrapper; the hottest functions hold
the same ``except`` clause themselves. ``FNX_TRACEBACK=full`` shows all frames.

What is not public (`fnx.core`, `fnx.ops`, `fnx.transforms` ...) is no boundary: exceptions that
leave it are as Python made them, until they pass a public function.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from types import FunctionType, ModuleType, TracebackType
from typing import Any

from fnx.config import config
from fnx.core.attributes import no_function
from fnx.core.sources import OURS, USERS, owner, raised_by_user, user_source
from fnx.errors import FnxError

_DUNDERS = frozenset({
    "__call__", "__init__", "__iter__", "__len__", "__getitem__", "__setitem__", "__getattr__",
    "__setattr__", "__delattr__", "__delitem__", "__bool__", "__int__", "__float__", "__complex__",
    "__index__", "__round__", "__format__", "__array__", "__array_ufunc__", "__array_function__",
    "__hash__", "__dlpack__", "__contains__", "__deepcopy__", "__enter__", "__exit__", "__next__",
})  # fmt: skip
_REPORT = "This is a bug of fnx: please report it, with the lines above."
_marked: weakref.WeakSet[Any] = weakref.WeakSet()  # the boundaries there are
_boundaries: dict[FunctionType, FunctionType] = {}  # so that one function has one public object


def trim(error: BaseException) -> None:
    """Take our frames out of a traceback. To be called in an ``except`` clause before ``raise``.

    A bare ``raise`` adds no entry for the function that it stands in, so the boundary itself is
    not in the traceback either. An error without a line gets the user's. A failed assertion of
    ours keeps all frames, which its report needs.
    """
    if isinstance(error, FnxError) and error.source is None:
        error.source = user_source()
    if config.traceback == "full":
        return
    if isinstance(error, AssertionError) and _is_our_bug(error):
        return
    error.__traceback__ = _users_frames(error.__traceback__)
    seen = {id(error)}
    while True:
        if error.__cause__ is None and _says_nothing(error.__context__):
            error.__context__ = None
        following = error.__cause__ or error.__context__
        if following is None or id(following) in seen:
            return
        seen.add(id(following))
        following.__traceback__ = _users_frames(following.__traceback__)
        error = following


def _users_frames(entry: TracebackType | None) -> TracebackType | None:
    """The entries to show, in order; what a library does for us is not shown either."""
    first = last = None
    is_below_ours = False
    while entry is not None:
        whose = owner(entry.tb_frame.f_code, entry.tb_frame.f_globals)
        is_below_ours = whose is OURS or (is_below_ours and whose is not USERS)
        if not is_below_ours:
            if last is None:
                first = entry
            elif last.tb_next is not entry:
                last.tb_next = entry
            last = entry
        entry = entry.tb_next
    if last is not None and last.tb_next is not None:
        last.tb_next = None
    return first


def _is_our_bug(error: AssertionError) -> bool:
    """Whether an assertion failed in code of ours; says so in the error."""
    if error.__traceback__ is None or raised_by_user(error):
        return False
    if _REPORT not in getattr(error, "__notes__", ()):
        error.add_note(_REPORT)
    return True


def _says_nothing(context: BaseException | None) -> bool:
    """Whether an exception was raised and handled inside of fnx: no frame is the user's."""
    return context is not None and _users_frames(context.__traceback__) is None


def boundary(function: Callable[..., Any], home: str | None = None) -> Any:
    """The function, as one whose exceptions show the user's frames.

    So do the functions that it returns (``grad(f)``, the second result of ``vjp``).

    Args:
        function: any function; a boundary is returned as it is.
        home: the module that it is public in, if it gets a public name.

    >>> boundary(len)([1, 2])
    2
    """
    if function in _marked:
        return function
    known = _boundaries.get(function)
    if known is not None:
        return known

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            out = function(*args, **kwargs)
        except BaseException as error:
            trim(error)
            raise
        kind = type(out)
        return _guarded_result(out) if kind in _KINDS_WITH_FUNCTIONS else out

    if home is not None:
        guarded.__module__ = home
        _boundaries[function] = guarded
    return marked(guarded)


def marked(function: Any) -> Any:
    """Say that a function holds the ``except`` clause of a boundary itself."""
    _marked.add(function)
    return function


def _guarded_result(out: Any) -> Any:
    if type(out) is tuple:
        if not any([type(x) is FunctionType for x in out]):
            return out
        return tuple([_guarded_result(x) if type(x) is FunctionType else x for x in out])
    code = out.func if type(out) is functools.partial else out
    is_ours = type(code) is FunctionType and owner(code.__code__, code.__globals__) is OURS
    return boundary(out) if is_ours else out


_KINDS_WITH_FUNCTIONS = frozenset({FunctionType, functools.partial, tuple})


def publish(namespace: dict[str, Any], home: str = "") -> None:
    """Make every function of ours in a façade's namespace a boundary, and every method of classes.

    Its ``dir`` and ``__all__`` are its public names: all without an underscore in front, unless it
    has an ``__all__``, and no modules. Names that it does not have get an error that helps.

    Args:
        namespace: the façade's ``globals()``.
        home: the module that users know it as, if that is another.
    """
    home = home or namespace["__name__"]
    public = namespace.setdefault("__all__", _public_names(namespace))

    def missing(name: str) -> Any:
        raise no_function(home, name, public)

    namespace.setdefault("__getattr__", boundary(missing))
    namespace.setdefault("__dir__", lambda: sorted(public))
    for name, value in list(namespace.items()):
        if name.startswith("_") or not getattr(value, "__module__", "").startswith("fnx"):
            continue
        if type(value) is FunctionType:
            namespace[name] = boundary(value, home)
        elif isinstance(value, type) and not issubclass(value, BaseException):
            guard_methods(value)


def _public_names(namespace: dict[str, Any]) -> list[str]:
    pairs = [(name, value) for name, value in namespace.items() if not name.startswith("_")]
    return sorted([name for name, value in pairs if not isinstance(value, ModuleType)])


def guard_methods(cls: type) -> type:
    """Make the public methods of a class boundaries, special ones included; returns the class."""
    for name, value in list(vars(cls).items()):
        if name.startswith("_") and name not in _DUNDERS:
            continue
        if type(value) is FunctionType:
            setattr(cls, name, boundary(value))
        elif type(value) in (classmethod, staticmethod):
            setattr(cls, name, type(value)(boundary(value.__func__)))
    return cls
