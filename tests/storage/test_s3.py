"""Large values on S3: as in a folder; and what S3 alone can do to them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3fs import S3FileSystem

from heliograph import workflow
from heliograph.storage.values.value_store import ValueStore
from tests import s3
from tests.gates import Ledger
from tests.invariants import check_store
from tests.scripts import run

MIB = 1024 * 1024


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> s3.Server:
    made = s3.server()
    S3FileSystem.clear_instance_cache()  # fsspec keeps those that were made with another environment
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def bucket(server: s3.Server) -> str:
    return server.bucket()


def place(tmp_path: Path, bucket: str) -> str:
    return f"sqlite:///{tmp_path}/flows.db?values=s3://{bucket}/flows"


@pytest.fixture
def storage(tmp_path: Path, bucket: str) -> Iterator[str]:
    """A storage whose values are on S3, with an engine on it."""
    made = place(tmp_path, bucket)
    workflow.init(storage=made, num_workers=1)
    yield made
    workflow.shutdown()
    check_store(tmp_path / "flows.db")


@workflow.task
def make(ledger: Ledger, size: int) -> bytes:
    ledger.note("made")
    return os.urandom(size)


@workflow.task
def take(flag: Path, value: bytes, _own: bytes = b"") -> int:
    flag.read_text()
    return len(value)


@pytest.fixture
def flag(tmp_path: Path) -> Path:
    return tmp_path / "flag"


def test_a_workflow_with_its_values_on_s3(
    server: s3.Server, bucket: str, storage: str, flag: Path, ledger: Ledger
) -> None:
    flag.touch()
    made = make.options(name="made").bind(ledger, MIB)
    assert workflow.run(take.bind(flag, made, os.urandom(MIB)), workflow_id="mine") == MIB
    assert sorted(size // MIB for size in server.objects(bucket).values()) == [1, 1]
    output = workflow.get_metadata("mine", "made")["output"]
    assert len([key for key in server.objects(bucket) if key.endswith(f"/{output['stored']}")]) == 1
    assert len(workflow.get_output("mine", task_id="made")) == MIB
    workflow.delete("mine")
    assert server.objects(bucket) == {}


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_object_is_named_and_made_again(
    server: s3.Server, bucket: str, storage: str, flag: Path, ledger: Ledger, damage: str
) -> None:
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(take.bind(flag, make.bind(ledger, MIB)), workflow_id="mine")
    flag.touch()
    (key,) = server.objects(bucket)
    if damage == "changed":
        server.client().put_object(Bucket=bucket, Key=key, Body=os.urandom(MIB))
    else:
        server.client().delete_object(Bucket=bucket, Key=key)
    assert workflow.resume("mine") == MIB
    assert ledger.counts()["made"] == 2
    runs = workflow.history("mine")["runs"]
    assert [run["status"] for run in runs] == ["FAILED", "SUCCESSFUL"]
    tasks = workflow.get_tasks("mine")
    attempts = [
        (task["task_id"].rpartition(".")[2], one["status"]) for task in tasks for one in task["attempts"]
    ]
    assert attempts == [
        *[("make", "SUCCESSFUL")] * 2,
        *[("take", "FAILED")] * 2,  # the first time it had no flag
        ("take", "SUCCESSFUL"),
    ]
    (taken,) = [task for task in tasks if task["task_id"].endswith("take")]
    assert taken["attempts"][1]["error"]["type"] == "heliograph.errors.StorageCorruptError"
    assert f"s3://{bucket}/{key}" in taken["attempts"][1]["error"]["message"]


def test_an_object_of_a_task_that_may_run_once_only_is_not_made_again(
    server: s3.Server, bucket: str, storage: str, flag: Path, ledger: Ledger
) -> None:
    once = make.options(max_retries=0).bind(ledger, MIB)
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(take.bind(flag, once), workflow_id="mine")
    flag.touch()
    (key,) = server.objects(bucket)
    body = server.client().get_object(Bucket=bucket, Key=key)["Body"].read()
    server.client().delete_object(Bucket=bucket, Key=key)
    for _ in range(2):
        with pytest.raises(workflow.WorkflowExecutionError, match="StorageCorruptError"):
            workflow.resume("mine")
    server.client().put_object(Bucket=bucket, Key=key, Body=body)  # from a backup
    assert workflow.resume("mine") == MIB
    assert ledger.counts()["made"] == 1


@pytest.mark.parametrize("size", [MIB, 110 * MIB], ids=["in one piece", "in parts"])
def test_an_upload_that_is_always_cut_is_an_error_and_leaves_nothing(
    server: s3.Server, bucket: str, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    line = s3.BreakingLine(server.port, after=300_000, times=10**6)
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # each of them would wait longer for the next
    store = ValueStore(f"s3://{bucket}/cut")
    with store.writer("1") as writer:
        writer.write(os.urandom(size))
        with pytest.raises(workflow.StorageError) as raised:
            writer.finish(None)
    line.close()
    assert f"can't write the stored value s3://{bucket}/cut/1" in str(raised.value)
    assert line.broken
    assert server.objects(bucket) == {}
    assert server.unfinished(bucket) == []


def test_an_upload_that_is_cut_now_and_then_is_made_again(
    server: s3.Server, bucket: str, tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = s3.BreakingLine(server.port, after=300_000, times=2)
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.url)
    workflow.init(storage=place(tmp_path, bucket), num_workers=1)
    try:
        assert len(workflow.run(make.bind(ledger, MIB), workflow_id="mine")) == MIB
    finally:
        workflow.shutdown()
        line.close()
    assert line.broken == 2
    assert [size // MIB for size in server.objects(bucket).values()] == [1]
    assert ledger.counts()["made"] == 1


def test_a_missing_bucket_is_named(server: s3.Server, tmp_path: Path, ledger: Ledger) -> None:
    workflow.init(storage=place(tmp_path, "nobodys-bucket"), num_workers=1)
    try:
        with pytest.raises(workflow.WorkflowExecutionError) as of_an_output:
            workflow.run(make.options(max_retries=0).bind(ledger, MIB))
        with pytest.raises(workflow.StorageError) as of_an_argument:
            workflow.run(take.bind(tmp_path, os.urandom(MIB)), workflow_id="mine")
        assert [status for _, status in workflow.list_all()] == ["FAILED"]
    finally:
        workflow.shutdown()
    for error in (of_an_output.value.__cause__, of_an_argument.value):
        assert isinstance(error, workflow.StorageError)
        assert "can't write the stored value s3://nobodys-bucket/flows/" in str(error)
        assert "bucket does not exist" in str(error)
        assert "make the bucket" in str(error)


def test_who_may_not_write_is_told_so(
    server: s3.Server, bucket: str, tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server.only(bucket, "s3:Get*", "s3:List*") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        workflow.init(storage=place(tmp_path, bucket), num_workers=1)
        try:
            with pytest.raises(workflow.WorkflowExecutionError) as raised:
                workflow.run(make.options(max_retries=0).bind(ledger, MIB))
        finally:
            workflow.shutdown()
    said = str(raised.value.__cause__)
    assert f"can't write the stored value s3://{bucket}/flows/" in said
    assert "these credentials may not do that" in said
    assert server.objects(bucket) == {}


def test_who_may_not_read_is_told_so(
    server: s3.Server, bucket: str, storage: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow.run(make.bind(ledger, MIB), workflow_id="mine")
    workflow.shutdown()
    ((key, _),) = server.objects(bucket).items()
    with server.only(bucket, "s3:Put*", "s3:List*") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        workflow.init(storage=storage)
        with pytest.raises(workflow.StorageError) as raised:
            workflow.get_output("mine")
        (checked,) = workflow.check_values(forget=True)["damaged"]
    assert "these credentials may not do that" in checked["error"]
    assert not checked["forgotten"]  # it may well be as it was
    assert not isinstance(raised.value, workflow.StorageCorruptError)
    said = str(raised.value)
    assert f"can't read the stored value s3://{bucket}/{key}" in said
    assert "give them the rights to list, read, write and delete" in said


def test_without_the_extra_the_error_names_it(tmp_path: Path) -> None:
    code = """if True:
        import os, sys
        sys.modules["s3fs"] = None
        from heliograph import workflow
        from heliograph.storage.values.value_store import ValueStore
        workflow.init(storage=f"sqlite:///{os.environ['HELIOGRAPH_STORAGE']}/flows.db?values=s3://anywhere")
        print(*[check["ok"] for check in workflow.diagnose() if check["check"] == "values"])
        try:
            ValueStore("s3://anywhere").put(b"data", "1")
        except Exception as error:
            print(type(error).__name__, error)
    """
    checked, said = run(code, tmp_path).splitlines()
    assert checked == "False"
    assert said.startswith("MissingExtraError")
    assert said.endswith("pip install 'heliograph[s3]'")
