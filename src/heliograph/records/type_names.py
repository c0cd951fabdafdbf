"""Names of types: as they are stored, with their module, and as people say them."""

from __future__ import annotations

import builtins
from typing import Final

from heliograph import errors

_LEFT_OUT: Final = {"builtins": builtins, "heliograph.errors": errors}


def said(stored: str) -> str:
    """A type, by the name that its users know it by.

    >>> [said(name) for name in ("builtins.OSError", "heliograph.errors.StorageError", "a.b.Broken")]
    ['OSError', 'StorageError', 'a.b.Broken']
    """
    module, _, name = stored.rpartition(".")
    return name if module in _LEFT_OUT else stored


def stored(name: str) -> str:
    """The name by which a type is stored that `said` gives this name.

    >>> [stored(name) for name in ("OSError", "StorageError", "a.b.Broken", "Broken")]
    ['builtins.OSError', 'heliograph.errors.StorageError', 'a.b.Broken', 'Broken']
    """
    for module, known in _LEFT_OUT.items():
        if isinstance(getattr(known, name, None), type):
            return f"{module}.{name}"
    return name
