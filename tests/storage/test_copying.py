"""A whole storage somewhere else: copied, saved while it is written to, checked."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from heliograph import workflow
from heliograph.cli.app import run
from heliograph.storage.location import locate
from heliograph.storage.store import Store
from heliograph.storage.upkeep.saving import save
from heliograph.storage.values.folder import LocalFolder
from tests import postgresql, scripts
from tests.conditions import until
from tests.gates import Gate, Ledger
from tests.invariants import check_store, connect

LARGE = 100_000
TABLES = (
    *("workflows", "runs", "functions", "tasks", "dependencies", "attempts", "stored_values", "said"),
    *("workflow_labels", "task_labels", "reports", "changes", "http_events", "http_listeners"),
)


@workflow.task
def make(number: int) -> bytes:
    workflow.current().log(f"a line of {number}, with a \x00 and an ä")
    workflow.current().metric("loss", number / 3)
    workflow.current().progress(number, 10)
    return os.urandom(LARGE)


@workflow.task
def total(values: list[bytes], _own: bytes) -> int:
    return sum(map(len, values))


@workflow.task
def fail() -> None:
    raise ValueError("broken \x00\ud800")


@workflow.task
def wait(gate: Gate, value: bytes) -> bytes:
    gate.wait()
    return value


@pytest.fixture
def place(tmp_path: Path, server: postgresql.Server) -> Iterator[Callable[[str], str]]:
    """Makes empty places for storages."""
    urls = []

    def made(kind: str) -> str:
        number = len(urls)
        if kind == "sqlite":
            urls.append(str(tmp_path / f"storage-{number}"))
        else:
            urls.append(server.database(tmp_path / f"values-{number}", empty=True))
        return urls[-1]

    yield made
    workflow.shutdown()
    for url in urls:
        location = locate(url)
        if location.path is None or location.path.exists():
            check_store(location.path or url)
        if location.path is None:
            server.drop(url)


def fill(storage: str, gate: Gate) -> None:
    """Workflows of every kind, one of them running."""
    workflow.init(storage=storage, workers="threads")
    metadata = {"team": "blue", "nested": {"list": [1, 2.5, None, True, "ä\x00"]}, "large": 2**60}
    dag = total.options(catch_exceptions=True).bind([make.bind(number) for number in range(3)], bytes(LARGE))
    workflow.run(dag, workflow_id="good", metadata=metadata)
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail.options(name="fails").bind(), workflow_id="bad")
    workflow.run_async(wait.bind(gate, make.bind(5)), workflow_id="running")
    gate.until_waiting()
    workflow.run(make.bind(1), workflow_id="deleted")
    workflow.delete("deleted")


def rows(storage: str, table: str) -> list[dict[str, Any]]:
    with closing(connect(locate(storage).path or storage)) as connection:
        found = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
    return [{name: _plain(row[name]) for name in row.keys()} for row in found]  # noqa: SIM118  # a row's


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else int(value) if isinstance(value, bool) else value


def values(storage: str) -> dict[str, bytes]:
    return {
        f"{file.parent.name}/{file.name}": file.read_bytes()
        for file in Path(locate(storage).values).rglob("*")
        if file.is_file()
    }


KINDS = [
    ("sqlite", "postgresql"),
    ("postgresql", "sqlite"),
    ("sqlite", "sqlite"),
    ("postgresql", "postgresql"),
]


@pytest.mark.parametrize(("source", "target"), KINDS)
def test_a_copy_has_all_that_the_source_has(
    place: Callable[[str], str], tmp_path: Path, source: str, target: str
) -> None:
    here, there, back = place(source), place(target), place(source)
    gate = Gate(tmp_path / "gate")
    fill(here, gate)
    said: list[tuple[str, int, int]] = []
    done = workflow.copy_storage(here, there, progress=lambda *word: said.append(word))
    assert done["damaged"] == []
    assert done["values"] == len(values(there)) == 5
    assert said[-1] == ("values", 5, 5)
    assert {what for what, _, _ in said} > {"workflows", "tasks", "said"}
    before = workflow.get_metadata("good", tasks=True)
    gate.open()
    until(lambda: workflow.get_status("running") == "SUCCESSFUL")
    workflow.shutdown()

    workflow.copy_storage(there, back)
    for table in TABLES:
        assert rows(there, table) == rows(back, table), table
        assert len(rows(there, table)) == done["rows"][table]
        for one in rows(here, table):
            if one.get("workflow", one.get("key")) in (1, 2):  # the others went on
                assert one in rows(there, table), table
    assert values(there) == values(back)
    assert done["rows"]["said"] > 0
    assert done["rows"]["reports"] > 0

    workflow.init(storage=there, workers="threads")
    assert dict(workflow.list_all()) == {"good": "SUCCESSFUL", "bad": "FAILED", "running": "RESUMABLE"}
    assert workflow.get_metadata("good", tasks=True) | {"storage": before["storage"]} == before
    assert workflow.get_output("good") == (3 * LARGE, None)
    assert len(workflow.resume("running")) == LARGE
    assert workflow.run(total.bind([], b""), workflow_id="new") == 0  # numbers go on behind the copied ones


def test_what_is_not_empty_is_left_alone(
    place: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = place("sqlite"), place("sqlite")
    for storage in (here, there):
        workflow.init(storage=storage, workers="threads")
        workflow.run(total.bind([], b""), workflow_id=f"of {storage}")
        workflow.shutdown()
    for call in (lambda: workflow.copy_storage(here, there), lambda: workflow.backup_storage(there, here)):
        with pytest.raises(workflow.StorageError, match=r"holds 1 workflows already|is a storage at"):
            call()
    assert run(["storage", "copy", here, here]) == 1
    assert "can't be copied to itself" in capsys.readouterr().err
    assert run(["storage", "copy", str(tmp_path / "none"), str(tmp_path / "new")]) == 1
    assert "there is no storage at" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "new").exists()
    workflow.init(storage=there)
    assert dict(workflow.list_all()) == {f"of {there}": "SUCCESSFUL"}


def test_a_place_that_cannot_be_is_an_error_of_the_storage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for target in (tmp_path / "file" / "copy.db", tmp_path / "file" / "copy"):
        with pytest.raises(workflow.StorageError, match=r"can't be saved to .*: "):
            workflow.backup_storage(target, tmp_path / "store")


def test_a_copy_never_has_its_values_among_those_of_the_original(tmp_path: Path) -> None:
    here, there = (f"sqlite:///{tmp_path}/{name}.db?values={tmp_path}/values" for name in ("here", "there"))
    for storage in (here, there):
        Store(locate(storage)).close()
        with closing(sqlite3.connect(str(locate(storage).path))) as connection:  # as older versions made them
            connection.execute("UPDATE heliograph_schema SET values_part = NULL")
            connection.commit()
    with pytest.raises(workflow.StorageError, match="the same folder"):
        workflow.copy_storage(here, there)


@pytest.mark.parametrize(("source", "target"), [("sqlite", "sqlite"), ("postgresql", "sqlite")])
def test_a_backup_while_engines_write_is_of_one_moment(
    place: Callable[[str], str], source: str, target: str
) -> None:
    here = place(source)
    workflow.init(storage=here, workers="threads")
    over = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        number = 0
        try:
            while not over.is_set():
                number += 1
                workflow.run(total.bind([make.bind(1), make.bind(2)], bytes(10)), workflow_id=f"{number}")
                if number % 3 == 0:
                    workflow.delete(f"{number - 1}")
        except BaseException as error:
            failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    backups = []
    try:
        for round_ in range(3):
            until(lambda count=round_: len(workflow.list_all()) > 3 + 2 * count)  # type: ignore[misc]
            backups.append(place(target))
            done = workflow.backup_storage(backups[-1], here)
            assert done["damaged"] == []
    finally:
        over.set()
        writer.join()
    assert failed == []
    workflow.shutdown()
    for backup in backups:
        check_store(Path(backup) / "heliograph.db")
        workflow.init(storage=backup, workers="threads")
        assert workflow.check_values()["damaged"] == []
        for workflow_id, status in workflow.list_all():
            assert status in ("SUCCESSFUL", "RESUMABLE")
            assert workflow.resume(workflow_id) == 2 * LARGE
        workflow.shutdown()


def test_a_damaged_value_is_told_and_all_else_copied(
    place: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = place("sqlite"), place("sqlite")
    workflow.init(storage=here, workers="threads")
    for name in ("one", "two"):
        workflow.run(make.bind(1), workflow_id=name)
    workflow.shutdown()
    damaged = min(Path(locate(here).values).glob("*/*"))
    damaged.write_bytes(b"")
    assert run(["storage", "copy", here, there]) == 1
    said = capsys.readouterr().out
    assert f"not copied: the stored value '{damaged.parent.name}/{damaged.name}' fails its checksum" in said
    assert "1 value of" in said
    workflow.init(storage=there)
    assert len(workflow.get_output("two" if damaged.parent.name == "1" else "one")) == LARGE


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_of_a_workflow_that_is_left_out_nothing_is_copied(place: Callable[[str], str], target: str) -> None:
    here, there = place("sqlite"), place(target)
    workflow.init(storage=here, workers="threads")
    for name in ("one", "two"):
        workflow.run(make.bind(1), workflow_id=name)
    workflow.shutdown()
    files = values(here)
    with closing(sqlite3.connect(locate(here).path or "")) as connection, connection:
        connection.execute("UPDATE attempts SET started = 'noon' WHERE workflow = 1")
    done = workflow.copy_storage(here, there)
    assert len(done["damaged"]) == 1
    assert values(there) == {name: value for name, value in files.items() if name.startswith("2/")} != {}
    assert (done["values"], done["values_bytes"]) == (1, sum(map(len, values(there).values())))
    assert done["rows"] == {table: len(rows(there, table)) for table in done["rows"]}
    assert done["rows"]["workflows"] == 1
    workflow.init(storage=here, workers="threads")
    workflow.delete("one")  # storages are looked through at the end


@pytest.mark.parametrize("is_backup", [False, True])
def test_of_a_workflow_that_is_deleted_meanwhile_no_value_stays(
    place: Callable[[str], str], is_backup: bool
) -> None:
    here, there = place("sqlite"), place("sqlite")
    workflow.init(storage=here, workers="threads")
    for name in ("deleted", "stays"):
        workflow.run(total.bind([make.bind(1)], make.bind(2)), workflow_id=name)

    def said(what: str, done: int, count: int) -> None:
        if (what, done, count) == ("values", 1, 4):  # one of its two is there
            workflow.delete("deleted")

    if is_backup:
        done = workflow.backup_storage(there, here, progress=said)
    else:
        done = workflow.copy_storage(here, there, progress=said)
    assert done["damaged"] == []
    assert done["rows"]["workflows"] == 1
    assert values(there) == values(here)
    assert (done["values"], done["values_bytes"]) == (2, sum(map(len, values(here).values())))


def test_a_workflow_may_be_deleted_while_a_value_of_it_is_copied(
    place: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = place("sqlite"), place("sqlite")
    workflow.init(storage=here, workers="threads")
    for name in ("deleted", "stays"):
        workflow.run(total.bind([make.bind(1)], make.bind(2)), workflow_id=name)
    opened, open_file = list[str](), LocalFolder.open

    def open_after(folder: LocalFolder, name: str) -> BinaryIO:
        opened.append(name)
        if opened == [name, name]:  # it was looked at, and is opened to be copied
            workflow.delete("deleted")
        return open_file(folder, name)

    monkeypatch.setattr(LocalFolder, "open", open_after)
    done = workflow.copy_storage(here, there)
    assert done["damaged"] == []
    assert done["rows"]["workflows"] == 1
    assert values(there) == values(here)


def test_a_check_names_what_is_damaged_and_a_resume_makes_it_again(
    place: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = place("sqlite")
    ledger = Ledger(tmp_path / "ledger")

    @workflow.task
    def once(number: int) -> bytes:
        ledger.note(f"{number}")
        return os.urandom(LARGE)

    workflow.init(storage=here, workers="threads")
    workflow.run(once.options(name="made").bind(1), workflow_id="good")
    workflow.run(once.options(name="made", max_retries=0).bind(2), workflow_id="only once")
    assert run(["--storage", here, "storage", "check"]) == 0
    assert "2 values" in capsys.readouterr().err
    for file in Path(locate(here).values).glob("*/*"):
        file.unlink()
    assert run(["--storage", here, "storage", "check", "--forget"]) == 1
    said = capsys.readouterr().out
    assert "good made output: the stored value" in said
    assert "only once made output: the stored value" in said
    assert said.count("makes it again\n") == 1
    workflow.init(storage=here, workers="threads")
    assert len(workflow.resume("good")) == LARGE
    with pytest.raises(workflow.StorageCorruptError):
        workflow.resume("only once")
    assert ledger.counts() == {"1": 2, "2": 1}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_value_in_the_database_that_is_damaged_is_told_and_made_again(
    place: Callable[[str], str], kind: str
) -> None:
    @workflow.task
    def give(number: int) -> list[int]:
        return list(range(number))

    here = place(kind)
    workflow.init(storage=here, workers="threads")
    for workflow_id in ("good", "bad"):
        workflow.run(give.options(name="made").bind(50), workflow_id=workflow_id)
    assert workflow.check_values()["damaged"] == []
    damage = "UPDATE stored_values SET data = substr(data, 2) WHERE workflow = 2 AND role = 'output'"
    with closing(connect(locate(here).path or here)) as connection:
        connection.execute(damage)
        connection.commit()
    with pytest.raises(workflow.StorageCorruptError, match="check --forget"):
        workflow.get_output("bad")
    (found,) = workflow.check_values(forget=True)["damaged"]
    assert (found["workflow_id"], found["task_id"], found["forgotten"]) == ("bad", "made", True)
    assert workflow.resume("bad") == list(range(50))
    assert workflow.check_values()["damaged"] == []


def test_a_check_forgets_nothing_of_a_workflow_that_runs(place: Callable[[str], str], gate: Gate) -> None:
    here = place("sqlite")
    workflow.init(storage=here, workers="threads")
    output = workflow.run_async(wait.bind(gate, make.options(name="made").bind(1)), workflow_id="mine")
    gate.until_waiting()
    for file in Path(locate(here).values).glob("*/*"):
        file.unlink()
    for status in ("RUNNING", "CANCELED"):
        (damaged,) = workflow.check_values(forget=True)["damaged"]
        assert (damaged["task_id"], damaged["forgotten"]) == ("made", status == "CANCELED")
        if status == "RUNNING":
            workflow.cancel("mine")
    gate.open()
    with pytest.raises(workflow.WorkflowCancellationError):
        output.result()


def test_a_check_names_what_can_not_be_read_now_and_does_not_forget_it(place: Callable[[str], str]) -> None:
    here = place("sqlite")
    workflow.init(storage=here, workers="threads")
    workflow.run(make.bind(1), workflow_id="mine")
    (file,) = Path(locate(here).values).glob("*/*")
    aside = file.rename(file.with_name("aside"))
    file.symlink_to(file.name)  # an error of the filesystem, which says nothing of the value
    (damaged,) = workflow.check_values(forget=True)["damaged"]
    assert not damaged["forgotten"]
    aside.replace(file)
    assert len(workflow.get_output("mine")) == LARGE


@pytest.mark.parametrize("call", ["copy_storage(here, there", "backup_storage(there, here"])
@pytest.mark.parametrize("moment", ["values", "tasks"])
def test_one_that_is_killed_can_be_made_again(
    place: Callable[[str], str], tmp_path: Path, call: str, moment: str
) -> None:
    here, there = place("sqlite"), place("sqlite")
    workflow.init(storage=here, workers="threads")
    for number in range(3):
        workflow.run(make.bind(number), workflow_id=f"{number}")
    workflow.shutdown()
    code = f"""if True:
        import os, signal, sys
        from heliograph import workflow
        here, there = sys.argv[1:]
        def told(what, done, total):
            if what == {moment!r} and done == total:
                os.kill(os.getpid(), signal.SIGKILL)
        workflow.{call}, progress=told)
    """
    with scripts.start(code, tmp_path, here, there) as program:
        program.communicate(timeout=100)
    assert program.returncode == (-signal.SIGKILL if "copy" in call or moment == "values" else 0)
    if program.returncode:
        eval(f"workflow.{call})", {"workflow": workflow, "here": here, "there": there})
    workflow.init(storage=there)
    assert {number for number, _ in workflow.list_all()} == {"0", "1", "2"}
    assert workflow.check_values()["damaged"] == []


def test_a_log_that_a_killed_backup_left_is_not_taken_for_that_of_the_next(tmp_path: Path) -> None:
    """SQLite would replay it into whatever database has the name."""
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    log = target.with_name("target.db-wal")
    for path, rows in ((target, 500), (source, 10)):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE numbers (number INTEGER)")
            connection.executemany("INSERT INTO numbers VALUES (?)", [(number,) for number in range(rows)])
            if path == target:
                left = log.read_bytes()
    target.unlink()
    log.write_bytes(left)
    save(source, target)
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM numbers").fetchall() == [(10,)]
