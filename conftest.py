"""Doctests and tests keep their hands off the storage of whoever runs them."""

from __future__ import annotations

import os
import tempfile

import pytest

# Before anything of heliograph is used: the first workflow of a process decides where all are stored.
os.environ["HELIOGRAPH_STORAGE"] = tempfile.mkdtemp(prefix="heliograph-tests-")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the processes that run tests side by side, one has all tests on Ray: they share one cluster."""
    for item in items:
        parameters = (
            item.callspec.id.split("-")
            if isinstance(item, pytest.Function) and hasattr(item, "callspec")
            else []
        )
        if "ray" in parameters or "ray" in item.path.parent.parts[-1:]:
            item.add_marker(pytest.mark.xdist_group("ray"))
