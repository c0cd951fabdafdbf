"""Workflows that were really run, told in every format."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heliograph import workflow
from tests import scripts
from tests.web.browser import chromium

# Without a browser, tests/web/browser/conftest.py says so, and fails where CI runs.
collect_ignore = ["test_programs.py"] if chromium.found() is None else []

HOSTILE = "</script><script>alert(1)</script>\"'`;\\ \x1b[31m\u202e\n]--> %% #quot; 日本語 🎉"
TASK = 'task "]; x{<b>} \\N | `a` 🎉'

WRITE = """
import os, sys
from heliograph import workflow

hostile, task_name, place = sys.argv[1:4]
workflow.init(workers="threads", num_workers=2)

@workflow.task
def part(number):
    return "x" * number

@workflow.task(max_retries=2, retry_exceptions=[OSError])
def flaky(parts, tries=[]):
    tries.append(1)
    if len(tries) == 1:
        raise OSError("try again")
    return len(parts)

@workflow.task
def more(n):
    return workflow.continuation(part.bind(n)) if n else "done"

@workflow.task
def broken(text):
    if not os.path.exists(place):
        open(place, "w").close()
        raise ValueError(hostile)
    return text

@workflow.task
def last(*values):
    return len(values)

parts = [part.bind(n) for n in (1, 20)]
good = last.bind(flaky.bind(parts), more.bind(3), workflow.sleep(0.01))
workflow.run(good, workflow_id="good", metadata={"team": "blue", "size": 3, "nested": {"a": [1]}})

named = part.options(**workflow.options(name=task_name, metadata={hostile: hostile}))
bad = last.bind(broken.bind(named.bind(2)))
try:
    workflow.run(bad, workflow_id="bad", metadata={hostile: hostile})
except workflow.WorkflowExecutionError:
    pass
workflow.resume("bad")

os.unlink(place)
try:
    workflow.run(last.bind(broken.bind(1)), workflow_id=task_name)
except workflow.WorkflowExecutionError:
    pass
"""
IDS = ("good", "bad", TASK)


@pytest.fixture(scope="module", autouse=True)
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The workflows, readable with the public functions."""
    place = tmp_path_factory.mktemp("exports")
    scripts.run(WRITE, place / "store", HOSTILE, TASK, place / "flag")
    workflow.init(storage=place / "store")
    yield
    workflow.shutdown()


@pytest.fixture(params=IDS)
def workflow_id(request: pytest.FixtureRequest) -> str:
    """Each of them in turn."""
    return str(request.param)
