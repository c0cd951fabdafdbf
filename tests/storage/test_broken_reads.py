"""The database fails while an engine reads: its runs end with the error, and it goes on after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from heliograph import workflow
from tests.conditions import DEADLINE, until
from tests.gates import Gate
from tests.invariants import check_store, connect


@workflow.task
def wait(gate: Gate) -> str:
    gate.wait()
    return "output"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    workflow.init(storage=tmp_path / "storage", workers="threads")
    yield tmp_path / "storage" / "heliograph.db"
    workflow.shutdown()
    check_store(tmp_path / "storage" / "heliograph.db")


@pytest.mark.parametrize("table", ["workflows", "runs"])
def test_a_table_that_is_gone_for_a_while(database: Path, tmp_path: Path, table: str) -> None:
    gate = Gate(tmp_path / "gate")
    output = workflow.run_async(wait.bind(gate), workflow_id="mine")
    gate.until_waiting()
    until(lambda: workflow.get_metadata("mine")["progress"]["by_status"] == {"RUNNING": 1})
    with closing(connect(database)) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
        gate.open()
        with pytest.raises(workflow.StorageError, match="no such table") as raised:
            output.result(DEADLINE)
        assert str(database) in str(raised.value)
        with pytest.raises(workflow.StorageError, match="no such table"):
            workflow.get_status("mine")
        connection.execute(f"ALTER TABLE elsewhere RENAME TO {table}")
    until(lambda: workflow.get_status("mine") == "RESUMABLE")
    assert workflow.resume("mine") == "output"
