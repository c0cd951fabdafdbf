"""An exception as a record: what can be said, matched and rebuilt of it in another process."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Final

from heliograph.errors import RemoteError, StorageCorruptError, WorkflowError
from heliograph.graph.options import exception_name
from heliograph.graph.pickling import dumps, loads
from heliograph.records.attempt import Failure
from heliograph.records.cutting import cut
from heliograph.records.type_names import dotted

_ERROR_LIMIT: Final = 1024 * 1024
"""An exception of more bytes than this, pickled, is kept as text only: it goes into the database."""
TEXT_LIMIT: Final = 64 * 1024
"""The message and the traceback are cut to this many characters each."""

_PACKAGE: Final = str(Path(__file__).parents[2]) + os.sep


def failure_of(error: BaseException) -> Failure:
    """What is kept of an exception."""
    return Failure(
        kind=dotted(type(error)),
        message=cut(text_of(error), TEXT_LIMIT),
        traceback=_traceback(error),
        lineage=lineage(type(error)),
        error=_pickled(error),
        damaged=_damaged(error),
    )


def rebuildable(error: BaseException, failure: Failure) -> BaseException:
    """The exception itself where another process can rebuild it, else one that says what it was."""
    if failure.error is not None:
        return error
    return RemoteError(f"{failure.kind}: {failure.message}\n\n{failure.traceback or ''}".rstrip())


def failure_of_worker(error: WorkflowError, died: bool) -> Failure:
    """What is kept of an attempt that no worker could finish, told by the one who waited for it."""
    return Failure(
        kind=dotted(type(error)),
        message=cut(str(error), TEXT_LIMIT),
        lineage=lineage(type(error)),
        died=died,
        error=dumps(error, "the error"),
        damaged=_damaged(error),
    )


def text_of(error: BaseException) -> str:
    """What it says, if its own code can say it."""
    try:
        return str(error)
    except BaseException:  # anybody's code, which may even raise SystemExit
        return f"<no text: str() of this {type(error).__name__} fails>"


def notes_of(error: BaseException) -> list[str]:
    """The notes that it has, if its own code can say them."""
    try:
        return [note for note in getattr(error, "__notes__", ()) if isinstance(note, str)]
    except BaseException:  # as above; and `__notes__` may be anything
        return []


def lineage(kind: type[BaseException]) -> tuple[str, ...]:
    """The names, to match `retry_exceptions`, of a type and of all it inherits from.

    >>> lineage(KeyError)
    ('builtins.KeyError', 'builtins.LookupError', 'builtins.Exception', 'builtins.BaseException')
    """
    return tuple([exception_name(base) for base in kind.__mro__ if issubclass(base, BaseException)])


def _damaged(error: BaseException) -> str | None:
    return error.location if isinstance(error, StorageCorruptError) else None


def _pickled(error: BaseException) -> bytes | None:
    try:
        data = dumps(error, "the error")
        # Many exceptions pickle and don't unpickle, since their __init__ wants more than `args` holds.
        return data if type(loads(data)) is type(error) and len(data) <= _ERROR_LIMIT else None
    except BaseException:  # anybody's code, which may even raise SystemExit
        return None


def _traceback(error: BaseException) -> str | None:
    try:
        said = traceback.TracebackException.from_exception(error)
        _leave_out_ours(said)
        return cut("".join(said.format()), TEXT_LIMIT)
    except BaseException:  # __cause__, __notes__ and the like may be anything
        return None


def _leave_out_ours(said: traceback.TracebackException | None) -> None:
    """Drop frames of heliograph: the reader looks for their own code."""
    waiting = [said]
    while waiting:
        part = waiting.pop()
        if part is None:
            continue
        kept = [frame for frame in part.stack if not frame.filename.startswith(_PACKAGE)]
        part.stack = traceback.StackSummary.from_list(kept)
        waiting += [part.__cause__, part.__context__, *(part.exceptions or ())]
