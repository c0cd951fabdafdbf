"""A value on its way into the store, written while it is pickled."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from heliograph.records.attempt import StoredValue
from heliograph.storage.values import compression
from heliograph.storage.values.folder import Draft, Folder, explained

INLINE_LIMIT: Final = 64 * 1024
"""A pickled value of more bytes than this goes to the value store, not into the database."""

_IN_MEMORY: Final = 8 * 1024 * 1024  # a value of fewer bytes is put together before it is written
_AT_ONCE: Final = 64 * 1024 * 1024
_HASHED_BESIDE: Final = 1024 * 1024  # bytes from which a second thread pays
_COMPRESSED_AT_ONCE: Final = 1024 * 1024


class ValueWriter:
    """Takes a pickle as it is made: small ones stay in memory, large ones go to the store part by part.

    So a large array is written from where it is, and never copied. Use it in a ``with``.

    Args:
        put: `ValueStore.put`, for what is not so large.
        place: where the rest goes.
        folder: as in `ValueStore.put`.
    """

    def __init__(self, put: Callable[[bytes, str], StoredValue], place: Folder, folder: str) -> None:
        self._put = put
        self._place = place
        self._folder = folder
        self._parts: list[bytes] = []
        self._size = 0
        self._stream: _Stream | None = None

    def __enter__(self) -> ValueWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def write(self, data: Any) -> int:
        """What pickle calls with each part, which may be gone when this returns.

        Raises:
            StorageError: as `ValueStore.put`.
        """
        part = data if type(data) is bytes else memoryview(data).cast("B")
        self._size += len(part)
        if self._stream is not None:
            self._into_stream(part)
        elif self._size <= _IN_MEMORY:
            self._parts.append(bytes(part))
        else:
            with explained("write", self._place.path(self._folder)):
                is_worth_it = compression.pays(max([*self._parts, part], key=len))
                self._stream = _Stream(self._place, self._folder, is_worth_it)
            for before in self._parts:
                self._into_stream(before)
            self._parts.clear()
            self._into_stream(part)
        return len(part)

    def finish(self, kind: str | None) -> StoredValue:
        """The value: all of it was written.

        Args:
            kind: as in `StoredValue`.

        Raises:
            StorageError: as `ValueStore.put`.
        """
        if self._stream is not None:
            with explained("write", self._place.path(self._folder)):
                digest, location = self._stream.finish()
            return StoredValue(self._size, digest, kind, location=location)
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        if len(data) <= INLINE_LIMIT:
            return StoredValue(len(data), hashlib.sha256(data).hexdigest(), kind, data)
        return replace(self._put(data, self._folder), kind=kind)

    def _into_stream(self, part: bytes | memoryview) -> None:
        assert self._stream is not None
        with explained("write", self._place.path(self._folder)):
            self._stream.write(part)


class _Stream:
    """A value on its way into a draft, hashed beside the writing: each takes as long as the other."""

    def __init__(self, place: Folder, folder: str, is_compressed: bool) -> None:
        self._folder = folder
        self._hash = hashlib.sha256()
        self._compressor = compression.compressor() if is_compressed else None
        self._draft: Draft | None = place.draft(folder)

    def write(self, part: bytes | memoryview) -> None:
        for start in range(0, len(part), _AT_ONCE):
            piece = memoryview(part)[start : start + _AT_ONCE]
            if len(piece) < _HASHED_BESIDE:
                self._hash.update(piece)
                self._write(piece)
                continue
            # Not one of an executor: those end when the main thread does, before the tasks in other threads.
            hashing = threading.Thread(
                target=self._hash.update, args=(piece,), name="heliograph-hash", daemon=True
            )
            hashing.start()
            try:
                self._write(piece)
                if len(piece) == _AT_ONCE:
                    self._the_draft.sync()
            finally:
                hashing.join()

    def finish(self) -> tuple[str, str]:
        """The checksum and the location of what was written."""
        digest = self._hash.hexdigest()
        location = f"{self._folder}/{digest}"
        if self._compressor is not None:
            self._the_draft.write(self._compressor.flush())
            location = f"{location}{compression.SUFFIX}"
        self._the_draft.keep(location)
        self._draft = None
        return digest, location

    def close(self) -> None:
        if self._draft is not None:
            self._draft.drop()
            self._draft = None

    @property
    def _the_draft(self) -> Draft:
        assert self._draft is not None
        return self._draft

    def _write(self, piece: memoryview) -> None:
        if self._compressor is None:
            self._the_draft.write(piece)
            return
        for start in range(0, len(piece), _COMPRESSED_AT_ONCE):
            self._the_draft.write(self._compressor.compress(piece[start : start + _COMPRESSED_AT_ONCE]))
