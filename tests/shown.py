"""Names of test cases: the same in every process, so that several can share the tests out."""

from __future__ import annotations

import re


def shown(value: object) -> str:
    """What `repr` says, but for where in memory the thing is."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
