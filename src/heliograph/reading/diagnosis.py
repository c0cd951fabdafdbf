"""Whether all is well: storage, versions, engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from heliograph.errors import MissingExtraError, StorageCorruptError, StorageError
from heliograph.reading.opened import session

if TYPE_CHECKING:
    from heliograph.storage.values.value_store import ValueStore

_LEAST_FREE: Final = 1_000_000_000
_NETWORK: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "glusterfs", "lustre"})
_TRIAL_SECONDS: Final = 60
_TRIAL: Final = """
from heliograph import workflow
@workflow.task
def trial(): return "well"
workflow.init(num_workers=1)
print(workflow.run(trial.bind()))
"""


def diagnose() -> list[dict[str, Any]]:
    """Check the storage, the versions and that worker processes run; takes about a second.

    Returns:
        A dict for each check: ``check``, ``ok``, what was ``found``, and ``advice`` if something can be done.

    >>> sorted({check["check"] for check in diagnose()})
    ['database', 'disk', 'engine', 'leases', 'storage', 'values', 'versions']
    """
    return [_versions(), *_storage(), _engine()]


def _check(check: str, ok: bool, found: str, advice: str | None = None) -> dict[str, Any]:
    return {"check": check, "ok": ok, "found": found, **({} if ok or advice is None else {"advice": advice})}


def _versions() -> dict[str, Any]:
    import platform
    import sqlite3

    known = {name: _version(name) for name in ("heliograph", "sqlalchemy", "ray")}
    packages = ", ".join(f"{name} {version}" for name, version in known.items() if version is not None)
    found = f"{packages}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    is_known = sqlite3.sqlite_version_info >= (3, 35)
    return _check("versions", is_known, found, "SQLite is too old: 3.35 or newer is needed (RETURNING)")


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _storage() -> list[dict[str, Any]]:
    import shutil

    try:
        opened = session()
        health = opened.store.health()
        statuses = _as_they_read(health.statuses)
    except StorageError as error:
        return [_check("storage", False, str(error))]
    counts = ", ".join(f"{count} {status}" for status, count in statuses.items())
    made = [
        _check("storage", True, f"{opened.place}, version {health.version}, {counts or 'no workflows'}"),
        _values(opened.store.values),
        _check(
            "database",
            not health.problems,
            "; ".join(health.problems) or "no damage found",
            "put a backup in its place, or `heliograph delete` workflows with damaged rows, all of which "
            "`heliograph storage check` names; of damaged pages, sqlite3's .recover saves what is left",
        ),
        _check("leases", True, f"engines that have it open for running workflows: {health.engines}"),
    ]
    path = opened.settings.location.path
    if path is not None:
        free, kind = shutil.disk_usage(path.parent).free, _filesystem(os.fspath(path.parent))
        is_local = kind not in _NETWORK
        found = f"{free / 1e9:.1f} GB free, filesystem {kind}, database {path.stat().st_size / 1e6:.1f} MB"
        advice = "make room" if is_local else "SQLite needs a local disk: move the storage"
        made.append(_check("disk", free >= _LEAST_FREE and is_local, found, advice))
    return made


def _values(values: ValueStore) -> dict[str, Any]:
    from heliograph.storage.location import shown

    try:
        values.check_known()
    except (StorageError, MissingExtraError) as error:
        return _check("values", False, f"no large value can be stored: {error}")
    return _check("values", True, f"large values are in {shown(values.url)}")


def _as_they_read(stored: Mapping[str, int]) -> Mapping[str, int]:
    """Counts of workflows by status: some of those that are stored as RUNNING may be RESUMABLE."""
    from heliograph.reading.searching import summarize

    try:
        return {group["by"]["status"]: group["count"] for group in summarize("status")}
    except StorageCorruptError:  # another check tells of that
        return stored


def _engine() -> dict[str, Any]:
    """Run a task in a worker process, in a program and a storage of their own."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory(prefix="heliograph-doctor-") as folder:
        environment = os.environ | {"HELIOGRAPH_STORAGE": folder}
        try:
            done = subprocess.run(
                [sys.executable, "-c", _TRIAL],
                env=environment,
                capture_output=True,
                encoding="locale",
                errors="replace",
                timeout=_TRIAL_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return _check("engine", False, f"a task in a worker process did not run: {error}")
    if done.returncode == 0 and done.stdout.strip() == "well":
        return _check("engine", True, "a task ran in a worker process")
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or [f"exit code {done.returncode}"]
    return _check("engine", False, f"a task in a worker process did not run: {said[0]}")


def _filesystem(folder: str) -> str:
    best, kind = "", "unknown"
    try:
        with open("/proc/mounts", encoding="utf-8", errors="surrogateescape") as mounts:
            for line in mounts:
                _, point, found, *_ = line.split()
                inside = point == "/" or f"{os.path.realpath(folder)}/".startswith(f"{point}/")
                if inside and len(point) >= len(best):
                    best, kind = point, found
    except OSError:  # not Linux
        return kind
    return kind
