"""Files that nothing needs are found and removed, and never one that something needs."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from heliograph import workflow
from heliograph.cli.app import run
from heliograph.graph.node import Inputs
from heliograph.graph.plan import make_plan
from heliograph.records.status import WorkflowStatus
from heliograph.storage.entries import Submission, Unstored
from heliograph.storage.journal.journal import Batch
from heliograph.storage.location import locate
from heliograph.storage.upkeep.garbage import LEAST_AGE
from heliograph.storage.values.arguments import STAGED_SECONDS
from tests.conditions import until
from tests.gates import Gate
from tests.invariants import check_store, connect
from tests.storage.opened import NOBODY, Opened

LARGE = 100_000
LONG = 7 * 24 * 3600.0


@workflow.task
def make() -> bytes:
    return os.urandom(LARGE)


@workflow.task
def use(_value: bytes) -> bytes:
    return os.urandom(LARGE)


@workflow.task
def wait(gate: Gate, *_values: bytes) -> bytes:
    gate.wait()
    return os.urandom(LARGE)


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    made = str(tmp_path / "storage") if request.param == "sqlite" else request.getfixturevalue("url")
    workflow.init(storage=made, workers="threads")
    yield made
    workflow.shutdown()
    location = locate(made)
    check_store(location.path or made)


def values(storage: str) -> Path:
    return Path(locate(storage).values)


def files(storage: str) -> set[str]:
    return {f"{file.parent.name}/{file.name}" for file in values(storage).glob("*/*")}


def named(storage: str) -> set[str]:
    """The files that rows name."""
    with closing(connect(locate(storage).path or storage)) as connection:
        rows = connection.execute("SELECT location FROM stored_values WHERE location IS NOT NULL").fetchall()
    return {row["location"] for row in rows}


def plant(storage: str, name: str, age: float = 0.0) -> str:
    """A file that nothing names."""
    file = values(storage) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"garbage")
    grow_old(file, age)
    return name


def grow_old(file: Path, age: float) -> None:
    then = file.stat().st_mtime - age
    os.utime(file, (then, then))


def all_grow_old(storage: str, age: float = LONG) -> None:
    for file in values(storage).glob("*/*"):
        if file.suffix != ".tmp":  # nobody writes at one for so long
            grow_old(file, age)


def collected(**given: object) -> set[str]:
    return {file["name"] for file in workflow.collect_garbage(**given)["files"]}  # type: ignore[arg-type]


def key_of(storage: str, workflow_id: str) -> int:
    with closing(connect(locate(storage).path or storage)) as connection:
        found = connection.execute(f"SELECT key FROM workflows WHERE workflow_id = '{workflow_id}'")
        return int(found.fetchone()["key"])


def test_what_nothing_names_goes_and_all_else_stays(storage: str) -> None:
    workflow.run(wait.bind(opened_gate(storage), make.bind(), os.urandom(LARGE)), workflow_id="mine")
    key = key_of(storage, "mine")
    all_grow_old(storage)
    kept = files(storage)
    assert kept == named(storage)
    garbage = {
        plant(storage, f"{key}/of a killed attempt", LONG),
        plant(storage, f"{key}/unfinished.tmp", LONG),
        plant(storage, f"{key + 1000}/of a deleted workflow", LONG),
        plant(storage, "submitted-5/of a submission that never came", LONG),
    }
    young = {plant(storage, f"{key}/young"), plant(storage, "submitted-6/young")}
    assert collected() == garbage
    assert files(storage) == kept | garbage | young
    assert collected(remove=True) == garbage
    assert files(storage) == kept | young == named(storage) | young
    stay = workflow.collect_garbage()
    sizes = [(values(storage) / name).stat().st_size for name in kept | young]
    assert (stay["kept"], stay["kept_bytes"]) == (len(sizes), sum(sizes))
    assert collected(remove=True) == set()
    assert len(workflow.get_output("mine")) == LARGE


def opened_gate(storage: str) -> Gate:
    gate = Gate(values(storage).parent / "gate")
    gate.open()
    return gate


def test_what_an_active_workflow_may_name_stays(storage: str, tmp_path: Path) -> None:
    """Outputs without a checkpoint, too, which its tasks read and nothing names; and what it will write."""
    gate = Gate(tmp_path / "gate")
    unkept = make.options(checkpoint=False).bind()
    future = workflow.run_async(wait.options(checkpoint=False).bind(gate, unkept), workflow_id="mine")
    gate.until_waiting()
    key = key_of(storage, "mine")
    written = plant(storage, f"{key}/written and not named yet", LONG)
    given_up = plant(storage, f"{key}/given up.tmp", LONG)
    still_written = plant(storage, f"{key}/still written.tmp", 7200)
    all_there = files(storage)
    assert len(all_there) == 4
    for file in values(storage).glob(f"{key}/*"):
        if len(file.name) == 64:
            grow_old(file, LONG)
    assert collected(remove=True) == {given_up}
    assert files(storage) == all_there - {given_up}
    assert {written, still_written} < files(storage)
    gate.open()
    assert len(future.result(60)) == LARGE
    all_grow_old(storage)
    left = files(storage)
    assert collected(remove=True) == left
    assert files(storage) == set()


def test_what_a_stopped_task_writes_after_the_deletion_is_garbage(storage: str, tmp_path: Path) -> None:
    """A thread can't be stopped: it goes on, and leaves its output behind."""
    gate = Gate(tmp_path / "gate")
    workflow.run_async(wait.bind(gate), workflow_id="mine")
    gate.until_waiting()
    key = key_of(storage, "mine")
    workflow.cancel("mine")
    workflow.delete("mine")
    assert files(storage) == set()
    gate.open()
    (left,) = until(lambda: {name for name in files(storage) if not name.endswith(".tmp")})
    assert left.startswith(f"{key}/")
    assert collected(remove=True) == set()  # it is young
    all_grow_old(storage)
    assert collected(remove=True) == {left}
    assert not (values(storage) / str(key)).exists()


def test_beside_engines_that_write_nothing_is_lost(storage: str) -> None:
    """Everything is old at once, as if files had stood there for long."""
    over = threading.Event()
    failed: list[Exception] = []

    def collect() -> None:
        while not over.is_set():
            try:
                all_grow_old(storage)
            except FileNotFoundError:
                continue  # it was given its name meanwhile
            try:
                workflow.collect_garbage(remove=True)
            except Exception as error:
                failed.append(error)
                return

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        futures = [
            workflow.run_async(
                use.bind(use.bind(make.options(checkpoint=False).bind())), workflow_id=f"{number}"
            )
            for number in range(20)
        ]
        for future in futures:
            future.exception(100)
    finally:
        over.set()
        collector.join()
    assert not failed
    for number in range(20):
        assert workflow.get_status(f"{number}") == "SUCCESSFUL"
        assert len(workflow.get_output(f"{number}")) == LARGE
    assert files(storage) >= named(storage)


def test_a_submission_that_stood_still_too_long_is_refused(here: Opened) -> None:
    """Its arguments may be garbage by then: stored, it could never run."""
    plan, arguments, folder = here.store.with_arguments(make_plan(use.bind(os.urandom(LARGE)), Inputs()))
    assert folder is not None
    old = Submission(
        "mine", plan, arguments, "{}", WorkflowStatus.RUNNING, NOBODY, here.clock(), folder=folder
    )
    here.clock.now += STAGED_SECONDS + 1
    assert LEAST_AGE > STAGED_SECONDS + 1
    journal = here.journal()
    (answer,) = journal.commit(Batch([old], [])).answers
    assert isinstance(answer, Unstored)
    assert "submit it again" in str(answer.error)


def test_a_submission_of_a_stored_id_leaves_no_arguments(storage: str, tmp_path: Path) -> None:
    for _ in range(2):
        workflow.run(wait.bind(opened_gate(storage), os.urandom(LARGE)), workflow_id="mine")
    assert files(storage) == named(storage)


def test_the_arguments_of_what_is_handed_in_stay_until_it_is_deleted(storage: str) -> None:
    workflow.shutdown()
    workflow.init(storage=storage, max_pending_workflows=1)
    workflow.run_async(use.bind(os.urandom(LARGE)), workflow_id="mine", detach=True)
    with pytest.raises(queue.Full):
        workflow.run_async(use.bind(os.urandom(LARGE)), workflow_id="other", detach=True)
    workflow.shutdown()
    workflow.init(storage=storage)
    with pytest.raises(RuntimeError, match="'mine' is PENDING already"):
        workflow.run_async(use.bind(os.urandom(LARGE)), workflow_id="mine", detach=True)
    all_grow_old(storage)
    assert len(files(storage)) == 1
    assert files(storage) == named(storage)
    assert collected(remove=True) == set()
    workflow.cancel("mine")
    workflow.delete("mine")
    assert files(storage) == set()


@pytest.mark.parametrize("age", [0, 599, -1, float("nan")])
def test_an_age_that_is_too_short_is_refused(storage: str, age: float) -> None:
    with pytest.raises(ValueError, match="older_than must be 600 s or more"):
        workflow.collect_garbage(older_than=age)


def test_the_command_shows_first_and_removes_when_told(
    storage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workflow.run(make.bind(), workflow_id="mine")
    planted = plant(storage, f"{key_of(storage, 'mine')}/garbage", LONG)
    kept = files(storage) - {planted}

    def gc(*arguments: str) -> tuple[int, str, str]:
        code = run(["--storage", storage, "gc", *arguments])
        return code, *capsys.readouterr()

    code, shown, said = gc()
    assert (code, planted in shown, "would be removed" in said) == (0, True, True)
    assert files(storage) == kept | {planted}
    assert "removed" in gc("--yes")[2]
    assert files(storage) == kept
    assert gc("--older-than", "5min")[0] == 2
    assert gc("--older-than", "soon")[0] == 2
