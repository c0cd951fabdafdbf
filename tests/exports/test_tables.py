"""Tables as Arrow and pandas have them: the same columns of the same types, whatever the workflow."""

from __future__ import annotations

import sys
from typing import Any

import pyarrow as pa
import pytest

from heliograph import workflow
from tests.exports.conftest import IDS


@pytest.mark.parametrize("what", ["tasks", "attempts"])
def test_a_table_of_every_workflow_has_the_same_types(what: str) -> None:
    tables = [workflow.table(workflow_id, what).to_arrow() for workflow_id in IDS]
    together = pa.concat_tables(tables)
    assert together.num_rows == sum(len(workflow.table(workflow_id, what)) for workflow_id in IDS)
    assert pa.null() not in together.schema.types


def test_attempts_as_a_frame() -> None:
    frame: Any = workflow.table("good", "attempts").to_pandas()
    flaky = frame[frame.task_id == "__main__.flaky"]
    assert list(flaky.attempt) == [1, 2]
    assert list(flaky.status) == ["FAILED", "SUCCESSFUL"]
    assert (frame.stored - frame.started).min() >= 0


def test_what_is_told_of_a_workflow_is_a_table_too() -> None:
    tasks = len(workflow.get_tasks("good"))
    assert workflow.profile("good").to_arrow().num_rows == tasks
    assert workflow.timeline("good").to_arrow().schema.field("critical").type == pa.bool_()
    compared = workflow.compare("good", "bad").to_arrow()
    assert {"task_id", "took_a", "took_b", "peak_rss_b"} <= set(compared.column_names)
    found = workflow.sql("select status, count(*) as n from heliograph_workflows group by 1 order by 1")
    assert found.to_pandas().to_dict("list") == {"status": ["FAILED", "SUCCESSFUL"], "n": [1, 2]}
    assert found.to_arrow().to_pydict() == {"status": ["FAILED", "SUCCESSFUL"], "n": [1, 2]}


@pytest.mark.parametrize(("library", "call"), [("pyarrow", "to_arrow"), ("pandas", "to_pandas")])
def test_without_the_library_the_extra_is_named(
    library: str, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        workflow.MissingExtraError, match=rf"{library} is not installed.*heliograph\[export\]"
    ):
        getattr(workflow.sql("select 1 as a"), call)()
