"""Text in pieces: what tells of 200,000 tasks would take gigabytes as dicts, and twice its length as text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

BLOCK: Final = 64 * 1024
"""Characters from which on a block is long enough to be handed on."""
_SHARE: Final = 8
"""A text grows by a part of it that is one in so many."""


def listed(document: Any, items: Iterable[Any], indent: int | None = None) -> Iterator[str]:
    """A document as JSON, with items in its last empty list, each of which becomes text as it is made.

    Args:
        document: the rest of it.
        items: what is in the list.
        indent: as `json.dumps` has it.

    >>> "".join(listed({"of": "a", "list": []}, [{"n": 1}, {"n": 2}]))
    '{"of": "a", "list": [{"n": 1}, {"n": 2}]}'
    """
    encode = json.JSONEncoder(allow_nan=False, indent=indent).encode
    before, after = encode(document).rsplit("[]", 1)
    margin = inner = ""
    if indent is not None:
        line = before[before.rfind("\n") + 1 :]
        margin = "\n" + " " * (len(line) - len(line.lstrip()))
        inner = margin + " " * indent
    yield before
    beginning, separator = f"[{inner}", f",{inner or ' '}"
    are_any = False
    for item in items:
        yield separator if are_any else beginning
        text = encode(item)
        yield text if indent is None else text.replace("\n", inner)  # within strings JSON has none
        are_any = True
    yield f"{margin}]{after}" if are_any else f"[]{after}"


def in_blocks(pieces: Iterable[str]) -> Iterator[str]:
    """The same text in pieces that are worth a write each."""
    block: list[str] = []
    size = 0
    for piece in pieces:
        block.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield "".join(block)
            block.clear()
            size = 0
    if block:
        yield "".join(block)


def whole(pieces: Iterable[str]) -> str:
    """All of it as one text, which grows by a part of itself: beside all pieces it would be two texts."""
    text = ""
    more: list[str] = []
    size = 0
    for piece in pieces:
        more.append(piece)
        size += len(piece)
        if size > max(len(text) // _SHARE, BLOCK):
            text += "".join(more)  # a text that nothing else holds grows where it is
            more.clear()
            size = 0
    text += "".join(more)
    return text
