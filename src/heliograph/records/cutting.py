"""Text that is too long to be kept whole."""

from __future__ import annotations


def cut(text: str, limit: int) -> str:
    """Text no longer than the limit, with a mark where something was cut out.

    >>> cut("0123456789" * 10, 30)
    '01234567890 … cut … 0123456789'
    """
    if len(text) <= limit:
        return text
    mark = " … cut … "
    kept = limit - len(mark)
    return text[: kept - kept // 2] + mark + text[len(text) - kept // 2 :]
