"""What the pages show in these tests: small workflows of every kind, and one that means no good."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliograph import workflow

HOSTILE = (
    "<script>window.hacked = 1</script>\"'><img src=x onerror=window.hacked=1>"
    "</style><style>body{display:none}</style></title></textarea>{{7*7}}<!--"
)
"""Would run, if a page took it for HTML; would hide the page, if it took it for CSS."""
LINK = "javascript:window.hacked=1"
LONG = "folder/" * 30
"""A name that has nowhere a blank to be wrapped at."""
TURNED = "abc\u202egnp.exe"
"""Would be read the other way round."""


@workflow.task
def load(number: int) -> int:
    now = workflow.current()
    now.log(f"loaded {number}")
    for step in range(20):
        now.metric("loss", 1 / (step + 1), step=step)
    return number


@workflow.task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@workflow.task(max_retries=0)
def broken(number: int) -> int:
    raise ValueError(f"number {number} is broken")


@workflow.task(max_retries=0)
def hostile(text: str) -> None:
    now = workflow.current()
    now.log(text)
    now.log(LINK)
    now.metric(text[:200], 1.0, step=1)
    now.metric(text[:200], 2.0, step=2)
    now.progress(1, 2, text)
    now.update_metadata({text: text, "link": LINK, "turned": TURNED})
    raise RuntimeError(text)


def sum_of(count: int) -> workflow.Node:
    loads = [load.options(name=f"load-{number}").bind(number) for number in range(count)]
    return total.options(name="total").bind(loads)


def make(folder: Path) -> None:
    """Store it all."""
    workflow.init(storage=folder, workers="threads", num_workers=2)
    try:
        workflow.run(load.options(name=LONG).bind(1), workflow_id=LONG, metadata={"path": LONG})
        for number, team in enumerate(("blue", "blue", "red")):
            workflow.run(sum_of(3), workflow_id=f"good-{number}", metadata={"team": team})
        workflow.run(sum_of(60), workflow_id="wide", metadata={"team": "red"})
        with pytest.raises(workflow.WorkflowExecutionError):
            workflow.run(broken.options(name="bad").bind(7), workflow_id="bad", metadata={"team": "red"})
        metadata = {HOSTILE: HOSTILE, "link": LINK, "turned": TURNED}
        with pytest.raises(workflow.WorkflowExecutionError):
            workflow.run(
                hostile.options(name=HOSTILE[:200]).bind(HOSTILE), workflow_id=HOSTILE, metadata=metadata
            )
    finally:
        workflow.shutdown()
