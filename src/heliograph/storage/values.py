"""Large values: pickled bytes by content, in a folder reached through fsspec.

A database is no place for a gigabyte, and what flows between tasks may be one. Values above `INLINE_LIMIT` go
here; the database holds their location and checksum. A location is written before the record that names it,
and never changed after.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import posixpath
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

from heliograph.errors import StorageCorruptError, StorageError

_HASHED_BESIDE: Final = 8 * 1024 * 1024  # bytes from which a second thread pays
INLINE_LIMIT: Final = 64 * 1024
"""A pickled value of more bytes than this goes to the value store, not into the database."""


class ValueStore:
    """A folder of values, each named by the sha256 of its bytes.

    Args:
        url: a path, a ``file://`` URL, or any other that fsspec knows.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def put(self, data: bytes, folder: str) -> str:
        """Store a value, whole or not at all; one that is there already is kept.

        Args:
            data: the pickled value.
            folder: the part of the store it goes to, removed as one by `delete_folder`.

        Returns:
            Its location: ``<folder>/<sha256>``.

        Raises:
            StorageError: the filesystem refused it; the message says where and why.
        """
        if len(data) >= _HASHED_BESIDE:
            return self._put_large(data, folder)
        location = f"{folder}/{hashlib.sha256(data).hexdigest()}"
        path = self._path(location)
        with self._explained("write", path):
            if self._size(path) == len(data):
                return location
            self._write_as(path, data, lambda: path)
        return location

    def _put_large(self, data: bytes, folder: str) -> str:
        """As `put`: the hash, which takes as long as the writing, is made meanwhile."""
        from concurrent.futures import ThreadPoolExecutor  # late: most workers never need it

        with ThreadPoolExecutor(1) as beside:
            digest = beside.submit(lambda: hashlib.sha256(data).hexdigest())
            path = self._path(f"{folder}/{uuid.uuid4().hex}")
            with self._explained("write", path):
                self._write_as(path, data, lambda: self._path(f"{folder}/{digest.result()}"))
        return f"{folder}/{digest.result()}"

    def _write_as(self, near: str, data: bytes, name: Callable[[], str]) -> None:
        """Write a file whole, and give it its name when it is there.

        Args:
            near: a path in the same folder.
            data: what to write.
            name: gives the file's path, after it was written.
        """
        folder = posixpath.dirname(near)
        self._fs.makedirs(folder, exist_ok=True)
        temporary = f"{near}.{uuid.uuid4().hex}.tmp"
        try:
            self._write(temporary, data)
            self._fs.mv(temporary, name())
        except BaseException:
            with contextlib.suppress(OSError):
                self._fs.rm_file(temporary)
            raise
        if self._is_local:
            _sync_folder(folder)

    def get(self, location: str, sha256: str) -> bytes:
        """The value at a location.

        Raises:
            StorageCorruptError: it is gone, or is not what was stored there.
            StorageError: the filesystem can't read it.
        """
        path = self._path(location)
        with self._explained("read", path):
            try:
                data: bytes = self._fs.cat_file(path)
            except FileNotFoundError as error:
                raise StorageCorruptError(
                    f"the stored value {location!r} is missing: no file {path}"
                ) from error
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            raise StorageCorruptError(
                f"the stored value {location!r} fails its checksum: {path} holds {len(data)} bytes with "
                f"sha256 {found}, and {sha256} was stored"
            )
        return data

    def delete_folder(self, folder: str) -> None:
        """Remove a folder with all its values; none is no error.

        An attempt that was cancelled and can't be stopped may still be writing into it: what comes after the
        second look stays behind.

        Raises:
            StorageError: the filesystem refused.
        """
        path = self._path(folder)
        with self._explained("delete", path), contextlib.suppress(FileNotFoundError):
            try:
                self._fs.rm(path, recursive=True)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                with contextlib.suppress(OSError):
                    self._fs.rm(path, recursive=True)

    @functools.cached_property
    def _opened(self) -> tuple[Any, str]:
        # Imported late: it takes longer than all else a worker imports, and many workflows never need it.
        from fsspec.core import url_to_fs

        try:
            fs, root = url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise StorageError(f"the value store {self.url!r} can't be reached: {error}") from error
        return fs, root

    @property
    def _fs(self) -> Any:
        return self._opened[0]

    @functools.cached_property
    def _is_local(self) -> bool:
        protocol = self._fs.protocol
        return "file" in ((protocol,) if isinstance(protocol, str) else protocol)

    def _path(self, location: str) -> str:
        return f"{self._opened[1].rstrip('/')}/{location}"

    def _size(self, path: str) -> int | None:
        try:
            size: int | None = self._fs.info(path)["size"]
        except FileNotFoundError:
            return None
        return size

    def _write(self, path: str, data: bytes) -> None:
        with self._fs.open(path, "wb") as file:
            file.write(data)
            if self._is_local:
                file.flush()
                os.fsync(file.fileno())

    @contextlib.contextmanager
    def _explained(self, verb: str, path: str) -> Iterator[None]:
        """Errors of the filesystem as heliograph's, with what to look at."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            hint = _HINTS.get(error.errno or 0, "")
            raise StorageError(f"can't {verb} the stored value {path}: {reason}{hint}") from error


_HINTS: Final = {
    errno.ENOSPC: " (the disk is full: make room, then resume the workflow)",
    errno.EDQUOT: " (the disk quota is used up: make room, then resume the workflow)",
    errno.EACCES: " (the storage folder must be readable and writable by this user)",
    errno.EPERM: " (the storage folder must be readable and writable by this user)",
    errno.EROFS: " (the filesystem is mounted read-only)",
}


def _sync_folder(path: str) -> None:
    """Make renames into a folder last: without it a power cut may take back the name."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
