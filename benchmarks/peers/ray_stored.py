"""Workflows of one task at once, as the least of Ray and SQLite would do them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import ray

from benchmarks.peers.ray_cluster import cluster
from benchmarks.peers.ray_raw import increment
from benchmarks.peers.telling import tell, timed

_MANY = 10_000


@ray.remote(max_concurrency=_MANY)
class Actor:
    """Gives each workflow an `ObjectRef`; as `ray.workflow`'s actor did, and heliograph's does.

    Args:
        path: of the database.
    """

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE rows (number INTEGER, text TEXT NOT NULL)",
        ):
            self._database.execute(statement)

    def _store(self, number: int) -> None:
        self._database.execute("INSERT INTO rows VALUES (?, 'a small row')", (number,))

    async def run(self, number: int) -> int:
        """Store that it begins, run its task, store that it ended."""
        self._store(number)
        output: int = await increment.remote(number)
        self._store(output)
        return output


def at_once(count: int) -> float:
    return timed(
        lambda: ray.get([actor.run.remote(number) for number in range(count)]), list(range(1, count + 1))
    )


if __name__ == "__main__":
    with cluster() as folder:
        actor = Actor.remote(folder / "bare.db")
        ray.get([increment.remote(0) for _ in range(64)] + [actor.run.remote(0)])
        tell({"at-once": at_once})
