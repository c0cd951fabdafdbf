"""The demo: it runs, it survives SIGKILL, and it says what it did not have to repeat."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from heliograph import workflow
from tests.conditions import until
from tests.scripts import ROOT

DEMO = ROOT / "examples" / "stdlib_index.py"
ID = "stdlib-index"


class Demo:
    """The demo on a storage of its own, watched from outside as any other process would."""

    def __init__(self, storage: Path) -> None:
        self.storage = storage

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [sys.executable, "-X", "faulthandler", DEMO, "--storage", self.storage, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *arguments: str) -> str:
        with self.started(*arguments) as process:
            printed, errors = process.communicate(timeout=100)
        assert process.returncode == 0, f"{printed}\n{errors}"
        return printed

    def until(self, condition: Callable[[dict[str, Any]], bool], process: subprocess.Popen[str]) -> None:
        """Wait for what the metadata say of what a process does; before there is a workflow, they say no.

        If they never say it, the process tells where its threads are.
        """

        def holds() -> bool:
            assert process.poll() is None, f"it ended with {process.returncode}: {process.communicate()}"
            try:
                return condition(workflow.get_metadata(ID))
            except workflow.WorkflowNotFoundError:
                return False

        try:
            until(holds, what="the demo's metadata")
        except AssertionError as error:
            process.send_signal(signal.SIGABRT)
            error.add_note("\n".join(process.communicate(timeout=30)))
            raise


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    made = Demo(tmp_path / "storage")
    workflow.init(storage=made.storage)
    yield made
    workflow.shutdown()


PART = (
    *("asyncio", "concurrent", "email", "http", "idlelib", "importlib", "json", "multiprocessing"),
    *("tkinter", "unittest", "urllib", "wsgiref", "xml", "xmlrpc", "textwrap.py"),
)
"""Of the library: enough to be killed three times, in a third of the time that it all takes."""


@pytest.fixture
def part(tmp_path: Path) -> Path:
    library, sources = Path(sysconfig.get_paths()["stdlib"]), tmp_path / "sources"
    for name in PART:
        for path in (library / name).rglob("*.py") if (library / name).is_dir() else [library / name]:
            (copy := sources / path.relative_to(library)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return sources


SHARES = (0.05, 0.3, 0.5)  # the rest takes longer than a look at it on a busy machine


@pytest.mark.timeout(300)
def test_killed_three_times_it_goes_on_and_reports_the_same(demo: Demo, tmp_path: Path, part: Path) -> None:
    undisturbed, of_part = Demo(tmp_path / "undisturbed"), ("--sources", str(part))
    printed = undisturbed.run(*of_part, "--report", str(tmp_path / "undisturbed.json"))
    assert re.match(rf"'{ID}' starts: \d+ tasks", printed)

    told = []
    for share in SHARES:
        with demo.started(*of_part) as process:
            demo.until(partial(has_done, share=share), process)
            process.send_signal(signal.SIGKILL)
            printed, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (-signal.SIGKILL, "")
        told.append(told_reused(printed))
        assert workflow.get_status(ID) == "RESUMABLE"
    printed = demo.run(*of_part, "--report", str(tmp_path / "disturbed.json"))
    told.append(told_reused(printed))

    history = workflow.get_history(ID)
    total = workflow.get_metadata(ID)["progress"]["total"]
    assert total >= 200
    assert told == [run["reused"] for run in history]
    assert told[0] == 0
    assert [reused >= share * total for reused, share in zip(told[1:], SHARES, strict=True)] == [True] * 3
    assert [run["status"] for run in history] == ["RESUMABLE"] * 3 + ["SUCCESSFUL"]
    assert (tmp_path / "disturbed.json").read_text() == (tmp_path / "undisturbed.json").read_text()
    for task in workflow.get_tasks(ID):
        done = [attempt for attempt in task["attempts"] if attempt["status"] == "SUCCESSFUL"]
        assert len(done) == 1, task["name"]

    for words in ("It took 4 runs", "The slowest task", '"status": "SUCCESSFUL"', "lines, "):
        assert words in printed
    assert re.search(r"^'index.textwrap' was tried \d times:$", printed, re.MULTILINE)

    again = demo.run()
    assert again.startswith(f"'{ID}' finished at ")
    assert workflow.get_history(ID) == history


@pytest.mark.timeout(200)
def test_one_undisturbed_run(demo: Demo) -> None:
    with demo.started() as process:
        demo.until(partial(has_done, share=0.02), process)
        for arguments in ([], ["--fresh"]):
            with demo.started(*arguments) as second:
                printed, errors = second.communicate(timeout=60)
            assert (second.returncode, printed) == (1, "")
            assert errors.count("\n") == 1
            assert f"'{ID}' runs already, in process {process.pid} on " in errors
        printed, errors = process.communicate(timeout=100)
    assert (process.returncode, errors) == (0, "")

    metadata = workflow.get_metadata(ID)
    assert json.dumps(metadata, indent=2) in printed
    tasks = workflow.get_tasks(ID)
    assert {len(task["workflow_refs"]) > 0 for task in tasks if task["name"].startswith("index.")} == {False}
    attempts = workflow.get_metadata(ID, "index.textwrap")["attempts"]
    assert [attempt["status"] for attempt in attempts] == ["FAILED", "SUCCESSFUL"]
    assert "OSError: [Errno 5] the demo's flaky disk could not read it: 'textwrap.py'" in printed

    commands = printed.partition("See more:\n")[2].splitlines()
    assert len(commands) == 2
    for command in commands:
        shown = subprocess.run(
            command, shell=True, cwd=Path.cwd(), capture_output=True, text=True, check=True
        )
        assert ID in shown.stdout


def test_another_python_than_the_one_it_began_with(demo: Demo) -> None:
    workflow.shutdown()
    code = (
        "from heliograph import workflow\nimport os\n"
        f"workflow.init(storage={str(demo.storage)!r}, workers='threads')\n"
        "stop = workflow.task(lambda: os._exit(0))\n"
        f"workflow.run(stop.bind(), workflow_id={ID!r}, metadata={{'library': 'Python 3.0.1'}})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=os.environ)
    with demo.started() as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert re.fullmatch(rf"demo: '{ID}' was begun with Python 3\.0\.1 and this is .*--fresh.*\n", errors)


def has_done(metadata: dict[str, Any], share: float) -> bool:
    progress: dict[str, int] = metadata["progress"]
    return metadata["status"] == "RUNNING" and progress["done"] >= share * progress["total"]


def told_reused(printed: str) -> int:
    """How many tasks the demo said it did not have to repeat."""
    if printed.startswith(f"'{ID}' starts"):
        return 0
    found = re.match(rf"'{ID}' was RESUMABLE and goes on: (\d+) of \d+ tasks", printed)
    assert found, printed
    return int(found.group(1))
