"""Arguments and outputs above 64 KiB: in the value folder, and back."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heliograph import workflow
from heliograph.storage.values.value_store import ValueStore
from heliograph.storage.values.writing import INLINE_LIMIT
from tests.gates import Ledger
from tests.invariants import check_store, connect
from tests.tasks import give

LARGE = INLINE_LIMIT + 1


@workflow.task
def make(size: int, letter: bytes = b"x") -> bytes:
    return letter * size


@workflow.task
def length(value: bytes) -> int:
    return len(value)


@workflow.task
def gather(values: list[Any]) -> list[Any]:
    return values


@workflow.task
def go_on(size: int) -> workflow.Continuation:
    return workflow.continuation(length.bind(b"x" * size))


@workflow.task
def fail_without(flag: Path, value: bytes, *_after: object) -> int:
    flag.read_text()
    return len(value)


@pytest.fixture(params=["processes", "threads"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "storage"
    workflow.init(storage=folder, workers=request.param, num_workers=2)
    yield folder
    workflow.shutdown()
    check_store(folder / "heliograph.db")


def files(storage: Path) -> list[Path]:
    return [path for path in storage.glob("heliograph-values/**/*") if path.is_file()]


def inline(storage: Path) -> list[tuple[str, bool]]:
    connection = connect(storage / "heliograph.db")
    found = connection.execute(
        "SELECT role, data IS NOT NULL AS inline FROM stored_values ORDER BY task, role"
    )
    rows = [(row["role"], bool(row["inline"])) for row in found]
    connection.close()
    return rows


def test_a_large_output(storage: Path) -> None:
    assert workflow.run(length.bind(make.options(name="makes").bind(LARGE)), workflow_id="mine") == LARGE
    assert inline(storage) == [("arguments", True), ("output", False), ("arguments", True), ("output", True)]
    (file,) = files(storage)
    task = workflow.get_metadata("mine", "makes")
    assert task["output"]["size"] == len(pickle.dumps(b"x" * LARGE, 5))
    assert task["output"]["sha256"] == file.stem
    assert file.suffix == ".zst"
    assert file.stat().st_size < LARGE / 10
    assert task["output"]["stored"].endswith(file.name)
    assert workflow.get_output("mine", task_id="makes") == b"x" * LARGE


def test_a_large_last_output(storage: Path) -> None:
    assert workflow.run(make.bind(LARGE), workflow_id="mine") == b"x" * LARGE
    assert workflow.get_output("mine") == b"x" * LARGE
    assert workflow.resume("mine") == b"x" * LARGE


def test_large_arguments(storage: Path) -> None:
    data = b"a" * LARGE
    assert workflow.run(length.bind(data), workflow_id="mine") == LARGE
    assert inline(storage) == [("arguments", False), ("output", True)]
    assert len(files(storage)) == 1


def test_large_arguments_of_a_continuation_are_where_their_workflow_has_its_values(storage: Path) -> None:
    """There nothing is taken for garbage, however long it takes until a row names them."""
    assert workflow.run(go_on.bind(LARGE), workflow_id="mine") == LARGE
    (file,) = files(storage)
    assert file.parent.name.isdigit()


@pytest.mark.parametrize(("size", "is_inline"), [(INLINE_LIMIT - 100, True), (INLINE_LIMIT, False)])
def test_the_limit(storage: Path, size: int, is_inline: bool) -> None:
    assert len(workflow.run(make.bind(size))) == size
    assert inline(storage) == [("arguments", True), ("output", is_inline)]


def test_large_values_after_a_resume(storage: Path, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    dag = fail_without.bind(flag, give.bind(b"b" * LARGE))
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(dag, workflow_id="mine")
    flag.touch()
    workflow.shutdown()
    workflow.init(storage=storage, workers="threads")
    assert workflow.resume("mine") == LARGE


def test_the_same_large_value_is_kept_once_a_workflow(storage: Path) -> None:
    makes = [make.bind(LARGE) for _ in range(5)]

    @workflow.task
    def total(values: list[bytes]) -> int:
        return sum(map(len, values))

    assert workflow.run(total.bind(makes), workflow_id="mine") == 5 * LARGE
    assert len(files(storage)) == 1


def test_delete_removes_the_folder_of_its_own_and_no_other(storage: Path) -> None:
    for name in ("one", "two"):
        workflow.run(make.bind(LARGE), workflow_id=name)
    assert len(list((storage / "heliograph-values").iterdir())) == 2
    workflow.delete("one")
    assert len(list((storage / "heliograph-values").iterdir())) == 1
    assert workflow.get_output("two") == b"x" * LARGE


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_damaged_large_output_is_told(storage: Path, damage: str) -> None:
    workflow.run(make.options(name="makes").bind(LARGE), workflow_id="mine")
    (file,) = files(storage)
    spoil(file, damage)
    for get in (
        lambda: workflow.get_output("mine"),
        lambda: workflow.get_output("mine", task_id="makes"),
        lambda: workflow.resume("mine"),
    ):
        with pytest.raises(workflow.StorageCorruptError) as raised:
            get()
        assert str(file) in str(raised.value)
    assert workflow.get_metadata("mine")["status"] == "SUCCESSFUL"


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_input_that_may_not_be_made_again_fails_its_task_and_nothing_else(
    storage: Path, tmp_path: Path, damage: str
) -> None:
    flag, ledger = tmp_path / "flag", Ledger(tmp_path / "ledger")

    @workflow.task
    def note(line: str) -> str:
        ledger.note(line)
        return line

    other = note.options(name="other").bind("other")
    made = make.options(max_retries=0).bind(LARGE)
    dag = fail_without.options(name="takes").bind(flag, made, other)  # fails once `other` is stored
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(dag, workflow_id="mine")
    flag.touch()
    (file,) = files(storage)
    data = file.read_bytes()
    spoil(file, damage)
    with pytest.raises(workflow.WorkflowExecutionError, match="'takes'") as raised:
        workflow.resume("mine")
    assert isinstance(raised.value.__cause__, workflow.StorageCorruptError)
    assert str(file) in str(raised.value.__cause__)
    assert workflow.get_status("mine") == "FAILED"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)  # from a backup
    assert workflow.resume("mine") == LARGE
    assert ledger.counts()["other"] == 1


def spoil(file: Path, damage: str) -> None:
    data = file.read_bytes()
    match damage:
        case "changed":
            file.write_bytes(data[:-10] + b"0123456789")
        case "cut":
            file.write_bytes(data[: len(data) // 2])
        case "gone":
            file.unlink()


def test_an_input_that_is_damaged_each_time_is_told_as_that_to_the_last(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = ValueStore.open

    def open_after_a_loss(values: ValueStore, location: str, sha256: str) -> Any:
        Path(values.path(location)).unlink(missing_ok=True)
        return opened(values, location, sha256)

    monkeypatch.setattr(ValueStore, "open", open_after_a_loss)
    workflow.shutdown()
    workflow.init(storage=storage, workers="threads")
    made = make.options(name="made", max_retries=1).bind(LARGE)
    take = length.options(max_retries=2, retry_exceptions=True, **workflow.options(catch_exceptions=True))
    found = workflow.run(gather.bind([take.bind(made) for _ in range(2)]), workflow_id="mine")
    assert [type(error) for _, error in found] == [workflow.StorageCorruptError] * 2
    assert ["is missing" in str(error) for _, error in found] == [True] * 2
    assert len(workflow.get_metadata("mine", "made")["attempts"]) == 2
