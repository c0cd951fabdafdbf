"""Writing to standard output, which may be closed, full, or a pipe that nobody reads any more."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from heliograph.errors import WorkflowError


def put(text: str) -> bool:
    """Write text, at once.

    Returns:
        Whether somebody still reads.

    Raises:
        WorkflowError: it can't be written.
    """
    stream = _stream()
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # Who reads a pipe may leave early, as `head` does: nothing to complain about.
        _drop()
        return False
    except OSError as error:
        raise lost(error) from error
    return True


def is_terminal() -> bool:
    """Whether somebody looks at it.

    Raises:
        WorkflowError: it is closed.
    """
    return _stream().isatty()


def lost(error: OSError) -> WorkflowError:
    """The error of what could not be written; the rest of it leads nowhere."""
    _drop()
    return WorkflowError(f"can't write to standard output: {error.strerror or error}")


def drop_what_is_stuck() -> None:
    """After an error: what still waits to be written, and can't be, leads nowhere."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _drop()


def _stream() -> TextIO:
    if sys.stdout is None:
        raise WorkflowError("can't write to standard output: it is closed")
    return sys.stdout


def _drop() -> None:
    """Python flushes once more as it exits; that has to find something that takes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
