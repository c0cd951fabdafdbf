"""Forked children use the storage of their parents, whatever these do with it meanwhile."""

from __future__ import annotations

from pathlib import Path

from tests import scripts

OUTLIVES = """
import os
from heliograph import workflow

@workflow.task
def give(value):
    return value

workflow.init(workers="threads")
workflow.run(give.bind(1), workflow_id="before")
ready, told = os.pipe()
is_open, opened = os.pipe()
child = os.fork()
if child == 0:
    os.close(told)
    workflow.get_status("before")
    os.write(opened, b".")
    os.read(ready, 1)
    workflow.run(give.bind(2), workflow_id="after")
    os._exit(0)
os.close(ready)
os.read(is_open, 1)
workflow.shutdown()  # the last that it knows of: SQLite would remove the log that the child writes
os.close(told)
print(os.waitpid(child, 0)[1])
"""

AMID_WRITES = """
import os, sys
from heliograph import workflow

@workflow.task
def give(value):
    return value

@workflow.task
def fork(number):
    child = os.fork()
    if child == 0:
        workflow.run(give.bind(number), workflow_id=f"child-{number}")
        os._exit(0)
    return os.waitpid(child, 0)[1]

@workflow.task
def all_of(codes):
    return codes

workflow.init(workers="threads", num_workers=4)
print(workflow.run(all_of.bind([fork.bind(number) for number in range(12)]), workflow_id="parent"))
"""

LIST = """
from heliograph import workflow
print(sorted((name, str(status)) for name, status in workflow.list_all()))
"""


def test_a_child_that_goes_on_when_its_parent_has_closed(tmp_path: Path) -> None:
    assert scripts.run(OUTLIVES, tmp_path / "storage").strip() == "0"
    expected = [("after", "SUCCESSFUL"), ("before", "SUCCESSFUL")]
    assert scripts.run(LIST, tmp_path / "storage").strip() == str(expected)


def test_children_that_are_forked_while_others_write(tmp_path: Path) -> None:
    assert scripts.run(AMID_WRITES, tmp_path / "storage").strip() == str([0] * 12)
    expected = sorted(
        [(f"child-{number}", "SUCCESSFUL") for number in range(12)] + [("parent", "SUCCESSFUL")]
    )
    assert scripts.run(LIST, tmp_path / "storage").strip() == str(expected)
