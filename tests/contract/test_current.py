"""`workflow.current()`: a task knows which one it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heliograph import workflow

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task(retry_exceptions=True)
def tell(flag: Path) -> tuple[str, str, int, int, bool]:
    me = workflow.current()
    if me.attempt == 1:
        raise OSError("once more")
    if not flag.exists():
        raise SystemExit("later")
    return me.workflow_id, me.task_id, me.attempt, me.run, me.is_resume


def test_it_gives_workflow_task_attempt_run_and_whether_this_is_a_resume(
    engine: EngineUnderTest, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    assert workflow.run(tell.options(name="t").bind(flag), workflow_id="one") == ("one", "t", 2, 1, False)
    flag.unlink()
    task = tell.options(name="t", max_retries=1)
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(task.bind(flag), workflow_id="two")
    flag.touch()
    assert workflow.resume("two") == ("two", "t", 3, 2, True)


def test_outside_of_a_task_it_is_a_runtime_error() -> None:
    with pytest.raises(RuntimeError, match="no task runs this"):
        workflow.current()
