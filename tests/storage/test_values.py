from __future__ import annotations

import errno
import hashlib
import os
import pickle
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from heliograph.errors import NotPicklableError, StorageCorruptError, StorageError
from heliograph.graph.pickling import dump, load
from heliograph.records.attempt import StoredValue
from heliograph.storage.values import writing
from heliograph.storage.values.value_store import ValueStore
from heliograph.storage.values.writing import INLINE_LIMIT
from tests.scripts import run


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(store: ValueStore, data: bytes, folder: str) -> str:
    location = store.put(data, folder).location
    assert location is not None
    return location


def get(store: ValueStore, location: str, sha256: str) -> bytes:
    with store.open(location, sha256) as file:
        return file.read()


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_value_comes_back(tmp_path: Path, prefix: str) -> None:
    store = ValueStore(f"{prefix}{tmp_path}/a folder/values")
    data = os.urandom(100_000)
    location = put(store, data, "12")
    assert location == f"12/{sha(data)}"
    assert get(store, location, sha(data)) == data
    assert (tmp_path / "a folder/values/12" / sha(data)).read_bytes() == data


@pytest.mark.parametrize("damaged", [b"da", b"dato"])
def test_a_damaged_value_is_written_again(tmp_path: Path, damaged: bytes) -> None:
    store = ValueStore(str(tmp_path))
    location = put(store, b"data", "1")
    (tmp_path / location).write_bytes(damaged)
    assert get(store, put(store, b"data", "1"), sha(b"data")) == b"data"


def test_a_damaged_value_is_found_out(tmp_path: Path) -> None:
    store = ValueStore(str(tmp_path))
    location = put(store, b"data", "1")
    (tmp_path / location).write_bytes(b"dato")
    with pytest.raises(StorageCorruptError, match=location):
        get(store, location, sha(b"data"))


def test_a_missing_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageCorruptError, match="'1/none' is missing"):
        get(ValueStore(str(tmp_path)), "1/none", sha(b""))


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_counts_as_missing(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "1").mkdir()
    make(tmp_path / "1" / "odd")
    with pytest.raises(StorageCorruptError, match=r"'1/odd' is missing.*no regular file"):
        get(ValueStore(str(tmp_path)), "1/odd", sha(b""))


def test_a_folder_is_deleted_alone(tmp_path: Path) -> None:
    store = ValueStore(str(tmp_path))
    gone, kept = put(store, b"data", "1"), put(store, b"data", "2")
    store.delete_folder("1")
    store.delete_folder("1")
    with pytest.raises(StorageCorruptError):
        get(store, gone, sha(b"data"))
    assert get(store, kept, sha(b"data")) == b"data"


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("")
    with pytest.raises(StorageError, match=f"can't write the stored value {tmp_path}/1/.*"):
        put(ValueStore(str(tmp_path)), b"data", "1")


def test_a_full_disk_is_said_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"No space left on device.*make room"):
        put(ValueStore(str(tmp_path)), b"data", "1")
    assert list((tmp_path / "1").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_one_may_not_write(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir(mode=0o500)
    with pytest.raises(StorageError, match=r"Permission denied.*writable by this user"):
        put(ValueStore(str(tmp_path)), b"data", "1")


def test_an_unknown_kind_of_store() -> None:
    with pytest.raises(StorageError, match="nonsense://x' can't be reached"):
        put(ValueStore("nonsense://x"), b"data", "1")


def test_any_filesystem_fsspec_knows() -> None:
    store = ValueStore("memory://heliograph-test")
    location = put(store, b"data", "1")
    assert get(store, location, sha(b"data")) == b"data"
    store.delete_folder("1")
    with pytest.raises(StorageCorruptError):
        get(store, location, sha(b"data"))


class Simple(MemoryFileSystem):
    """Shows a file as soon as it is begun, and does not say when that was: there are such places."""

    protocol = "simple"
    breaks = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("simple://")))

    def put_file(self, lpath: str, rpath: str, **_: Any) -> None:
        data = Path(lpath).read_bytes()
        self.pipe_file(rpath, data[: len(data) // 2])
        if self.breaks:
            raise ConnectionError("the connection is gone")
        self.pipe_file(rpath, data)

    def find(self, path: str, *given: Any, detail: bool = False, **options: Any) -> Any:
        found = super().find(path, *given, detail=True, **options)
        for about in found.values():
            about.pop("created", None)
        return found if detail else list(found)


@pytest.fixture
def simple() -> ValueStore:
    fsspec.register_implementation("simple", Simple, clobber=True)
    return ValueStore(f"simple://{uuid.uuid4().hex}")


def test_where_files_are_seen_before_they_are_whole_one_gets_its_name_last(
    simple: ValueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    location, data = put(simple, b"data", "1"), os.urandom(1000)
    assert get(simple, location, sha(b"data")) == b"data"
    monkeypatch.setattr(Simple, "breaks", True)
    with pytest.raises(StorageError, match="the connection is gone"):
        put(simple, data, "1")
    assert [file.name for file in simple.files()] == [location]


def test_a_file_of_which_nobody_knows_when_it_was_written_is_a_new_one(simple: ValueStore) -> None:
    before = time.time()
    put(simple, b"data", "1")
    (file,) = simple.files()
    assert before <= file.modified <= time.time()


def written(store: ValueStore, value: object) -> StoredValue:
    with store.writer("1") as writer:
        dump(value, writer, "the value")
        return writer.finish("a kind")


def read(store: ValueStore, stored: StoredValue) -> Any:
    if stored.data is not None:
        return pickle.loads(stored.data)
    assert stored.location is not None
    with store.open(stored.location, stored.sha256) as file:
        return load(file)


MIB = 1024 * 1024


@pytest.mark.parametrize("size", [10, INLINE_LIMIT + 1, 8 * MIB - 10, 8 * MIB + 10, 70 * MIB])
@pytest.mark.parametrize("place", ["local", "memory"])
def test_a_value_is_written_while_it_is_pickled(tmp_path: Path, size: int, place: str) -> None:
    store = ValueStore(str(tmp_path) if place == "local" else f"memory://{uuid.uuid4().hex}")
    value = [os.urandom(size // 2), "between", bytearray(os.urandom(size // 2))]
    stored = written(store, value)
    data = pickle.dumps(value, 5)
    assert (stored.size, stored.kind) == (len(data), "a kind")
    assert (stored.data is None) == (size > INLINE_LIMIT)
    assert read(store, stored) == value
    if stored.location is not None:
        assert [file.name for file in store.files()] == [f"1/{stored.sha256}"] == [stored.location]


@pytest.mark.parametrize("make", [os.urandom, bytes], ids=["as it is", "compressed"])
def test_a_part_of_more_bytes_than_are_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[int], bytes]
) -> None:
    monkeypatch.setattr(writing, "_AT_ONCE", 4 * MIB)
    store, value = ValueStore(str(tmp_path)), make(10 * MIB)
    stored = written(store, value)
    assert stored.sha256 == sha(pickle.dumps(value, 5))
    assert read(store, stored) == value


@pytest.mark.parametrize("size", [INLINE_LIMIT + 1, 9 * MIB])
def test_what_compression_makes_small_is_compressed(tmp_path: Path, size: int) -> None:
    store = ValueStore(str(tmp_path))
    lines = [f"a line of text, the {number}th" for number in range(size // 20)]
    stored = written(store, lines)
    (file,) = store.files()
    assert file.name == f"1/{stored.sha256}.zst"
    assert file.size < stored.size / 4
    assert read(store, stored) == lines


@pytest.mark.parametrize("damage", ["changed", "cut", "empty"])
def test_a_damaged_compressed_value_is_found_out(tmp_path: Path, damage: str) -> None:
    store = ValueStore(str(tmp_path))
    stored = written(store, bytes(range(256)) * 1000)
    assert stored.location is not None
    file = tmp_path / stored.location
    data = file.read_bytes()
    file.write_bytes({"changed": data[:20] + b"#" + data[21:], "cut": data[:-5], "empty": b""}[damage])
    with pytest.raises(StorageCorruptError, match=stored.location) as raised:
        read(store, stored)
    assert raised.value.location == stored.location
    assert pickle.loads(pickle.dumps(raised.value)).location == stored.location


def test_a_value_that_can_not_be_pickled_to_its_end_leaves_nothing(tmp_path: Path) -> None:
    store = ValueStore(str(tmp_path))
    with pytest.raises(NotPicklableError, match="the value can't be pickled"):
        written(store, [os.urandom(9 * MIB), threading.Lock()])
    assert list(store.files()) == []


def test_a_disk_that_fills_up_under_a_large_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"No space left on device.*make room"):
        written(ValueStore(str(tmp_path)), os.urandom(70 * MIB))
    assert list((tmp_path / "1").iterdir()) == []


@pytest.mark.parametrize("flat", [True, False], ids=["as it lies", "transposed"])
def test_a_large_array_is_never_copied(tmp_path: Path, flat: bool) -> None:
    """Not on its way out, and not on its way in: what each step takes on top is a small part of it."""
    code = """if True:
        import resource, sys
        import numpy
        from heliograph.graph.pickling import dump, load
        from heliograph.storage.values.value_store import ValueStore

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

        value = numpy.random.default_rng(1).integers(0, 256, (100, 1024, 1024), dtype="u1")
        value = value if sys.argv[2] == "True" else value.T
        store, before = ValueStore(sys.argv[1]), peak()
        with store.writer("1") as writer:
            dump(value, writer, "it")
            stored = writer.finish(None)
        out = peak() - before
        before = peak()
        with store.open(stored.location, stored.sha256) as file:
            again = load(file)
        assert (again == value).all()
        print(out < 30, peak() - before < 100 + 100 + 30)  # the array read, and what `==` makes
    """
    assert run(code, tmp_path, tmp_path / "values", flat).split() == ["True", "True"]
