"""Warnings from within the engine: they may not stop it."""

from __future__ import annotations

import contextlib
import warnings


def warn(what: str) -> None:
    """Tell the program; one that has made warnings errors is told nothing, and goes on."""
    with contextlib.suppress(RuntimeWarning):
        warnings.warn(what, RuntimeWarning, stacklevel=3)
