"""`list_metadata`, and what `get_history` says of a run whose engine is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from heliograph import workflow
from tests.conditions import until
from tests.contract.test_status import STATUSES, give, one_of_each, wait
from tests.gates import Gate

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


def listed(*args: object, **kwargs: object) -> list[str]:
    return [metadata["workflow_id"] for metadata in workflow.list_metadata(*args, **kwargs)]  # type: ignore[arg-type]


def test_each_is_what_get_metadata_gives_newest_first(engine: EngineUnderTest) -> None:
    assert workflow.list_metadata() == []
    for name in ("a", "b", "c"):
        workflow.run(give.bind(1), workflow_id=name, metadata={"name": name})
    assert workflow.list_metadata() == [workflow.get_metadata(name) for name in ("c", "b", "a")]


def test_filter_and_limit(engine: EngineUnderTest, gate: Gate) -> None:
    one_of_each(engine, gate)
    for name in STATUSES:
        assert listed(name) == listed({name}, limit=5) == [name]
        assert listed(name, limit=0) == []
    assert listed() == ["PENDING", "RUNNING", "CANCELED", "FAILED", "SUCCESSFUL", "RESUMABLE"]
    assert listed(limit=2) == ["PENDING", "RUNNING"]
    # RESUMABLE is not stored: the newest active ones must not use the limit up.
    assert listed({"RESUMABLE", "SUCCESSFUL"}, limit=1) == ["SUCCESSFUL"]
    assert listed({"RESUMABLE"}, limit=1) == ["RESUMABLE"]
    assert listed({"FAILED", "CANCELED", "SUCCESSFUL"}, limit=2) == ["CANCELED", "FAILED"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"limit": -1}, ValueError),
        ({"limit": True}, TypeError),
        ({"limit": "3"}, TypeError),
        ({"status_filter": "nope"}, ValueError),
        ({"status_filter": 3}, TypeError),
    ],
)
def test_what_can_not_be(arguments: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(arguments))):
        workflow.list_metadata(**arguments)  # type: ignore[arg-type]


def test_a_run_whose_engine_is_gone_reads_as_its_workflow(engine: EngineUnderTest, gate: Gate) -> None:
    workflow.run_async(wait.bind(gate), workflow_id="w")
    gate.until_waiting()
    # If it had to wait for its turn, that it runs is stored a moment after its first task has begun.
    until(lambda: [run["status"] for run in workflow.get_history("w")] == ["RUNNING"])
    engine.restart()
    assert [run["status"] for run in workflow.get_history("w")] == ["RESUMABLE"]
    gate.open()
    workflow.resume("w")
    assert [run["status"] for run in workflow.get_history("w")] == ["RESUMABLE", "SUCCESSFUL"]


def test_a_limit_may_be_larger_than_any_number_of_workflows(engine: EngineUnderTest) -> None:
    workflow.run(give.bind(1), workflow_id="one")
    assert len(workflow.list_metadata(limit=10**400)) == 1
    assert len(workflow.search(limit=10**400)["found"]) == 1
