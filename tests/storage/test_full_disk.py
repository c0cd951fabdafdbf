"""A disk that is full: an error of a documented type, nothing stored is lost, and it goes on after."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from heliograph import workflow
from heliograph.storage.liveness import LEASE_SECONDS
from heliograph.storage.location import locate
from heliograph.storage.store import Store
from tests.conditions import DEADLINE, until
from tests.gates import Gate, Ledger
from tests.invariants import check_store
from tests.tasks import note


@workflow.task
def wait(gate: Gate, name: str, *_after: object) -> str:
    gate.wait(name)
    return name


@workflow.task
def wait_and_fill(gate: Gate, name: str, *_after: object) -> bytes:
    """Its output is kept in the database, which has to grow for it."""
    gate.wait(name)
    return os.urandom(60_000)


@workflow.task
def make(gate: Gate, size: int) -> bytes:
    gate.wait()
    return os.urandom(size)


@dataclass
class Disk:
    """Where a storage is, and how it gets full and empty."""

    folder: Path
    fill: Callable[[], None]
    free: Callable[[], None]


@contextlib.contextmanager
def limited_pages(tmp_path: Path) -> Iterator[Disk]:
    """SQLite itself says that the disk is full when a database may grow no more: works everywhere."""
    connections: list[sqlite3.Connection] = []
    most = 2**30

    def limit(connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA max_page_count = {most}")

    def connected(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*args, **options)
        connections.append(connection)
        limit(connection)
        return connection

    def set_most(pages: int) -> None:
        nonlocal most
        most = pages  # the least SQLite takes is what there is
        for connection in connections:
            with contextlib.suppress(sqlite3.ProgrammingError):  # closed
                limit(connection)

    connect = sqlite3.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", connected)
        yield Disk(tmp_path / "storage", lambda: set_most(1), lambda: set_most(2**30))


@contextlib.contextmanager
def small_filesystem(tmp_path: Path) -> Iterator[Disk]:
    """A filesystem that is really full; only root may mount one."""
    root = tmp_path / "disk"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", root], check=True)
    ballast = root / "ballast"

    def fill() -> None:
        for size in (65536, 4096, 1):
            with open(ballast, "ab", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
        assert shutil.disk_usage(root).free == 0

    try:
        yield Disk(root / "storage", fill, ballast.unlink)
    finally:
        workflow.shutdown()
        subprocess.run(["umount", root], check=True)


def may_mount() -> bool:
    if os.getuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True)
        return tried.returncode == 0 and subprocess.run(["umount", folder]).returncode == 0


DISKS = [limited_pages, *([small_filesystem] if may_mount() else [])]


@pytest.fixture(params=DISKS, ids=lambda disk: disk.__name__)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with request.param(tmp_path) as made:
        workflow.init(storage=made.folder, workers="threads", num_workers=4)
        yield made
        workflow.shutdown()
        check_store(made.folder / "heliograph.db")


def run_until_full(disk: Disk, gate: Gate, ledger: Ledger, names: list[str]) -> dict[str, Any]:
    """Workflows with a stored and a running task, as the disk gets full."""
    outputs = {}
    for name in names:
        early = note.options(name="early").bind(ledger, name)
        held = wait_and_fill.options(name="held").bind(gate, name, early)
        outputs[name] = workflow.run_async(note.bind(ledger, f"{name} late", held), workflow_id=name)
        gate.until_waiting(name)
        until(lambda name=name: workflow.get_metadata(name, "held")["status"] == "RUNNING")
    disk.fill()
    gate.open()
    return outputs


def test_running_workflows_end_with_a_storage_error(disk: Disk, gate: Gate, ledger: Ledger) -> None:
    outputs = run_until_full(disk, gate, ledger, ["one", "two"])
    for output in outputs.values():
        with pytest.raises(workflow.StorageError, match="full") as raised:
            output.result(DEADLINE)
        assert "Free some space, then resume the workflows" in str(raised.value)
        assert str(disk.folder) in str(raised.value)


def test_nothing_stored_is_lost_and_it_goes_on_in_the_same_process(
    disk: Disk, gate: Gate, ledger: Ledger
) -> None:
    outputs = run_until_full(disk, gate, ledger, ["one", "two"])
    until(lambda: all(output.done() for output in outputs.values()))
    for name in ("one", "two"):
        assert workflow.get_output(name, task_id="early") == name  # reading goes on
    disk.free()
    assert workflow.resume("one") == "one late"
    until(lambda: workflow.get_status("two") == "RESUMABLE")
    ((name, output),) = workflow.resume_all()
    assert (name, output.result(DEADLINE)) == ("two", "two late")
    assert ledger.counts() == {"one": 1, "two": 1, "one late": 1, "two late": 1}
    assert [run["status"] for run in workflow.get_history("one")] == ["RESUMABLE", "SUCCESSFUL"]


def test_what_is_new_is_refused_while_it_is_full(disk: Disk, gate: Gate, ledger: Ledger) -> None:
    workflow.run(note.bind(ledger, "before"), workflow_id="before")
    disk.fill()
    large = note.bind(ledger, "refused", "x" * 30_000, "y" * 30_000)
    for _ in range(3):
        with pytest.raises(workflow.StorageError, match="full"):
            workflow.run(large, workflow_id="refused")
    assert workflow.list_all() == [("before", "SUCCESSFUL")]
    assert workflow.get_output("before") == "before"
    disk.free()
    assert workflow.run(large, workflow_id="refused") == "refused"
    assert ledger.counts() == {"before": 1, "refused": 1}


def test_the_engine_may_be_closed_while_it_is_full(disk: Disk, gate: Gate, ledger: Ledger) -> None:
    """Its lease can't be given up then; so it runs out."""
    run_until_full(disk, gate, ledger, ["one"])
    workflow.shutdown()
    disk.free()
    later = Store(locate(disk.folder), lambda: time.time() + 2 * LEASE_SECONDS)
    record = later.queries.workflow("one")
    later.close()
    assert record is not None
    assert record.status == "RESUMABLE"


@pytest.fixture(params=["processes", "threads"])
def little_room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A storage whose value folder can't be written: as on a disk of its own that is full."""
    folder = tmp_path / "storage"
    workflow.init(storage=folder, workers=request.param, num_workers=2)
    (folder / "heliograph-values").symlink_to("/dev/full")
    yield folder
    workflow.shutdown()
    check_store(folder / "heliograph.db")


def test_a_large_output_that_can_not_be_written_fails_its_task(
    little_room: Path, gate: Gate, ledger: Ledger
) -> None:
    early = note.options(name="early").bind(ledger, "early")
    makes = make.options(name="makes").bind(gate, 100_000)
    future = workflow.run_async(note.bind(ledger, "late", early, makes), workflow_id="mine")
    until(lambda: workflow.get_metadata("mine", "early")["status"] == "SUCCESSFUL")
    gate.open()
    with pytest.raises(workflow.WorkflowExecutionError, match="'makes'") as raised:
        future.result()
    assert isinstance(raised.value.__cause__, workflow.StorageError)
    assert "heliograph-values" in str(raised.value.__cause__)
    assert workflow.get_status("mine") == "FAILED"
    (little_room / "heliograph-values").unlink()
    assert workflow.resume("mine") == "late"
    assert ledger.counts() == {"early": 1, "late": 1}


def test_large_arguments_that_can_not_be_written_refuse_their_workflow_only(
    little_room: Path, gate: Gate, ledger: Ledger
) -> None:
    other = workflow.run_async(wait.bind(gate, "other"), workflow_id="other")
    gate.until_waiting("other")
    with pytest.raises(workflow.StorageError, match="heliograph-values"):
        workflow.run(note.bind(ledger, "x", "y" * 100_000), workflow_id="refused")
    assert workflow.list_all() == [("other", "RUNNING")]
    gate.open()
    assert other.result(DEADLINE) == "other"


@workflow.task
def go_on(ledger: Ledger, size: int) -> workflow.Node:
    return note.bind(ledger, "went on", "z" * size)


def test_large_arguments_of_a_continuation_that_can_not_be_written_fail_its_task_only(
    little_room: Path, gate: Gate, ledger: Ledger
) -> None:
    other = workflow.run_async(wait.bind(gate, "other"), workflow_id="other")
    gate.until_waiting("other")
    with pytest.raises(workflow.WorkflowExecutionError, match="'goes on'") as raised:
        workflow.run(go_on.options(name="goes on").bind(ledger, 100_000), workflow_id="mine")
    assert isinstance(raised.value.__cause__, workflow.StorageError)
    assert "heliograph-values" in str(raised.value.__cause__)
    assert dict(workflow.list_all()) == {"other": "RUNNING", "mine": "FAILED"}
    gate.open()
    assert other.result(DEADLINE) == "other"
    (little_room / "heliograph-values").unlink()
    assert workflow.resume("mine") == "went on"
    assert ledger.counts() == {"went on": 1}
