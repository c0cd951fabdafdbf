"""Large values: pickled bytes by content, in a folder that is local or reached through fsspec.

A database is no place for a gigabyte, and what flows between tasks may be one. Values above `INLINE_LIMIT` go
here; the database holds their location and checksum. A location is written before the record that names it,
and never changed after.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from heliograph.errors import StorageCorruptError, StorageError
from heliograph.records.attempt import StoredValue
from heliograph.storage.values import compression
from heliograph.storage.values.folder import Draft, Folder, LocalFolder, StoredFile, explained
from heliograph.storage.values.writing import ValueWriter


class ValueStore:
    """A folder of values, each named by the sha256 of its pickled bytes; ``.zst`` follows if compressed.

    Args:
        url: a path, a ``file://`` URL, or any other that fsspec knows.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def put(self, data: bytes, folder: str) -> StoredValue:
        """Store a pickled value, whole or not at all.

        Args:
            data: the pickled value.
            folder: the part of the store it goes to, removed as one by `delete_folder`.

        Raises:
            StorageError: the filesystem refused it; the message says where and why.
        """
        digest = hashlib.sha256(data).hexdigest()
        written, location = data, f"{folder}/{digest}"
        if compression.pays(data):
            written, location = compression.compressed(data), f"{location}{compression.SUFFIX}"
        # One that is there already is replaced: it might be damaged.
        with explained("write", self.path(location)), _drafted(self._folder, folder) as draft:
            draft.write(written)
            draft.keep(location)
        return StoredValue(len(data), digest, None, location=location)

    def writer(self, folder: str) -> ValueWriter:
        """A file to pickle a value into: see `ValueWriter`."""
        return ValueWriter(self.put, self._folder, folder)

    @contextlib.contextmanager
    def open(self, location: str, sha256: str) -> Iterator[BinaryIO]:
        """The value at a location, as a file; its checksum was compared before.

        Raises:
            StorageCorruptError: it is gone, or is not what was stored there.
            StorageError: the filesystem can't read it.
        """
        with contextlib.ExitStack() as opened:
            yield self._checked(location, sha256, opened)

    def _checked(self, location: str, sha256: str, opened: contextlib.ExitStack) -> BinaryIO:
        with explained("read", self.path(location)):
            file = self._opened(location, opened)
            if location.endswith(compression.SUFFIX):
                file = opened.enter_context(compression.decompressing(file))
            try:
                found = f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}"  # type: ignore[arg-type]
                file.seek(0)
            except compression.errors() as error:
                found = f"what can't be decompressed ({error})"
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                found = f"what the disk can't read ({error.strerror})"
            if found != f"sha256 {sha256}":
                raise StorageCorruptError(
                    f"the stored value {location!r} fails its checksum: {self.path(location)} has {found}, "
                    f"and sha256 {sha256} was stored{WAY_OUT}",
                    location,
                )
            return file

    def _opened(self, location: str, opened: contextlib.ExitStack) -> BinaryIO:
        try:
            return opened.enter_context(self._folder.open(location))
        except FileNotFoundError as error:
            reason = str(error) if error.errno is None else "no such file"
            raise StorageCorruptError(
                f"the stored value {location!r} is missing: {self.path(location)}: {reason}{WAY_OUT}",
                location,
            ) from error

    def copy_to(self, other: ValueStore, location: str, sha256: str) -> None:
        """Copy a value as it is, under the same location; it is read, and checked, in both places.

        Raises:
            StorageCorruptError: it is gone from here, or is not what was stored.
            StorageError: it can't be written there, or reads differently there.
        """
        folder = location.rpartition("/")[0]
        with contextlib.ExitStack() as opened:
            self._checked(location, sha256, opened)
            with explained("read", self.path(location)):
                file = self._opened(location, opened)  # it may be deleted meanwhile
            with explained("write", other.path(location)), _drafted(other._folder, folder) as draft:
                while part := file.read(_COPIED_AT_ONCE):
                    draft.write(part)
                draft.keep(location)
        try:
            with other.open(location, sha256):
                pass
        except StorageCorruptError as error:
            raise StorageError(f"a copied value reads differently: {error}") from error

    def files(self) -> Iterator[StoredFile]:
        """What is there."""
        with explained("list", self.path("")):
            yield from self._folder.files()

    def check_known(self) -> None:
        """See whether values can be stored at such a URL at all; nothing is reached for that.

        Raises:
            MissingExtraError: a package is not there.
            StorageError: nobody here knows such a URL, or its package is not there.
        """
        if _is_remote(self.url):
            from heliograph.storage.values.remote import check_known

            check_known(self.url)

    def path(self, location: str) -> str:
        """Where a value is, for people."""
        return self._folder.path(location)

    def delete(self, location: str) -> None:
        """Remove a file; none is no error.

        Raises:
            StorageError: the filesystem refused.
        """
        with explained("delete", self.path(location)):
            self._folder.remove(location)

    def delete_folder(self, folder: str) -> None:
        """Remove a folder with all its values; none is no error.

        Raises:
            StorageError: the filesystem refused.
        """
        with explained("delete", self.path(folder)):
            self._folder.remove_all(folder)

    @functools.cached_property
    def _folder(self) -> Folder:
        return _folder_at(self.url)


_COPIED_AT_ONCE: Final = 4 * 1024 * 1024
WAY_OUT: Final = (
    ". An output is made again where a task needs it, if its own task may be tried again; else put it back "
    "from a backup"
)


@contextlib.contextmanager
def _drafted(place: Folder, folder: str) -> Iterator[Draft]:
    """A draft that is dropped by what goes wrong."""
    draft = place.draft(folder)
    try:
        yield draft
    except BaseException:
        draft.drop()
        raise


def _is_remote(url: str) -> bool:
    return "://" in url and not url.startswith("file://")


def _folder_at(url: str) -> Folder:
    """The folder at a path or URL; fsspec is imported only for what is not a local one.

    Raises:
        StorageError: nobody here knows such a URL, or a package that it needs is missing.
    """
    if _is_remote(url):
        from heliograph.storage.values.remote import RemoteFolder

        return RemoteFolder(url)
    if "://" not in url:
        return LocalFolder(url)
    from urllib.parse import unquote, urlsplit

    return LocalFolder(unquote(urlsplit(url).path))
