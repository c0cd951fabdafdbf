"""Where a command that runs tasks finds their modules."""

from __future__ import annotations

import os
import sys


def import_from_here() -> None:
    """Have modules of the current folder found, as `python -m` does: tasks run where they are developed.

    Raises:
        ValueError: the folder is gone.
    """
    try:
        here = os.getcwd()
    except FileNotFoundError:
        raise ValueError("the current folder was deleted: give the command in one that is there") from None
    if here not in sys.path:
        sys.path.insert(0, here)
