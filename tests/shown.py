"""Names of test cases: the same in every process, so that several can share the tests out."""

from __future__ import annotations

import re


def shown(value: object) -> str:
    """What `repr` says, but for where in memory a thing is, and with sets in order."""
    if isinstance(value, set):
        return "{" + ", ".join(sorted(map(shown, value))) + "}"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
