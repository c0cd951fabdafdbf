"""The cluster, in short: see `python -m tests.cluster` for the whole."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests import postgresql
from tests.cluster import same_id
from tests.cluster.chaos import Cluster, Plan, run
from tests.invariants import check_store


@pytest.mark.timeout(240)
def test_engines_and_the_server_are_killed_and_stopped(tmp_path: Path) -> None:
    server = postgresql.Server()  # of its own: it is restarted
    try:
        cluster = Cluster(server.database(tmp_path / "values"), tmp_path)
        plan = Plan(120, 3, 8, 0.8, ends_leases=True, restarts=1, seed=random.randrange(10**6))
        print(plan)
        run(plan, server, cluster, patience=120)
        assert check(cluster) == 0
        check_store(cluster.url)
        assert cluster.blows["server restarted"] == 1
        _spoil(cluster)
        assert check(cluster) == 1  # it is no checker that finds nothing where there is something
    finally:
        server.stop()


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_of_two_that_start_one_id_at_the_same_instant_one_wins(where: str, tmp_path: Path) -> None:
    is_file = where == "sqlite"
    storage = tmp_path / "storage" if is_file else postgresql.server().database(tmp_path / "values")
    assert same_id.race(storage, 20).total() == 20


def check(cluster: Cluster) -> int:
    command = [sys.executable, "-m", "tests.cluster.checker", postgresql.plain(cluster.url), cluster.log]
    return subprocess.run(command, check=False).returncode


def _spoil(cluster: Cluster) -> None:
    """As if a fenced engine had stored an output all the same."""
    with psycopg.connect(postgresql.plain(cluster.url), autocommit=True) as connection:
        connection.execute(
            "UPDATE stored_values SET data = (SELECT data FROM stored_values WHERE role = 'output'"
            " AND workflow = (SELECT max(key) FROM workflows) LIMIT 1)"
            " WHERE role = 'output' AND workflow = (SELECT min(key) FROM workflows) AND task = 0"
        )
