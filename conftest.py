"""What holds for all tests, doctests among them."""

from __future__ import annotations

import os
import re
import tempfile
from typing import Any, Final

import pytest

# Before anything of heliograph is used: the first workflow of a process decides where all are stored, and
# tests keep their hands off the storage of whoever runs them.
os.environ["HELIOGRAPH_STORAGE"] = tempfile.mkdtemp(prefix="heliograph-tests-")

_ON_RAY: Final = re.compile(r"^tests/ray/|\[ray[]-]")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Of the processes that run tests side by side, one has all tests on Ray: they share one cluster."""
    from xdist.scheduler import LoadScopeScheduling

    class OneForRay(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "ray" if _ON_RAY.search(nodeid) else nodeid

    return OneForRay(config, log)
