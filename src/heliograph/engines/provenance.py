"""Who started a run and with what: recorded with the run, secrets left out."""

from __future__ import annotations

import contextlib
import functools
import getpass
import hashlib
import json
import os
import platform
import socket
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from heliograph.engines.repository import Repository
from heliograph.storage.entries import Provenance

_WORKER_OF_RAY: Final = os.path.join("ray", "_private", "workers", "default_worker.py")


@functools.cache
def provenance() -> Provenance:
    """The provenance of all runs that this process starts; found out once."""
    code = {"entry_point": _entry_point()}
    if _repository().commit is not None:
        code["git_commit"] = str(_repository().commit)
        _repository().look_for_changes()
    return _of_process(code, _command_line())


def unasked() -> Provenance:
    """Of a run that no program asked for: what this process is, and no program, commit or command line."""
    return _of_process({}, [])


def _entry_point() -> str:
    """The program; empty: none that a person knows, as in an actor or a task of Ray's own."""
    entry = sys.argv[0] if sys.argv else ""
    return "" if entry.endswith(_WORKER_OF_RAY) else entry


def _command_line() -> list[str]:
    if not _entry_point():
        return []
    if len(sys.argv) < 2:  # a program's name is no secret
        return sys.argv
    from heliograph.records.redaction import redacted  # its patterns take milliseconds to be made

    return redacted(sys.argv)


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
    entry = _entry_point()
    try:
        is_file = bool(entry) and os.path.isfile(entry)
        return Repository(Path(entry).resolve().parent if is_file else Path.cwd())
    except (OSError, ValueError):  # the working directory is gone
        return Repository(Path("/"))


def _login() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run as a user that has no name
        return None
