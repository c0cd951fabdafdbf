"""What an attempt says is stored with the attempt itself, however short it has run by then."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from heliograph import workflow
from tests.conditions import until
from tests.gates import Gate


@workflow.task
def talk(gate: Gate) -> None:
    workflow.current().log("begun")
    gate.wait()


@workflow.task
async def talk_async(gate: Gate) -> None:
    workflow.current().log("begun")
    await asyncio.to_thread(gate.wait)


@pytest.mark.parametrize("workers", ["processes", "threads"])
@pytest.mark.parametrize("task", [talk, talk_async], ids=["plain", "async"])
def test_who_reads_what_it_said_finds_it_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str, task: workflow.Task
) -> None:
    # Nobody looks at what runs: it has not run for long enough.
    monkeypatch.setattr("heliograph.engines.loop.performer.Performer.observe", lambda *_given: None)
    workflow.init(storage=tmp_path, workers=workers)
    try:
        gate = Gate(tmp_path / "gate")
        future = workflow.run_async(task.options(name="talk").bind(gate), workflow_id="w")
        until(lambda: bool(workflow.get_logs("w")), what="the line to be stored")
        found = workflow.get_metadata("w", "talk")
        assert found["status"] == "RUNNING"
        (attempt,) = found["attempts"]
        assert (attempt["status"], attempt["events"]) == ("RUNNING", {"lines": 1})
        assert attempt["phases"]["started"] <= workflow.get_logs("w")[0]["time"]
        gate.open()
        future.result()
    finally:
        workflow.shutdown()
