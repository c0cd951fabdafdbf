"""Tables as Arrow and pandas have them: the same columns of the same types, whatever the workflow."""

from __future__ import annotations

import json
import sys
from typing import Any

import pyarrow as pa
import pytest

from heliograph import workflow
from heliograph.insight.answers import Page, Rows
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


def test_every_answer_is_a_table_too() -> None:
    found = workflow.search("status = SUCCESSFUL", order_by="workflow_id")
    frame: Any = found.to_pandas()
    assert list(frame["workflow_id"]) == ["bad", "good"]
    assert found.to_arrow().column("user_metadata.team").to_pylist() == [None, "blue"]
    assert frame["progress.total"].dtype == "int64"
    whole = workflow.get_metadata("good", tasks=True)
    assert isinstance(whole, Page)
    tasks = whole.to_arrow()
    assert tasks.column("task_id").to_pylist() == [task["task_id"] for task in whole["tasks"]]
    assert tasks.schema.field("stats.compute").type == pa.float64()
    attempts = workflow.history("good")
    assert attempts.to_arrow().column("attempt").to_pylist() == [
        one["attempt"] for one in attempts["attempts"]
    ]
    counted = workflow.summarize("status", "stats.duration")
    assert counted.to_arrow().column("stats.duration.count").to_pylist() == [2, 1]
    for rows in (
        workflow.list_metadata(),
        workflow.get_tasks("good"),
        workflow.get_history("bad"),
        workflow.get_logs("good"),
        workflow.get_metrics("good"),
    ):
        assert rows.to_arrow().num_rows == len(rows)
        assert json.loads(json.dumps(rows)) == list(rows)
    assert workflow.estimate("good").to_arrow().column("total").to_pylist() == [len(whole["tasks"])]


def test_what_differs_in_kind_is_text_and_no_two_keys_are_one_column() -> None:
    rows = Rows([{"m": {"a.b": 1, "a": {"b": 2}}, "x": 1, "y": {}}, {"m": {"a": {"b": "z"}}, "x": [1]}])
    assert rows.table.to_dict() == {
        'm."a.b"': [1, None],
        "m.a.b": ["2", "z"],
        "x": ["1", "[1]"],
        "y": ["{}", None],
    }
    assert Rows().to_arrow().num_rows == 0


def test_all_that_json_can_hold_is_in_a_table() -> None:
    table = Rows(
        [
            {"large": 10**30, "long": 2**53 + 1, "text": "\ud800", "half \udcff": True},
            {"large": 1, "long": 0.5, "text": "ä"},
        ]
    ).to_arrow()
    assert table.to_pydict() == {
        "large": [f"{10**30}", "1"],
        "long": [2.0**53, 0.5],
        "text": ["\\ud800", "ä"],
        "half \\udcff": [True, None],
    }


@pytest.mark.parametrize(("library", "call"), [("pyarrow", "to_arrow"), ("pandas", "to_pandas")])
def test_without_the_library_the_extra_is_named(
    library: str, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        workflow.MissingExtraError, match=rf"{library} is not installed.*heliograph\[export\]"
    ):
        getattr(workflow.sql("select 1 as a"), call)()
