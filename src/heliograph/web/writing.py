"""Searches as text, written for people to go on with."""

from __future__ import annotations

import json
import re
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORDS: Final = frozenset({"and", "or", "not", "in", "exists", "contains", "prefix", "true", "false", "null"})


def metadata_field(key: str) -> str:
    r"""A key of the user metadata as searches write it.

    >>> metadata_field("team"), metadata_field('a."b"')
    ('user_metadata.team', 'user_metadata."a.\\"b\\""')
    """
    is_plain = _PLAIN.fullmatch(key) and key not in _WORDS
    return f"user_metadata.{key if is_plain else literal(key)}"


def literal(value: str | int | float | bool) -> str:
    r"""A value as searches write it.

    >>> literal('say "hi"'), literal(True), literal(2.5)
    ('"say \\"hi\\""', 'true', '2.5')
    """
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return json.dumps(value)
