"""Answers as dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class Named:
    """What can be had as a dict: a dataclass that tells its fields by their names."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]]  # the fields' names, as `dataclass` keeps them

    def to_dict(self) -> dict[str, Any]:
        """As a dict that can be written as JSON, without what is not known."""
        values = known({name: getattr(self, name) for name in self.__match_args__})
        return {name: _told(value) for name, value in values.items()}


def known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def _told(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return [_told(one) for one in value] if isinstance(value, tuple) else value
