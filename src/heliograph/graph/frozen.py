"""Frozen records, as `dataclasses` makes them with ``frozen=True, slots=True``, in a sixth of the time.

That compiles half a dozen functions for each class. A program has ninety such classes before its first
result, and they would take a fifth of the time until then. Here ``__init__`` alone is compiled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, Field, FrozenInstanceError
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any, Final, TypeVar, dataclass_transform

__all__ = ["record"]

T = TypeVar("T")

_OF_DATACLASSES: Final = ("__dataclass_fields__", "__dataclass_params__")
_GIVEN_ANEW: Final = frozenset({"__dict__", "__weakref__"})


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def record(cls: type[T]) -> type[T]:
    """As `dataclasses.dataclass` with ``frozen=True, slots=True``, for a class without a base.

    Fields may have defaults, and `dataclasses.field` with `default`, `default_factory`, `repr` and
    `compare`. To the functions of `dataclasses` such a class is one of theirs.
    """
    names = tuple(cls.__annotations__)
    fields = {name: _field(cls.__dict__[name]) for name in names if name in cls.__dict__}
    compared = _values([name for name in names if name not in fields or fields[name].compare is not False])
    shown = [name for name in names if name not in fields or fields[name].repr]
    kept = {key: value for key, value in cls.__dict__.items() if key not in fields and key not in _GIVEN_ANEW}
    init = _init(cls, names, fields)
    own = {
        "__slots__": names,
        "__match_args__": names,
        "__qualname__": cls.__qualname__,
        "__init__": init,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__getstate__": _getstate,
        "__setstate__": _setstate,
        **{name: _AsDataclass(name, fields) for name in _OF_DATACLASSES},
    }
    generic = {"__eq__": _eq(compared), "__hash__": _hash(compared), "__repr__": _repr(shown)}
    metaclass: Any = type(cls)
    made: type[T] = metaclass(cls.__name__, cls.__bases__, generic | kept | own)
    for name in names:
        # The slots themselves: `object.__setattr__` would look for them anew, which takes twice as long.
        init.__globals__[f"_set_{name}"] = made.__dict__[name].__set__
    return made


def _field(default: Any) -> Any:
    return default if isinstance(default, Field) else dataclasses.field(default=default)


def _init(cls: type, names: tuple[str, ...], fields: Mapping[str, Any]) -> Any:
    given, lines = [], []
    known: dict[str, Any] = {"_missing": MISSING}
    for name in names:
        field, value = fields.get(name), name
        if field is None or (field.default is MISSING and field.default_factory is MISSING):
            given.append(name)
        elif field.default_factory is not MISSING:
            given.append(f"{name}=_missing")
            known[f"_make_{name}"] = field.default_factory
            value = f"_make_{name}() if {name} is _missing else {name}"
        else:
            given.append(f"{name}=_default_{name}")
            known[f"_default_{name}"] = field.default
        lines.append(f" _set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    exec("\n".join([f"def __init__(self, {', '.join(given)}):", *(lines or [" pass"])]), known)
    init = known["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__module__ = cls.__module__
    init.__annotations__ = {**cls.__annotations__, "return": None}
    return init


def _values(names: list[str]) -> Any:
    """What takes the values of these fields out of a record."""
    match names:
        case []:
            return lambda _record: ()
        case [name]:
            return lambda record: (getattr(record, name),)
    return attrgetter(*names)


def _eq(values: Any) -> Any:
    def __eq__(self: Any, other: Any) -> Any:  # noqa: N807
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash(values: Any) -> Any:
    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(values(self))

    return __hash__


def _repr(names: list[str]) -> Any:
    @recursive_repr()
    def __repr__(self: Any) -> str:  # noqa: N807
        said = ", ".join([f"{name}={getattr(self, name)!r}" for name in names])
        return f"{self.__class__.__qualname__}({said})"

    return __repr__


def _refuse(self: Any, name: str, *_value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__slots__]


def _setstate(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__slots__, state, strict=True):
        object.__setattr__(self, name, value)


class _AsDataclass:
    """What `dataclasses` keeps in a class, made by itself when it first asks for it.

    Args:
        name: of the attribute that has it.
        fields: those that have defaults or options.
    """

    def __init__(self, name: str, fields: Mapping[str, Any]) -> None:
        self._name = name
        self._fields = fields

    def __get__(self, _record: object, owner: type) -> Any:
        own = {"__annotations__": owner.__annotations__, "__module__": owner.__module__}
        made: Any = dataclasses.dataclass(frozen=True)(type(owner.__name__, (), own | dict(self._fields)))
        for name in _OF_DATACLASSES:
            setattr(owner, name, getattr(made, name))
        return getattr(made, self._name)
