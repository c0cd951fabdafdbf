"""Who started a run and with what: recorded with the run, secrets left out."""

from __future__ import annotations

import contextlib
import functools
import getpass
import json
import platform
import re
import socket
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from heliograph.storage.entries import Provenance

_SECRET: Final = re.compile(r"token|secret|password|key", re.IGNORECASE)
_REDACTED: Final = "***"


@functools.cache
def provenance() -> Provenance:
    """Of this process; found out once."""
    code = {"entry_point": sys.argv[0] if sys.argv else "", "python": platform.python_version()}
    with contextlib.suppress(PackageNotFoundError):  # a source tree that was not installed has no version
        code["heliograph"] = version("heliograph")
    return Provenance(
        code_json=json.dumps(code),
        login=_login(),
        argv_json=json.dumps(redacted(sys.argv)),
        hostname=socket.gethostname(),
    )


def redacted(argv: list[str]) -> list[str]:
    """A command line without the values of arguments whose names hold TOKEN, SECRET, PASSWORD or KEY.

    >>> redacted(["job.py", "--api-key=abc", "--token", "xyz", "--out", "a.csv", "DB_PASSWORD=1"])
    ['job.py', '--api-key=***', '--token', '***', '--out', 'a.csv', 'DB_PASSWORD=***']
    """
    shown = []
    hide_next = False
    for argument in argv:
        name, equals, _ = argument.partition("=")
        secret = bool(_SECRET.search(name)) and (bool(equals) or argument.startswith("-"))
        if hide_next and not argument.startswith("-"):
            shown.append(_REDACTED)
        else:
            shown.append(f"{name}={_REDACTED}" if secret and equals else argument)
        hide_next = secret and not equals
    return shown


def _login() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run as a user that has no name
        return None
