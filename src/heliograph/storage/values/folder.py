"""Where the files of a value store are: the few verbs that a local folder and any other place have."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from collections.abc import Iterator
from typing import BinaryIO, Final, Protocol

from heliograph.errors import StorageError
from heliograph.graph.frozen import record

TEMPORARY: Final = ".tmp"
"""Ends the name of a file that is being written; what was never finished keeps it."""


@record
class StoredFile:
    """A file as a folder lists it.

    Attributes:
        name: ``<folder>/<file>``.
        size: bytes.
        modified: Unix seconds.
    """

    name: str
    size: int
    modified: float

    @property
    def is_unfinished(self) -> bool:
        """Whether its writer has not given it its name."""
        return self.name.endswith(TEMPORARY)


class Draft(Protocol):
    """A file that is being written, and has no name yet. Either `keep` or `drop` ends it."""

    def write(self, data: bytes | memoryview) -> None:
        """Add to it."""

    def sync(self) -> None:
        """Make what was written so far last, so that `keep` has less to wait for."""

    def keep(self, name: str) -> None:
        """Make it last, and then give it its name; a file of that name is replaced."""

    def drop(self) -> None:
        """Forget it."""


class Folder(Protocol):
    """Folders with files, one level deep. What fails raises `OSError`."""

    def path(self, name: str) -> str:
        """A file's or a folder's path, for people."""

    def draft(self, folder: str) -> Draft:
        """Begin a file that will be in the folder."""

    def open(self, name: str) -> BinaryIO:
        """A file, to read and to seek in."""

    def files(self) -> Iterator[StoredFile]:
        """All files; one of them may be gone when it is asked for."""

    def remove(self, name: str) -> None:
        """Remove a file; none is no error."""

    def remove_all(self, folder: str) -> None:
        """Remove a folder with its files; none is no error."""


class LocalFolder:
    """A folder of a local filesystem; see `Folder`.

    Args:
        root: its path.
    """

    def __init__(self, root: str) -> None:
        self._root = os.path.abspath(root)

    def path(self, name: str) -> str:
        """As `Folder.path`."""
        return f"{self._root}/{name}"

    def draft(self, folder: str) -> Draft:
        """As `Folder.draft`."""
        path = self.path(folder)
        if not os.path.isdir(path):
            os.makedirs(path, exist_ok=True)
            sync(self._root)
        return _LocalDraft(self, path)

    def open(self, name: str) -> BinaryIO:
        """As `Folder.open`; what is no file is as good as not there, and a pipe would never be read."""
        path = self.path(name)
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise FileNotFoundError(f"{path} is no regular file")
        return open(path, "rb")

    def files(self) -> Iterator[StoredFile]:
        """As `Folder.files`."""
        with contextlib.suppress(FileNotFoundError):
            for folder in sorted(os.listdir(self._root)):
                yield from self._files_in(folder)

    def _files_in(self, folder: str) -> Iterator[StoredFile]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for name in sorted(os.listdir(self.path(folder))):
                with contextlib.suppress(FileNotFoundError):
                    status = os.lstat(self.path(f"{folder}/{name}"))
                    if stat.S_ISREG(status.st_mode):
                        yield StoredFile(f"{folder}/{name}", status.st_size, status.st_mtime)

    def remove(self, name: str) -> None:
        """As `Folder.remove`; with the last file goes its folder."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(name))
        with contextlib.suppress(OSError):  # it has others
            os.rmdir(os.path.dirname(self.path(name)))

    def remove_all(self, folder: str) -> None:
        """As `Folder.remove_all`.

        An attempt that was cancelled and can't be stopped may still be writing into it: what comes after the
        second look stays behind, for `heliograph gc`.
        """
        import shutil  # late: few workers delete anything

        with contextlib.suppress(FileNotFoundError):
            try:
                shutil.rmtree(self.path(folder))
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                with contextlib.suppress(OSError):
                    shutil.rmtree(self.path(folder))


class _LocalDraft:
    """A file with a temporary name in the folder where it will be: then renaming it is one step."""

    def __init__(self, parent: LocalFolder, folder: str) -> None:
        self._parent = parent
        self._folder = folder
        self._temporary = f"{folder}/{uuid.uuid4().hex}{TEMPORARY}"
        self._file = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def sync(self) -> None:
        os.fsync(self._file)

    def keep(self, name: str) -> None:
        os.fsync(self._file)
        os.close(self._file)
        self._file = -1
        os.replace(self._temporary, self._parent.path(name))
        sync(self._folder)

    def drop(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        with contextlib.suppress(OSError):
            os.unlink(self._temporary)


def sync(path: str | os.PathLike[str]) -> None:
    """Make a file last; or a folder's names: without it a power cut may take back a rename."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def explained(verb: str, path: str) -> Iterator[None]:
    """Errors of a folder as heliograph's, with what to look at.

    Args:
        verb: what was done: ``read``, ``write`` …
        path: with what.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise StorageError(f"can't {verb} the stored value {path}: {reason}{_hint(error)}") from error


_WRITABLE: Final = " (the storage folder must be readable and writable by this user)"
_HINTS: Final = {
    errno.ENOSPC: " (the disk is full: make room, then resume the workflow)",
    errno.EDQUOT: " (the disk quota is used up: make room, then resume the workflow)",
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.EROFS: " (the filesystem is mounted read-only)",
}


def _hint(error: OSError) -> str:
    known = _HINTS.get(error.errno or 0)
    if known is not None:
        return known
    # Errors of other places than local folders have no number.
    if isinstance(error, PermissionError):
        return " (these credentials may not do that: give them the rights to list, read, write and delete)"
    if isinstance(error, FileNotFoundError):
        return " (make the bucket or folder, or name another one)"
    return ""
