"""Module: a frozen dataclass that is a pytree.

A layer is a module with ``__call__``, a pure function of its inputs. Fields annotated with a plain
Python type (``int``, ``float``, ``bool``, ``str``, ``Callable``, ``tuple[int, ...]``, ``None``) or
declared with ``static()`` are static: part of the tree's structure, hashed into `jit`'s cache key.
All others are children.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, ClassVar, Self, dataclass_transform

from fnx import tree
from fnx.core.sources import user_source
from fnx.core.tracebacks import boundary
from fnx.errors import FnxAttributeError, FnxTypeError, did_you_mean

_STATIC_TYPE = re.compile(
    r"^(int|float|bool|str|bytes|None|Callable|tuple\[(int|float|bool|str)\b|np\.dtype|type)\b"
)


def static(**options: Any) -> Any:
    """A field that belongs to the structure, whatever its annotation; its values must be hashable.

    Args:
        **options: those of ``dataclasses.field``.
    """
    return dataclasses.field(metadata={"static": True}, **options)


@dataclass_transform(frozen_default=True, field_specifiers=(static, dataclasses.field))
class Module:
    """Base of all layers and models.

    A subclass becomes a frozen dataclass and a pytree by being declared. It either lets the
    dataclass write its ``__init__`` or writes one that ends in ``self.build(field=value, ...)``.
    Classes are abstract or final: a class that has fields is not subclassed again.

    >>> class Affine(Module):
    ...     scale: Array
    ...     power: int = 1
    ...
    ...     def __call__(self, x):
    ...         return self.scale * x**self.power
    >>> Affine(2.0, 3)(2.0)
    16.0
    """

    _child_names: ClassVar[tuple[str, ...]] = ()
    _static_names: ClassVar[tuple[str, ...]] = ()

    @boundary
    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__mro__[1]._child_names or cls.__mro__[1]._static_names:
            parent = cls.__mro__[1].__name__
            raise FnxTypeError(
                f"{cls.__name__} inherits from {parent}, which has fields: expected a class "
                "without fields, since modules are abstract or final.",
                source=user_source(),
                hint=f"Hold the other layer in a field instead: layer: {parent}.",
            )
        own_init = "__init__" not in cls.__dict__
        dataclasses.dataclass(frozen=True, eq=False, repr=False, init=own_init)(cls)
        cls.__setattr__ = _refuse  # type: ignore[method-assign]
        fields = dataclasses.fields(cls)
        cls._static_names = tuple(f.name for f in fields if _is_static(f))
        cls._child_names = tuple(f.name for f in fields if not _is_static(f))
        tree.register(cls, _flatten, _unflattener(cls), _flatten_with_keys)

    def build(self, **fields: Any) -> None:
        """Set every field, once, at the end of a hand-written ``__init__``.

        Raises:
            TypeError: a field is missing, unknown, or the module is built already.
        """
        names = {*self._child_names, *self._static_names}
        if fields.keys() != names:
            raise FnxTypeError(
                f"{type(self).__name__}: build expected the fields {sorted(names)}, "
                f"got {sorted(fields)}.",
                source=user_source(),
                hint="Set every field once, as self.build(a=..., b=...); None is a value too.",
            )
        if self.__dict__:
            raise FnxTypeError(
                f"this {type(self).__name__} is built already: expected one call of build.",
                source=user_source(),
                hint="Write module.replace(field=value) for a changed copy.",
            )
        self.__dict__.update(fields)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, as by ``dataclasses.replace``, whatever ``__init__`` is.

        Raises:
            TypeError: a name is not a field.
        """
        unknown = changes.keys() - self.__dict__.keys()
        if unknown:
            raise FnxTypeError(
                f"{type(self).__name__} has no field {sorted(unknown)}, "
                f"only {sorted(self.__dict__)}.",
                source=user_source(),
                hint=did_you_mean(min(unknown), self.__dict__) or "Declare it in the class.",
            )
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    def __repr__(self) -> str:
        fields = ", ".join(
            f"{name}={_brief(getattr(self, name))}" for name in self.__dataclass_fields__
        )
        return f"{type(self).__name__}({fields})"


@boundary
def _refuse(module: Module, name: str, value: Any) -> None:
    raise FrozenModuleError(
        f"a {type(module).__name__} is immutable: {name} cannot be set to {value!r:.60}.",
        source=user_source(),
        hint=f"Write module = module.replace({name}=...) for a changed copy; a hand-written\n"
        f"__init__ ends in self.build({name}=..., ...).",
    )


class FrozenModuleError(FnxAttributeError, dataclasses.FrozenInstanceError):
    """A field of a module was set after the module was made."""


def _is_static(field: dataclasses.Field[Any]) -> bool:
    if "static" in field.metadata:
        return bool(field.metadata["static"])
    kind = field.type
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
    return _STATIC_TYPE.match(name) is not None


def _flatten(module: Module) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    values = module.__dict__
    children = tuple([values[n] for n in module._child_names])
    return children, tuple([values[n] for n in module._static_names])


def _flatten_with_keys(module: Module) -> tuple[tuple[tuple[str, Any], ...], tuple[Any, ...]]:
    children, aux = _flatten(module)
    return tuple(zip((f".{n}" for n in module._child_names), children, strict=True)), aux


def _unflattener(cls: type[Module]) -> Any:
    def unflatten(aux: tuple[Any, ...], children: tuple[Any, ...]) -> Module:
        module = object.__new__(cls)
        module.__dict__.update(zip(cls._child_names, children, strict=True))
        module.__dict__.update(zip(cls._static_names, aux, strict=True))
        return module

    return unflatten


def _brief(value: Any) -> str:
    aval = getattr(value, "aval", None)
    return repr(aval) if aval is not None else getattr(value, "__qualname__", None) or repr(value)
