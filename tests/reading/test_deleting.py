"""Reading while another process deletes: an answer, or the error that says that there is none."""

from __future__ import annotations

import itertools
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heliograph import workflow
from tests import postgresql, scripts

CHURN = """
import itertools, pathlib, sys
from heliograph import workflow

@workflow.task(max_retries=0)
def work(number):
    workflow.current().log("a line")
    workflow.current().progress(1, 2)
    workflow.current().update_metadata({"n": number})
    return number

@workflow.task(max_retries=0)
def both(numbers):
    if numbers[0] % 3 == 0:
        raise ValueError("broken")
    return numbers

end = pathlib.Path(sys.argv[1])
workflow.init(workers="threads", num_workers=2)
for turn in itertools.count():
    name = f"w{turn % 3}"
    running = workflow.run_async(both.bind([work.bind(turn), work.bind(1)]), workflow_id=name)
    running.exception(60)
    if end.exists():
        break
    workflow.delete(name)
"""

READS: dict[str, Callable[[str], Any]] = {
    "get_metadata": workflow.get_metadata,
    "with tasks": lambda name: workflow.get_metadata(name, tasks=True),
    "a task": lambda name: workflow.get_metadata(name, "__main__.work"),
    "get_tasks": workflow.get_tasks,
    "get_history": workflow.get_history,
    "history": workflow.history,
    "logs": workflow.get_logs,
    "watch": lambda name: list(workflow.watch(name, wait=False)),
    "profile": workflow.profile,
    "timeline": workflow.timeline,
    "estimate": workflow.estimate,
    "compare": lambda name: workflow.compare(name, "w0"),
    "export": lambda name: workflow.export(name, "html"),
    "list": lambda _: workflow.list_metadata(),
    "search": lambda _: workflow.search("runs >= 1"),
    "search tasks": lambda _: workflow.search("user_metadata.n >= 0", tasks=True),
    "summarize": lambda _: workflow.summarize("status", "stats.duration"),
    "sql": lambda _: workflow.sql("select * from heliograph_attempts"),
}


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "SQLite":
        yield tmp_path / "storage"
        workflow.shutdown()
        return
    url = postgresql.server().database(tmp_path / "values")
    yield url
    workflow.shutdown()
    postgresql.server().drop(url)


def ask_until_all_were_answered(answers: Counter[tuple[str, bool]], process: subprocess.Popen[str]) -> None:
    for turn in itertools.count():
        for name, read in READS.items():
            try:
                read(f"w{turn % 3}")
            except workflow.WorkflowNotFoundError:
                answers[name, False] += 1
            else:
                answers[name, True] += 1
        assert process.poll() is None, process.communicate()
        if all(answers[name, True] for name in READS) and answers["get_metadata", False]:
            return


def test_every_question_is_answered_or_there_is_no_such_workflow(storage: Any, tmp_path: Path) -> None:
    end, answers = tmp_path / "end", Counter[tuple[str, bool]]()
    workflow.init(storage=storage)
    with scripts.start(CHURN, storage, end) as process:
        try:
            ask_until_all_were_answered(answers, process)
        finally:
            end.touch()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
