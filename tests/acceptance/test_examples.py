"""The small examples: each run as a user does it. The demo and the approval have tests of their own."""

from __future__ import annotations

import hashlib
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heliograph import workflow
from tests.conditions import DEADLINE, until
from tests.scripts import ROOT, environment

EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


@contextmanager
def started(name: str, storage: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, ROOT / "examples" / f"{name}.py", "--storage", storage, *map(str, arguments)]
    with subprocess.Popen(
        command,
        cwd=storage.parent,
        env=environment(storage / "not this one"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(name: str, storage: Path, *arguments: object) -> str:
    with started(name, storage, *arguments) as process:
        printed, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, errors) == (0, "")
    return printed


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Path]:
    workflow.shutdown()  # doctests leave theirs open
    yield tmp_path / "storage"
    workflow.shutdown()


def bookings(storage: Path) -> list[str]:
    return sorted(path.name for path in (storage / "agency").glob("*"))


def test_saga_books_all_and_only_once(storage: Path) -> None:
    for _ in range(2):
        assert run("saga", storage) == "booked: flight, hotel, car\n"
        assert bookings(storage) == ["lisbon.car", "lisbon.flight", "lisbon.hotel"]
    workflow.init(storage=storage)
    assert workflow.get_metadata("lisbon")["runs"] == 1


@pytest.mark.parametrize(
    ("full", "said"),
    [
        (["hotel"], "no hotel is left for rome; undone: flight, car\n"),
        (["flight", "car"], "no flight is left for rome; no car is left for rome; undone: hotel\n"),
        (["flight", "hotel", "car"], "undone: nothing\n"),
    ],
)
def test_saga_undoes_what_it_booked(storage: Path, full: list[str], said: str) -> None:
    assert run("saga", storage, "--trip", "rome", "--full", *full).endswith(said)
    assert bookings(storage) == []
    workflow.init(storage=storage)
    undone = [task["name"] for task in workflow.get_tasks("rome") if "undo" in task["name"]]
    assert len(undone) == 3 - len(full)


def test_factorial(storage: Path) -> None:
    assert run("factorial", storage, 12) == "12! = 479001600 (23 tasks)\n"
    assert run("factorial", storage, 1) == "1! = 1 (1 tasks)\n"
    workflow.init(storage=storage)
    creators = Counter(task.get("creator") for task in workflow.get_tasks("factorial-12"))
    assert max(creators.values()) == 2


def test_conditional_takes_one_branch_a_file(storage: Path, tmp_path: Path) -> None:
    text, other = tmp_path / "a text", tmp_path / "other"
    text.write_text("four words are here")
    other.write_bytes(b"\xff\xfe\x00")
    assert run("conditional", storage, text, other).splitlines() == [
        f"{text}: 4 words",
        f"{other}: sha256 {hashlib.sha256(other.read_bytes()).hexdigest()}",
    ]
    workflow.init(storage=storage)
    ((workflow_id, _),) = workflow.list_all()
    functions = Counter(task["function"]["qualname"] for task in workflow.get_tasks(workflow_id))
    assert functions == {"look": 2, "count_words": 1, "checksum": 1, "listed": 1}


def test_map_reduce_is_as_wide_as_its_data(storage: Path) -> None:
    from pydoc_data.topics import topics

    assert f" in {len(topics)} texts;" in run("map_reduce", storage, "--shortest", 9)
    workflow.init(storage=storage)
    ((workflow_id, _),) = workflow.list_all()
    functions = Counter(task["function"]["qualname"] for task in workflow.get_tasks(workflow_id))
    assert functions == {"split": 1, "count": len(topics), "merge": 1}
    _, words = workflow.get_output(workflow_id)
    assert words["exception"] == len(
        re.findall(r"(?i)(?<![a-z])exception(?![a-z])", "\n".join(topics.values()))
    )


def test_poll_goes_on_after_a_kill_until_the_upload_is_complete(storage: Path, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    workflow_id = f"upload of {upload}"
    workflow.init(storage=storage)

    def looks() -> int:
        try:
            tasks = workflow.get_tasks(workflow_id)
        except workflow.WorkflowNotFoundError:
            return 0
        return sum(task["function"]["qualname"] == "look" for task in tasks)

    with started("poll", storage, upload, "--every", 0.05) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"waiting for {upload}\n"
        until(lambda: looks() >= 3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    seen = looks()
    with started("poll", storage, upload, "--every", 0.05) as process:
        until(lambda: looks() > seen)
        upload.write_text("hello")
        printed, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, errors) == (0, "")
    assert printed.endswith(f"complete: 5 bytes, seen at look {looks()}\n")
    assert len(workflow.get_history(workflow_id)) == 2


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_listed_in_the_readme(name: str) -> None:
    assert f"(examples/{name})" in (ROOT / "README.md").read_text()
