"""Names of types: as they are stored, with their module, and as people say them."""

from __future__ import annotations

from typing import Final

_LEFT_OUT: Final = frozenset({"builtins", "heliograph.errors"})


def dotted(kind: type) -> str:
    """A type's name as it is stored.

    >>> dotted(OSError)
    'builtins.OSError'
    """
    return f"{kind.__module__}.{kind.__qualname__}"


def said(stored: str) -> str:
    """A type, by the name that its users know it by.

    >>> [said(name) for name in ("builtins.OSError", "heliograph.errors.StorageError", "a.b.Broken")]
    ['OSError', 'StorageError', 'a.b.Broken']
    """
    module, _, name = stored.rpartition(".")
    return name if module in _LEFT_OUT else stored
