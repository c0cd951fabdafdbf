"""What holds for all tests, doctests among them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from typing import Any, Final

import pytest

# Before anything of heliograph is used: the first workflow of a process decides where all are stored, and
# tests keep their hands off the storage of whoever runs them.
_STORAGE: Final = tempfile.mkdtemp(prefix="heliograph-tests-")
os.environ["HELIOGRAPH_STORAGE"] = _STORAGE

# What a script starts in the background ignores Ctrl-C, as all does that it starts: tests could not send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SHARING: Final = {
    "ray": re.compile(r"^tests/ray/"),
    "contract on ray": re.compile(r"\[ray[]-]"),
    "browser": re.compile(r"^tests/web/browser/"),
}
"""Tests that share what takes long to start: a cluster; a browser, with a server.

Those on Ray are two shares: all of them in one process take longer than all others in two.
"""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests that share something are all in one of the processes that run tests side by side."""
    from xdist.scheduler import LoadScopeScheduling

    class Sharing(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((name for name, tests in _SHARING.items() if tests.search(nodeid)), nodeid)

    return Sharing(config, log)


def pytest_sessionstart() -> None:
    """Who wants colours of pytest, which knows by now, does not want them of commands that fill pipes."""
    os.environ.pop("FORCE_COLOR", None)


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Examples share one engine, which starts once; the tests after them begin without it."""
    if isinstance(item, pytest.DoctestItem) and not isinstance(nextitem, pytest.DoctestItem):
        from heliograph import workflow

        workflow.shutdown()


def pytest_unconfigure() -> None:
    """Remove the storage that was made above."""
    shutil.rmtree(_STORAGE, ignore_errors=True)
