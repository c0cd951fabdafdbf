"""What must never stop the engine, nor leave anybody waiting."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from heliograph import workflow

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def bad() -> NoReturn:
    raise ValueError("bad")


@workflow.task
def busy() -> None:
    time.sleep(0.05)


@workflow.task
def both(*_outputs: Any) -> None:
    pass


class RudeError(Exception):
    """Its pickling ends the program, if it is let to."""

    def __reduce__(self) -> NoReturn:
        raise SystemExit(3)


@workflow.task
def be_rude() -> NoReturn:
    raise RudeError("x")


@workflow.task
async def be_rude_slowly() -> NoReturn:
    raise RudeError("x")


@workflow.task
def one() -> int:
    return 1


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:task .* is to stop:RuntimeWarning")
def test_many_failures_beside_tasks_that_run(engine: EngineUnderTest) -> None:
    count = 60 if engine.settings.get("workers") == "threads" else 20  # each ends two worker processes
    futures = [workflow.run_async(both.bind(bad.bind(), busy.bind(), busy.bind())) for _ in range(count)]
    for future in futures:
        with pytest.raises(workflow.WorkflowExecutionError):
            engine.value(future)
    assert workflow.run(one.bind()) == 1


@pytest.mark.parametrize("task", [be_rude, be_rude_slowly], ids=["sync", "async"])
def test_an_exception_whose_pickling_raises_system_exit(engine: EngineUnderTest, task: workflow.Task) -> None:
    with pytest.raises(workflow.WorkflowExecutionError, match="RudeError: x"):
        engine.value(workflow.run_async(task.bind()))
    assert workflow.run(one.bind()) == 1


def test_a_storage_that_was_removed_takes_nothing_more(engine: EngineUnderTest) -> None:
    if not isinstance(engine.storage, Path):
        pytest.skip("a database on a server is no folder that somebody could move away")
    workflow.run(one.bind(), workflow_id="before")
    kept = engine.storage.with_name("kept")
    os.rename(engine.storage, kept)
    with pytest.raises(workflow.StorageError, match="was removed while it was in use"):
        workflow.run(one.bind(), workflow_id="lost")
    workflow.shutdown()
    shutil.rmtree(engine.storage, ignore_errors=True)
    os.rename(kept, engine.storage)
    engine.init()
    assert workflow.list_all() == [("before", "SUCCESSFUL")]


def test_a_storage_that_was_replaced_takes_nothing_more(embedded_engine: EngineUnderTest) -> None:
    workflow.run(one.bind(), workflow_id="before")
    kept = embedded_engine.storage.with_name("kept")
    os.rename(embedded_engine.storage, kept)
    shutil.copytree(kept, embedded_engine.storage)
    where = re.escape(str(embedded_engine.storage / "heliograph.db"))
    with pytest.raises(workflow.StorageError, match=f"storage {where} was replaced while it was in use"):
        workflow.run(one.bind(), workflow_id="lost")
    workflow.shutdown()
    shutil.rmtree(embedded_engine.storage)
    os.rename(kept, embedded_engine.storage)
    embedded_engine.init()
    assert workflow.list_all() == [("before", "SUCCESSFUL")]
