from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from heliograph.errors import StorageCorruptError, StorageError
from heliograph.storage.values import ValueStore


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_value_comes_back(tmp_path: Path, prefix: str) -> None:
    store = ValueStore(f"{prefix}{tmp_path}/a folder/values")
    data = os.urandom(100_000)
    location = store.put([data], "12")
    assert location == f"12/{sha(data)}"
    assert store.get(location, sha(data)) == data
    assert (tmp_path / "a folder/values/12" / sha(data)).read_bytes() == data


@pytest.mark.parametrize("size", [1_000, 10_000_000])
def test_a_value_in_parts_is_written_as_one(tmp_path: Path, size: int) -> None:
    parts = [b"head", memoryview(os.urandom(size)), b"", b"tail"]
    whole = b"".join(parts)
    location = ValueStore(str(tmp_path)).put(parts, "1")
    assert location == f"1/{sha(whole)}"
    assert (tmp_path / location).read_bytes() == whole


def test_a_value_that_is_there_is_kept(tmp_path: Path) -> None:
    store = ValueStore(str(tmp_path))
    location = store.put([b"data"], "1")
    before = (tmp_path / location).stat()
    assert store.put([b"data"], "1") == location
    after = (tmp_path / location).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [path.name for path in (tmp_path / "1").iterdir()] == [sha(b"data")]


def test_a_value_cut_short_is_written_again(tmp_path: Path) -> None:
    store = ValueStore(str(tmp_path))
    location = store.put([b"data"], "1")
    (tmp_path / location).write_bytes(b"da")
    assert store.get(store.put([b"data"], "1"), sha(b"data")) == b"data"


def test_a_damaged_value_is_found_out(tmp_path: Path) -> None:
    store = ValueStore(str(tmp_path))
    location = store.put([b"data"], "1")
    (tmp_path / location).write_bytes(b"dato")
    with pytest.raises(StorageCorruptError, match=location):
        store.get(location, sha(b"data"))


def test_a_missing_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageCorruptError, match="'1/none' is missing"):
        ValueStore(str(tmp_path)).get("1/none", sha(b""))


def test_a_folder_is_deleted_alone(tmp_path: Path) -> None:
    store = ValueStore(str(tmp_path))
    gone, kept = store.put([b"data"], "1"), store.put([b"data"], "2")
    store.delete_folder("1")
    store.delete_folder("1")
    with pytest.raises(StorageCorruptError):
        store.get(gone, sha(b"data"))
    assert store.get(kept, sha(b"data")) == b"data"


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("")
    with pytest.raises(StorageError, match=f"can't write the stored value {tmp_path}/1/.*"):
        ValueStore(str(tmp_path)).put([b"data"], "1")


def test_a_full_disk_is_said_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"No space left on device.*make room"):
        ValueStore(str(tmp_path)).put([b"data"], "1")
    assert list((tmp_path / "1").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_one_may_not_write(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir(mode=0o500)
    with pytest.raises(StorageError, match=r"Permission denied.*writable by this user"):
        ValueStore(str(tmp_path)).put([b"data"], "1")


def test_an_unknown_kind_of_store() -> None:
    with pytest.raises(StorageError, match="nonsense://x' can't be reached"):
        ValueStore("nonsense://x").put([b"data"], "1")


def test_any_filesystem_fsspec_knows() -> None:
    store = ValueStore("memory://heliograph-test")
    location = store.put([b"data"], "1")
    assert store.get(location, sha(b"data")) == b"data"
    store.delete_folder("1")
    with pytest.raises(StorageCorruptError):
        store.get(location, sha(b"data"))
