"""Who started a run and with what: recorded with the run, secrets left out."""

from __future__ import annotations

import contextlib
import functools
import getpass
import hashlib
import json
import os
import platform
import re
import socket
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from heliograph.engines.repository import Repository
from heliograph.storage.entries import Provenance

_SECRET: Final = re.compile(r"token|secret|password|key", re.IGNORECASE)
_SECRET_PAIR: Final = re.compile(
    # From the beginnings of words alone: an argument may be as long as 128 KiB, and one word.
    rf"""((?<![\w.-])(?=[\w.-]*(?:{_SECRET.pattern}))[\w.-]++(?:\s*=\s*|["']\s*:\s*|:\s+))"""
    r"""(?:'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|\[[^\]]*+\]|{[^}]*+}|[^&,;}\s]*)""",
    re.IGNORECASE,
)
_URL_PASSWORD: Final = re.compile(r"(://[^:/@\s]*):\S*@")
_REDACTED: Final = "***"


@functools.cache
def provenance() -> Provenance:
    """The provenance of all runs that this process starts; found out once."""
    code = {"entry_point": sys.argv[0] if sys.argv else ""}
    if _repository().commit is not None:
        code["git_commit"] = str(_repository().commit)
        _repository().look_for_changes()
    return _of_process(code, redacted(sys.argv))


def unasked() -> Provenance:
    """Of a run that no program asked for: what this process is, and no program, commit or command line."""
    return _of_process({}, [])


def _of_process(code: dict[str, str], argv: list[str]) -> Provenance:
    code["python"] = platform.python_version()
    packages = installed(sys.path)
    if packages:
        code["packages_hash"] = packages_hash(packages)
    if "ray" in sys.modules:
        code["ray"] = str(getattr(sys.modules["ray"], "__version__", "?"))
    if (version := version_of("heliograph", packages)) is not None:
        code["heliograph"] = version
    return Provenance(
        code_json=json.dumps(code), login=_login(), argv_json=json.dumps(argv), hostname=socket.gethostname()
    )


def known_provenance() -> Provenance:
    """Of this process, with what has become known since: for a run that another process will have."""
    return _with_facts(late_facts() or "{}")


@functools.cache
def _with_facts(facts: str) -> Provenance:
    known = provenance()
    return replace(known, code_json=json.dumps(json.loads(known.code_json) | json.loads(facts)))


def late_facts() -> str | None:
    """What has become known of the code since runs began, as JSON; empty: nothing will; None: nothing yet."""
    return None if _here is None else _here.facts


def installed(folders: Iterable[str]) -> list[str]:
    """Names of folders that packages left where they were installed, in the order in which they are found.

    They say name and version, so that nothing has to be read.
    """
    names: list[str] = []
    for folder in folders:
        with contextlib.suppress(OSError):  # no folder, or a zip file
            names += [name for name in os.listdir(folder) if name.endswith((".dist-info", ".egg-info"))]
    return names


def packages_hash(names: Iterable[str]) -> str:
    """Tells one set of installed packages and versions from another."""
    return hashlib.sha256("\n".join(sorted(set(names))).encode()).hexdigest()


def version_of(package: str, names: Iterable[str]) -> str | None:
    """The version of a package; None: it is not among them, as a source tree that was not installed.

    >>> version_of("helio", ["other-2.dist-info", "helio-1.2.dev0.dist-info", "helio-1.dist-info"])
    '1.2.dev0'
    """
    of_it = (name.removeprefix(f"{package}-") for name in names if name.startswith(f"{package}-"))
    return next((name.removesuffix(".dist-info") for name in of_it if name.endswith(".dist-info")), None)


_here: Repository | None = None
"""The program's own, once it was looked for; asked with every commit."""


def _repository() -> Repository:
    global _here
    if _here is None:
        _here = _found_repository()
    return _here


def _found_repository() -> Repository:
    entry = sys.argv[0] if sys.argv else ""
    try:
        is_file = bool(entry) and os.path.isfile(entry)
        return Repository(Path(entry).resolve().parent if is_file else Path.cwd())
    except (OSError, ValueError):  # the working directory is gone
        return Repository(Path("/"))


def redacted(argv: list[str]) -> list[str]:
    """A command line without what is secret.

    That is values of arguments whose names hold TOKEN, SECRET, PASSWORD or KEY, also where such a pair is a
    part of an argument, of JSON or a header too, and passwords in URLs.

    >>> redacted(["job.py", "--api-key=abc", "--token", "xyz", "--out", "a.csv", "DB_PASSWORD=1"])
    ['job.py', '--api-key=***', '--token', '***', '--out', 'a.csv', 'DB_PASSWORD=***']
    >>> redacted(["--storage=postgresql://ann:abc@db/flows"])
    ['--storage=postgresql://ann:***@db/flows']
    >>> redacted(["postgresql://db/flows?user=ann&password=abc&sslmode=require", "user=ann password='a b'"])
    ['postgresql://db/flows?user=ann&password=***&sslmode=require', 'user=ann password=***']
    >>> redacted(['{"api_key": "abc", "at": "a=b"}', "X-Api-Key: abc", "f(n=1, token = 'abc')"])
    ['{"api_key": ***, "at": "a=***', 'X-Api-Key: ***', 'f(n=1, token = ***)']
    >>> redacted(['{"tokens": ["abc", "def"], "n": 1}'])
    ['{"tokens": ***, "n": 1}']
    >>> redacted(["key" * 40_000]) == ["key" * 40_000]
    True
    """
    shown = []
    hide_next = False
    for given in argv:
        argument = _URL_PASSWORD.sub(rf"\1:{_REDACTED}@", given)
        name, equals, _ = argument.partition("=")
        secret = bool(_SECRET.search(name)) and (bool(equals) or argument.startswith("-"))
        if hide_next and not argument.startswith("-"):
            shown.append(_REDACTED)
        else:
            hidden = _SECRET_PAIR.sub(rf"\1{_REDACTED}", argument)
            name = _SECRET_PAIR.sub(rf"\1{_REDACTED}", name)
            shown.append(f"{name}={_REDACTED}" if secret and equals else hidden)
        hide_next = secret and not equals
    return shown


def _login() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run as a user that has no name
        return None
