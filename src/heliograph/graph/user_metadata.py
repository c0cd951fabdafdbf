"""User metadata as JSON text: what may be in it, and how much."""

from __future__ import annotations

import json
from typing import Any, Final

from heliograph.graph.checks import shown

METADATA_LIMIT: Final = 1024 * 1024
"""Bytes that the user metadata of one workflow or task may have as JSON."""
DEPTH_LIMIT: Final = 100
"""How deep dicts and lists may be nested in it."""


def metadata_json(metadata: object) -> str:
    """User metadata as JSON text.

    Args:
        metadata: a dict; None is an empty one.

    Raises:
        ValueError: it is not a dict, JSON can't hold it, it is too large or nested too deep.

    >>> metadata_json({"team": "blue"})
    '{"team": "blue"}'
    """
    if metadata is None:
        return "{}"
    if not isinstance(metadata, dict):
        raise ValueError(f"metadata must be a dict, not {type(metadata).__name__}: {shown(metadata)}")
    try:
        text = json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"metadata must be JSON serialisable: {error}: {shown(metadata)}") from error
    if len(text) > METADATA_LIMIT:
        raise ValueError(
            f"metadata may have {METADATA_LIMIT:,} bytes as JSON, and these have {len(text):,}: keep large "
            "data in the task's output, or in a file that the metadata name"
        )
    if text.count("{") + text.count("[") > DEPTH_LIMIT and _depth(metadata) > DEPTH_LIMIT:
        raise ValueError(f"metadata may be nested {DEPTH_LIMIT} levels deep, and these are deeper")
    return text


def _depth(value: Any) -> int:
    """How deep dicts and lists are nested; without recursion, which has a limit of its own."""
    depth, level = 0, [value]
    while level:
        level = [
            part
            for outer in level
            if isinstance(outer, dict | list | tuple)
            for part in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += 1
    return depth - 1
