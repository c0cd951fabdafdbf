"""The store that the pictures are of: real workflows, run by this library, then spread over two weeks.

    python scripts/showcase/store.py FOLDER

They run for a minute or so. What they recorded is moved back in time afterwards, and stretched, so that a
night's work takes minutes and not the second that it took here; and the machine gets another name.
"""

from __future__ import annotations

import datetime
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

SHOP = Path(__file__).parent / "shop"
DAY = 86_400.0
STRETCH = 90.0
TIMES = {
    "workflows": ("created_time", "start_time", "end_time"),
    "runs": ("created_time", "start_time", "end_time", "cancel_time"),
    "attempts": (
        *("created", "ready", "submitted", "started", "loaded", "finished", "serialised", "stored"),
    ),
    "reports": ("progress_time",),
    "said": ("time",),
    "changes": ("time",),
}


def program(folder: Path, what: str) -> list[str]:
    """The command that runs a part of it."""
    return [sys.executable, str(folder / "shop"), str(folder), what]


def environment(folder: Path) -> dict[str, str]:
    """What it runs in: Ray's workers find the shop's modules as well."""
    return os.environ | {"PYTHONPATH": str(folder / "shop")}


def make(folder: Path) -> None:
    """Run everything, and spread it over two weeks."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(SHOP, folder / "shop", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(program(folder, "all"), check=True, env=environment(folder))
    with closing(sqlite3.connect(folder / "heliograph.db")) as connection, connection:
        found = connection.execute("SELECT key, workflow_id FROM workflows ORDER BY key").fetchall()
        for key, workflow_id in found:
            _move(connection, key, _begin(workflow_id))
    name_the_machine(folder)


def name_the_machine(folder: Path) -> None:
    """Show no name of the machine that this ran on."""
    with closing(sqlite3.connect(folder / "heliograph.db", timeout=30)) as connection, connection:
        connection.execute("UPDATE runs SET hostname = 'etl-1', login = 'mara'")
        connection.execute("UPDATE attempts SET host = 'etl-1' WHERE host IS NOT NULL")


def _begin(workflow_id: str) -> float:
    """When a workflow shall have begun."""
    now = time.time()
    kind, _, rest = workflow_id.partition("-")
    if kind == "orders":
        day = (datetime.date.today() - datetime.date.fromisoformat(rest)).days
        return now - day * DAY + DAY / 3 + 60 * (day * 7 % 11)
    hours = {
        "lisbon": 30,
        "rome": 27,
        "oslo": 20,
        "porto": 5,
        "2024": 90,
        "conv-small-1": 4,
        "conv-small-2": 3,
    }
    return now - hours[rest] * 3600


def _move(connection: sqlite3.Connection, key: int, begin: float) -> None:
    (was,) = connection.execute("SELECT created_time FROM workflows WHERE key = ?", [key]).fetchone()
    for table, columns in TIMES.items():
        which = "key" if table == "workflows" else "workflow"
        changed = ", ".join(f"{name} = {begin} + ({name} - {was}) * {STRETCH}" for name in columns)
        connection.execute(f"UPDATE {table} SET {changed} WHERE {which} = ?", [key])
    connection.execute(
        f"UPDATE attempts SET backoff = backoff * {STRETCH}, cpu_time = cpu_time * {STRETCH}"
        " WHERE workflow = ?",
        [key],
    )


if __name__ == "__main__":
    make(Path(sys.argv[1]))
