"""The engine is killed while a task reports: what other processes had seen is there after the resume."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from heliograph import workflow
from tests import scripts
from tests.conditions import until

TALK = """
import pathlib, sys, time
from heliograph import workflow

@workflow.task
def talk(flag):
    me = workflow.current()
    number = 0
    while not flag.exists():
        number += 1
        me.progress(number, message=f"attempt {me.attempt}")
        me.log(f"{me.attempt}/{number}")
        me.metric("n", number)
        me.update_metadata({f"attempt {me.attempt}": number})
        time.sleep(0.001)
    return number

flag = pathlib.Path(sys.argv[1])
workflow.init(workers=sys.argv[2])
workflow.run(talk.options(name="talk").bind(flag), workflow_id="w")
"""


@pytest.mark.parametrize("workers", ["processes", "threads"])
def test_what_was_seen_is_still_there(tmp_path: Path, workers: str) -> None:
    storage, flag = tmp_path / "storage", tmp_path / "flag"
    with scripts.start(TALK, storage, flag, workers) as process:
        until(lambda: (storage / "heliograph.db").exists())
        workflow.init(storage=storage)
        until(lambda: workflow.list_all() and len(workflow.get_logs("w", limit=10_000)) > 100)
        changes = []
        for change in workflow.watch("w"):
            changes.append(change)
            if len(changes) == 60:
                os.kill(process.pid, signal.SIGKILL)
                break
        process.wait()
    cursor = changes[-1]["cursor"]
    lines, points = workflow.get_logs("w", limit=10_000), workflow.get_metrics("w", limit=10_000)
    before = workflow.get_metadata("w", "talk")
    assert before["progress"]["message"] == "attempt 1"
    assert before["user_metadata"]["attempt 1"] >= 1
    seen = [*changes, *workflow.watch("w", cursor, wait=False)]
    flag.touch()
    workflow.shutdown()
    with scripts.start(TALK, storage, flag, workers) as process:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    workflow.init(storage=storage)
    try:
        after = workflow.get_metadata("w", "talk")
        assert [attempt["status"] for attempt in after["attempts"]] == ["LOST", "SUCCESSFUL"]
        assert after["attempts"][0]["progress"] == before["progress"]
        assert after["user_metadata"] == before["user_metadata"]
        assert workflow.get_logs("w", limit=10_000)[: len(lines)] == lines
        assert workflow.get_metrics("w", limit=10_000)[: len(points)] == points
        assert [line["text"] for line in lines] == [f"1/{n}" for n in range(1, len(lines) + 1)]
        told = list(workflow.watch("w"))
        assert told[: len(seen)] == seen
        assert len({change["cursor"] for change in told}) == len(told)
        assert [c["text"] for c in told if c["kind"] == "line"] == [
            line["text"] for line in workflow.get_logs("w", limit=10_000)
        ]
    finally:
        workflow.shutdown()
