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
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from heliograph.errors import StorageCorruptError, StorageError

if TYPE_CHECKING:
    from concurrent.futures import Future

_HASHED_BESIDE: Final = 8 * 1024 * 1024  # bytes from which a second thread pays
_CHUNK: Final = 1024 * 1024
_CHUNKS_BEHIND: Final = 8  # written, and not hashed yet, at most
INLINE_LIMIT: Final = 64 * 1024
"""A pickled value of more bytes than this goes to the value store, not into the database."""


class ValueStore:
    """A folder of values, each named by the sha256 of its bytes.

    Args:
        url: a path, a ``file://`` URL, or any other that fsspec knows.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def put(self, parts: Sequence[bytes | memoryview], folder: str) -> str:
        """Store a value, whole or not at all; one that is there already is kept.

        Args:
            parts: the pickled value, in pieces.
            folder: the part of the store it goes to, removed as one by `delete_folder`.

        Returns:
            Its location: ``<folder>/<sha256>``.

        Raises:
            StorageError: the filesystem refused it; the message says where and why.
        """
        size = sum([len(part) for part in parts])
        if size >= _HASHED_BESIDE:
            return self._put_large(parts, folder)
        location = f"{folder}/{hashlib.sha256(b''.join(parts)).hexdigest()}"
        path = self._path(location)
        with self._explained("write", path):
            if self._size(path) == size:
                return location
            self._write_as(path, parts, lambda: path)
        return location

    def _put_large(self, parts: Sequence[bytes | memoryview], folder: str) -> str:
        """As `put`: the hash, which takes as long as the writing, is made meanwhile."""
        from concurrent.futures import ThreadPoolExecutor  # late: most workers never need it

        digest = hashlib.sha256()
        path = self._path(f"{folder}/{uuid.uuid4().hex}")
        with ThreadPoolExecutor(1) as beside, self._explained("write", path):
            hashed: deque[Future[None]] = deque()

            def chunks() -> Iterator[bytes]:
                for chunk in _copied(parts):
                    yield chunk
                    hashed.append(beside.submit(digest.update, chunk))
                    if len(hashed) > _CHUNKS_BEHIND:
                        hashed.popleft().result()

            def name() -> str:
                while hashed:
                    hashed.popleft().result()
                return self._path(f"{folder}/{digest.hexdigest()}")

            self._write_as(path, chunks(), name)
        return f"{folder}/{digest.hexdigest()}"

    def _write_as(self, near: str, data: Iterable[bytes | memoryview], name: Callable[[], str]) -> None:
        """Write a file whole, and give it its name when it is there.

        Args:
            near: a path in the same folder.
            data: what to write, in pieces.
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

    def _write(self, path: str, data: Iterable[bytes | memoryview]) -> None:
        with self._fs.open(path, "wb") as file:
            for piece in data:
                file.write(piece)
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


def _copied(parts: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Chunks that nobody else can change, so that what is hashed is what is written."""
    for part in parts:
        view = memoryview(part)
        for start in range(0, len(view), _CHUNK):
            yield bytes(view[start : start + _CHUNK])


def _sync_folder(path: str) -> None:
    """Make renames into a folder last: without it a power cut may take back the name."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
