"""`python -m tests.cluster.same_id [ROUNDS]`: two processes start one workflow id at the same instant.

On SQLite and on PostgreSQL. In each round one has to win, and the other to be told that it runs already.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests import postgresql, scripts
from tests.invariants import check_store, connect

PROGRAM = """
import sys, threading, time
from heliograph import workflow

@workflow.task
def hold():
    import sys
    assert sys.gate.wait(60)
    return sys.number

workflow.init(workers="threads", num_workers=1)
workflow.list_all()
sys.number = int(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    workflow_id, instant = line.split()
    sys.gate = threading.Event()
    dag = hold.bind()
    while time.time() < float(instant):
        pass
    output = None
    try:
        output = workflow.run_async(dag, workflow_id=workflow_id)
        print("won", flush=True)
    except RuntimeError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
    sys.stdin.readline()  # the other one has said how it went
    sys.gate.set()
    assert output is None or output.result(60) == sys.number
    print("done", flush=True)
"""


def race(storage: Any, rounds: int) -> Counter[str]:
    """Who won how often.

    Raises:
        AssertionError: not one of the two won, or the other was told something else.
    """
    won: Counter[str] = Counter()
    with ExitStack() as ending:
        racers = [_racer(storage, number, ending) for number in (1, 2)]
        for racer in racers:
            assert _said(racer) == "ready"
        for number in range(rounds):
            workflow_id, instant = f"w{number}", time.time() + 0.005
            for racer in racers:
                _tell(racer, f"{workflow_id} {instant}")
            answers = [_said(racer) for racer in racers]
            refused = f"RuntimeError: workflow {workflow_id!r} is RUNNING already: wait for it, or cancel it"
            assert sorted(answers) == [refused, "won"], answers
            won[f"process {answers.index('won') + 1}"] += 1
            for racer in racers:
                _tell(racer, "go on")
            assert [_said(racer) for racer in racers] == ["done", "done"]
    place = storage / "heliograph.db" if isinstance(storage, Path) else storage
    check_store(place)
    connection = connect(place)
    runs = connection.execute("SELECT count(*), count(DISTINCT workflow) FROM runs").fetchone()
    ended = connection.execute("SELECT count(*) FROM workflows WHERE status = 'SUCCESSFUL'").fetchone()
    connection.close()
    assert (*runs, *ended) == (rounds, rounds, rounds), (*runs, *ended)
    return won


def _racer(storage: Any, number: int, ending: ExitStack) -> subprocess.Popen[str]:
    racer = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(number)],
        env=scripts.environment(storage),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    ending.enter_context(racer)
    ending.callback(racer.kill)
    return racer


def _said(racer: subprocess.Popen[str]) -> str:
    assert racer.stdout is not None
    return racer.stdout.readline().strip()


def _tell(racer: subprocess.Popen[str], what: str) -> None:
    assert racer.stdin is not None
    racer.stdin.write(f"{what}\n")
    racer.stdin.flush()


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(f"SQLite, {rounds} rounds: {dict(race(Path(folder) / 'storage', rounds))}", flush=True)
        url = postgresql.server().database(Path(folder) / "values")
        print(f"PostgreSQL, {rounds} rounds: {dict(race(url, rounds))}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
