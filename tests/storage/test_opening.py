"""Storages that can't be opened, and those that can: each a clear error that names the storage."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from heliograph import workflow
from heliograph.storage.databases.sqlite import SQLite
from heliograph.storage.location import VARIABLE, Location, locate
from tests import scripts
from tests.conditions import until


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    workflow.shutdown()


@workflow.task
def one() -> int:
    return 1


def works(storage: Path) -> None:
    workflow.init(storage=storage, workers="threads")
    workflow.run(one.bind(), workflow_id="stored")
    workflow.shutdown()
    workflow.init(storage=storage, workers="threads")
    assert workflow.list_all() == [("stored", "SUCCESSFUL")]


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    works(tmp_path / "a" / "b c" / "ü")
    assert (tmp_path / "a" / "b c" / "ü" / "heliograph.db").is_file()


def test_an_empty_file_is_a_new_database(tmp_path: Path) -> None:
    (tmp_path / "new.db").touch()
    works(tmp_path / "new.db")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("Dear diary, " * 1000)
    with pytest.raises(workflow.StorageCorruptError, match="not a database") as raised:
        workflow.init(storage=path)
    assert str(path) in str(raised.value)
    assert "Name another file" in str(raised.value)
    assert path.read_text() == "Dear diary, " * 1000  # left as it was


def test_a_database_that_is_damaged(tmp_path: Path) -> None:
    works(tmp_path)
    workflow.shutdown()
    path = tmp_path / "heliograph.db"
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xff" * (len(data) - 100))
    with pytest.raises(workflow.StorageError, match=r"heliograph\.db"):
        works(tmp_path)


def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    works(tmp_path)
    workflow.shutdown()
    with closing(sqlite3.connect(tmp_path / "heliograph.db")) as connection:
        connection.execute("UPDATE heliograph_schema SET version = 99")
        connection.commit()
    with pytest.raises(workflow.StorageVersionError, match=r"has version 99.*upgrade heliograph") as raised:
        workflow.init(storage=tmp_path)
    assert str(tmp_path) in str(raised.value)


def test_tables_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE tasks (todo TEXT)")
        connection.execute("INSERT INTO tasks VALUES ('buy milk')")
        connection.commit()
    with pytest.raises(workflow.StorageCorruptError, match=r"tables that are not heliograph's \(tasks\)"):
        workflow.init(storage=path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM tasks").fetchall() == [("buy milk",)]
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()
        assert tables == 1


def test_tables_that_are_in_nobody_s_way(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
        connection.commit()
    works(path)


@pytest.mark.parametrize(
    "where", ["{tmp}/a file/storage", "{tmp}/a file/flows.db", "/proc/heliograph/storage"]
)
def test_a_folder_that_can_not_be_made(tmp_path: Path, where: str) -> None:
    """For root as well as for anybody."""
    (tmp_path / "a file").touch()
    storage = where.format(tmp=tmp_path)
    with pytest.raises(workflow.StorageError) as raised:
        workflow.init(storage=storage)
    assert storage in str(raised.value)


def test_a_folder_where_the_database_should_be(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(workflow.StorageError, match="unable to open"):
        workflow.init(storage=tmp_path / "folder.db")


UNPRIVILEGED = """
import os, sys, tempfile
from heliograph import workflow
workflow.init(storage=tempfile.mkdtemp(), workers="threads")  # imports what nobody may not read
workflow.shutdown()
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    workflow.init(storage=sys.argv[1], workers="threads")
except workflow.StorageError as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.fixture
def storage() -> Iterator[Path]:
    """A folder that everybody may reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        made = Path(folder) / "storage"
        made.mkdir()
        yield made
        made.chmod(0o755)


@pytest.mark.parametrize("there", ["nothing", "database"])
def test_a_folder_that_may_not_be_written(storage: Path, there: str) -> None:
    if there == "database":
        works(storage)
        workflow.shutdown()
        for path in storage.iterdir():
            path.chmod(0o444)
    storage.chmod(0o555)
    printed = scripts.run(UNPRIVILEGED, storage, storage)
    assert printed.startswith("StorageError: ")
    assert str(storage) in printed
    assert "can't be written" in printed
    assert "permissions" in printed


def test_after_a_refusal_another_storage_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_text("no database, " * 100)
    for _ in range(2):
        with pytest.raises(workflow.StorageCorruptError):
            workflow.init(storage=tmp_path / "bad.db")
    works(tmp_path / "good")


def test_two_processes_may_make_one_storage_at_once(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from heliograph import workflow\n"
        "from tests.conditions import until\n"
        "Path(sys.argv[1]).touch()\n"
        "until(Path(sys.argv[2]).exists)\n"
        "print(workflow.list_all())"
    )
    start = tmp_path / "start"
    processes = [
        scripts.start(program, tmp_path / "storage", tmp_path / f"ready {number}", start)
        for number in range(4)
    ]

    until(lambda: len(list(tmp_path.glob("ready *"))) == 4)
    start.touch()
    said = [process.communicate(timeout=60) for process in processes]
    assert [printed for printed, _ in said] == ["[]\n"] * 4, said


def test_who_opens_a_new_file_beside_others_is_not_refused(tmp_path: Path) -> None:
    crowd = 6

    def open_it(location: Location, together: Barrier) -> None:
        assert location.path is not None
        together.wait()
        database = SQLite(location, location.path)
        database.open()
        database.close()

    with ThreadPoolExecutor(crowd) as threads:
        for number in range(100):  # of 100 such crowds there were 15 with one that was refused
            location, together = locate(tmp_path / str(number)), Barrier(crowd)
            for opened in [threads.submit(open_it, location, together) for _ in range(crowd)]:
                opened.result()


@pytest.mark.parametrize(
    ("text", "values", "again"),
    [
        ("/data/flows", "/data/flows/heliograph-values", "sqlite:////data/flows/heliograph.db"),
        ("/data/flows.db", "/data/flows-values", "/data/flows.db"),
        ("sqlite:////data/a.db?values=s3://bucket/a b", "s3://bucket/a b", None),
        ("sqlite:////data/a.db?values=/mnt/values", "/mnt/values", None),
        ("postgresql://ann@db/flows?values=s3://bucket/x", "s3://bucket/x", None),
    ],
)
def test_where_large_values_go(text: str, values: str, again: str | None) -> None:
    location = locate(text)
    assert location.values == values
    assert locate(location.name) == location  # what other processes are told
    assert again is None or locate(again).url == location.url


def test_an_option_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="has an option 'value': a SQLite database"):
        locate("sqlite:////data/a.db?value=s3://bucket")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", r"storage is empty \(''\): name a folder"),
        ("file://", "storage names no file"),
        ("sqlite:///", "storage names no file"),
        ("a\0b", r"storage 'a\\x00b' can't be"),
        ("\ud800", r"storage '\\ud800' can't be: it holds half a character"),
        ("~nobody-of-this-name/x", "there is no home of a user '~nobody-of-this-name'"),
        ("sqlite:////data/a.db?values=~nobody-of-this-name", "there is no home of a user"),
    ],
)
def test_a_name_that_can_not_be(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        workflow.init(storage=name)


@pytest.mark.parametrize("name", [5, b"folder", True])
def test_a_name_that_is_no_text(name: Any) -> None:
    with pytest.raises(TypeError, match="storage must be a str or a path, not "):
        workflow.init(storage=name)


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user of a container who has neither HOME nor an entry in its passwd; `tmp_path` is this user's."""
    for variable in ("HOME", "XDG_DATA_HOME", VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 987_654_321)


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_is_told_to_name_a_storage() -> None:
    with pytest.raises(ValueError, match=f"this user has no home.*{VARIABLE}"):
        locate()
    with pytest.raises(ValueError, match=r"this user has no home.*\?values="):
        locate("postgresql://ann@db/flows")


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_has_the_storage_that_is_named(tmp_path: Path) -> None:
    assert locate(tmp_path).path == tmp_path / "heliograph.db"
    named = locate("postgresql://ann@db/flows?values=/mnt/flows")
    assert named.values == "/mnt/flows"
    assert named.is_values_named
