"""Storages that were told the same folder for values never touch each other's."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from s3fs import S3FileSystem

from heliograph import workflow
from heliograph.storage.location import locate
from heliograph.storage.store import Store
from heliograph.storage.upkeep.garbage import LEAST_AGE
from tests import s3
from tests.invariants import check_store

LARGE = 100_000


@workflow.task
def make() -> bytes:
    return os.urandom(LARGE)


@pytest.fixture(params=["a local folder", "S3"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The folder that both were told."""
    if request.param == "a local folder":
        return str(tmp_path / "values")
    server = s3.server()
    S3FileSystem.clear_instance_cache()
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return f"s3://{server.bucket()}/flows"


@pytest.fixture
def place(tmp_path: Path, shared: str) -> Iterator[Callable[[str], str]]:
    """Where a storage is, by its name; all of them were told the same folder."""
    yield lambda name: f"sqlite:///{tmp_path}/{name}.db?values={shared}"
    workflow.shutdown()
    for file in tmp_path.glob("*.db"):
        check_store(file)


def make_in(storage: str) -> bytes:
    workflow.shutdown()
    workflow.init(storage=storage, workers="threads")
    output: bytes = workflow.run(make.bind(), workflow_id="mine")
    return output


def output_in(storage: str) -> bytes:
    workflow.shutdown()
    workflow.init(storage=storage, workers="threads")
    output: bytes = workflow.get_output("mine")
    return output


def collect_all(storage: str) -> int:
    """Collect the garbage on a day when all that is there is old: how much went."""
    with closing(Store(locate(storage), clock=lambda: 4e9)) as store:
        return len(store.collect_garbage(LEAST_AGE, remove=True).garbage)


def test_gc_and_delete_of_one_leave_the_other_alone(place: Callable[[str], str]) -> None:
    one, two = place("one"), place("two")
    outputs = make_in(one), make_in(two)  # both have the number 1
    assert collect_all(one) == collect_all(two) == 0
    assert (output_in(one), output_in(two)) == outputs
    workflow.delete("mine")  # of two
    assert output_in(one) == outputs[0]
    assert collect_all(two) == 0
    assert output_in(one) == outputs[0]


def test_one_of_an_older_version_keeps_its_values_where_they_are(place: Callable[[str], str]) -> None:
    old, new = place("old"), place("new")
    Store(locate(old)).close()
    with closing(sqlite3.connect(str(locate(old).path))) as connection:  # as one that was upgraded says
        connection.execute("UPDATE heliograph_schema SET values_part = NULL")
        connection.commit()
    outputs = make_in(old), make_in(new)
    assert collect_all(old) == collect_all(new) == 0
    assert (output_in(old), output_in(new)) == outputs
    workflow.delete("mine")  # of the new one
    assert output_in(old) == outputs[0]


def test_a_copy_and_a_backup_may_be_told_the_same_folder(place: Callable[[str], str]) -> None:
    one, copy, backup = place("one"), place("copy"), place("backup")
    output = make_in(one)
    workflow.shutdown()
    workflow.copy_storage(one, copy)
    workflow.backup_storage(backup, one)
    assert output_in(one) == output
    workflow.delete("mine")
    assert output_in(copy) == output_in(backup) == output
    for storage in (one, copy, backup):
        assert collect_all(storage) == 0
    assert output_in(copy) == output_in(backup) == output
