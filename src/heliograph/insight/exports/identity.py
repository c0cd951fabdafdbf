"""Names of things as other programs want them: hashes, UUIDs, times; the same for the same workflow."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

from heliograph.records.trace import Trace


def digest(trace: Trace, *parts: object) -> str:
    """Hexadecimal digits that stand for the workflow, or for a part of it.

    Args:
        trace: the workflow. One that was deleted and run again under its id is another one.
        parts: what of it; nothing: it as a whole.
    """
    whole = (trace.workflow.workflow_id, trace.runs[0].created_time, *parts)
    return sha256("\x00".join(map(repr, whole)).encode("utf-8", "surrogatepass")).hexdigest()


def uuid(trace: Trace, *parts: object) -> str:
    """The same as a UUID, of the version that leaves the digits to who makes it (8)."""
    digits = digest(trace, *parts)
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


def iso(moment: float) -> str:
    """Unix seconds as RFC 3339 has them, in UTC.

    >>> iso(1764000000.25)
    '2025-11-24T16:00:00.250000Z'
    """
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
