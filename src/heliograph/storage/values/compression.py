"""Whether compressing a value pays, and how it is done: zstd, as Python itself has it since 3.14."""

from __future__ import annotations

import sys
from typing import Any, BinaryIO, Final, cast

SUFFIX: Final = ".zst"
"""Ends the name of a file that is compressed: ``zstd -d`` reads it too."""

_LEVEL: Final = 1  # what a slow disk gains by more, a fast one loses
_PAYS: Final = 0.8  # of its size, or less, is what is left of a value that is worth the time
_PIECES: Final = 4
_PIECE: Final = 32 * 1024


def pays(data: bytes | memoryview) -> bool:
    """Whether a value is worth compressing, by pieces from all over it.

    >>> import os
    >>> pays(bytes(1_000_000)), pays(os.urandom(1_000_000))
    (True, False)
    """
    step = max(len(data) // _PIECES, 1)
    pieces = b"".join([data[start : start + min(step, _PIECE)] for start in range(0, len(data), step)])
    return len(compressed(pieces)) <= _PAYS * len(pieces)


def compressed(data: bytes) -> bytes:
    """All of it at once."""
    found: bytes = _zstd().compress(data, _LEVEL)
    return found


def compressor() -> Any:
    """For data that come in parts: has ``compress`` and ``flush``."""
    return _zstd().ZstdCompressor(_LEVEL)


def decompressing(file: BinaryIO) -> BinaryIO:
    """What a compressed file holds, as a file that can be read again from its beginning."""
    return cast("BinaryIO", _zstd().ZstdFile(file))


def errors() -> tuple[type[Exception], ...]:
    """What reading a damaged file raises."""
    return _zstd().ZstdError, EOFError


def _zstd() -> Any:
    # Imported late: few workers meet a large value.
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
