"""Value folders that are not local: S3 and whatever else fsspec opens."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO, Final

from heliograph.errors import MissingExtraError, StorageError
from heliograph.storage.location import shown
from heliograph.storage.values.folder import TEMPORARY, Draft, StoredFile

_EXTRAS: Final = {"s3": "s3", "s3a": "s3"}
_WHOLE_OR_NOT: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})
"""Where a file is there when all of it is, so that a temporary name would only cost another copy."""


class RemoteFolder:
    """A folder reached through fsspec; see `heliograph.storage.values.folder.Folder`.

    Files are made, and read, by way of temporary files of this machine: they are checked before anything is
    made of them, and a name made of the content is known only when the content is. They hold no memory.

    Args:
        url: any that fsspec knows.
    """

    def __init__(self, url: str) -> None:
        # Imported late: it takes longer than all else a worker imports, and few need it.
        from fsspec.core import url_to_fs

        with _known(url):
            # A listing that is remembered would miss what other processes have stored since.
            self._fs, root = url_to_fs(url, use_listings_cache=False)
        self._root = root.rstrip("/")
        self._is_atomic = url.partition("://")[0] in _WHOLE_OR_NOT

    def path(self, name: str) -> str:
        """As `Folder.path`."""
        path: str = self._fs.unstrip_protocol(self._full(name))
        return path

    def draft(self, folder: str) -> Draft:
        """As `Folder.draft`."""
        return _RemoteDraft(self)

    def open(self, name: str) -> BinaryIO:
        """As `Folder.open`: a copy of it, gone when it is closed."""
        handle, path = tempfile.mkstemp(prefix="heliograph-")
        os.close(handle)
        try:
            with _as_os_error():
                self._fs.get_file(self._full(name), path)
            return open(path, "rb")
        finally:
            os.unlink(path)

    def files(self) -> Iterator[StoredFile]:
        """As `Folder.files`."""
        with contextlib.suppress(FileNotFoundError), _as_os_error():
            for path, about in self._fs.find(self._root, detail=True).items():
                name = path[len(self._root) + 1 :]
                if about["type"] == "file" and name.count("/") == 1:  # others may have parts below
                    yield StoredFile(name, about["size"], _modified(about))

    def remove(self, name: str) -> None:
        """As `Folder.remove`."""
        with contextlib.suppress(FileNotFoundError), _as_os_error():
            self._fs.rm_file(self._full(name))

    def remove_all(self, folder: str) -> None:
        """As `Folder.remove_all`."""
        with contextlib.suppress(FileNotFoundError), _as_os_error():
            self._fs.rm(self._full(folder), recursive=True)

    def upload(self, path: str, name: str) -> None:
        """Put a file of this machine under a name: all of it, or nothing."""
        target = self._full(name)
        with _as_os_error():
            if self._is_atomic:
                self._fs.put_file(path, target)
                return
            temporary = f"{target}.{uuid.uuid4().hex}{TEMPORARY}"
            try:
                self._fs.put_file(path, temporary)
                self._fs.mv(temporary, target)
            except BaseException:
                with contextlib.suppress(Exception):  # what was raised is what matters
                    self._fs.rm_file(temporary)
                raise

    def _full(self, name: str) -> str:
        return f"{self._root}/{name}"


def check_known(url: str) -> None:
    """Refuse a URL as `RemoteFolder` does, and reach nothing.

    Raises:
        MissingExtraError: a package is not there.
        StorageError: nobody here knows such a URL, or its package is not there.
    """
    from fsspec import get_filesystem_class

    with _known(url):
        get_filesystem_class(url.rpartition("::")[2].partition("://")[0])


@contextlib.contextmanager
def _known(url: str) -> Iterator[None]:
    protocol = url.partition("://")[0]
    try:
        yield
    except (ImportError, ValueError) as error:
        if isinstance(error, ImportError) and protocol in _EXTRAS:
            raise MissingExtraError(
                f"values on {protocol}:// need a package that is not there: "
                f"pip install 'heliograph[{_EXTRAS[protocol]}]'"
            ) from error
        raise StorageError(f"the value store {shown(url)!r} can't be reached: {error}") from error


class _RemoteDraft:
    """A temporary file of this machine, uploaded when it is whole."""

    def __init__(self, parent: RemoteFolder) -> None:
        self._parent = parent
        self._file = tempfile.NamedTemporaryFile(prefix="heliograph-")  # noqa: SIM115  # closed by keep or drop

    def write(self, data: bytes | memoryview) -> None:
        self._file.write(data)

    def sync(self) -> None:
        """It has to last where it is uploaded to, not here."""

    def keep(self, name: str) -> None:
        with self._file:
            self._file.flush()
            self._parent.upload(self._file.name, name)

    def drop(self) -> None:
        self._file.close()


def _modified(about: dict[str, Any]) -> float:
    """When a file was changed last, by what its filesystem calls that; not known: now, so that it is kept."""
    for name in ("LastModified", "last_modified", "mtime", "created", "updated"):
        match about.get(name):
            case datetime() as moment:
                return moment.timestamp()
            case int() | float() as seconds:
                return float(seconds)
    return datetime.now().timestamp()


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    """Every library behind fsspec has errors of its own; they become what a local folder would raise."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
