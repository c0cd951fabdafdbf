"""`python -m tests.cluster`: 4 engines, 2,000 workflows, two minutes of blows; then the checker.

With a number, that is the seed.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import postgresql
from tests.cluster.chaos import Cluster, Plan, run


def main(seed: int) -> int:
    server = postgresql.Server()
    folder = Path(tempfile.mkdtemp(prefix="heliograph-cluster-"))
    plan = Plan(2_000, 4, 120, 1.0, ends_leases=False, restarts=2, seed=seed)
    cluster = Cluster(server.database(folder / "values"), folder)
    print(f"seed {seed}, in {folder}: {plan}", flush=True)
    try:
        run(plan, server, cluster, patience=300)
        print(dict(cluster.blows), flush=True)
        command = [sys.executable, "-m", "tests.cluster.checker", postgresql.plain(cluster.url), cluster.log]
        return subprocess.run(command, check=False).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(10**6)))
