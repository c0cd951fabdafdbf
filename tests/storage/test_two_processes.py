"""Two processes that want one workflow: one gets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliograph import workflow
from tests import scripts
from tests.conditions import until
from tests.gates import Gate, Ledger
from tests.invariants import check_store, connect

PROGRAM = """
import sys
from pathlib import Path
from heliograph import workflow
from tests.conditions import until
from tests.gates import Gate, Ledger

@workflow.task
def wait(gate, ledger):
    ledger.note("ran")
    gate.wait()
    return "output"

ready, start, gate, ledger = map(Path, sys.argv[1:])
workflow.init(workers="threads")
workflow.list_all()
ready.touch()
until(start.exists)
try:
    output = workflow.run_async(wait.bind(Gate(gate), Ledger(ledger)), workflow_id="mine")
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
else:
    ready.with_suffix(".won").touch()
    print(output.result())
"""


@pytest.mark.parametrize("round_", range(3))
def test_of_two_that_submit_one_id_at_once_one_wins(tmp_path: Path, round_: int) -> None:
    gate, ledger, start = Gate(tmp_path / "gate"), Ledger(tmp_path / "ledger"), tmp_path / "start"
    processes = [
        scripts.start(
            PROGRAM, tmp_path / "storage", tmp_path / f"{number}.ready", start, gate.folder, ledger.path
        )
        for number in range(3)
    ]
    until(lambda: len(list(tmp_path.glob("*.ready"))) == 3)
    start.touch()
    until(lambda: list(tmp_path.glob("*.won")))
    (winner,) = (int(path.stem) for path in tmp_path.glob("*.won"))
    losers = [process for number, process in enumerate(processes) if number != winner]
    for loser in losers:
        printed, errors = loser.communicate(timeout=60)
        assert printed.startswith("RuntimeError: workflow 'mine' is RUNNING already"), errors
    gate.open()
    assert processes[winner].communicate(timeout=60)[0] == "output\n"
    assert ledger.lines() == ["ran"]
    check_store(tmp_path / "storage" / "heliograph.db")
    connection = connect(tmp_path / "storage" / "heliograph.db")
    assert connection.execute("SELECT count(*) FROM runs").fetchone()[0] == 1
    connection.close()


def test_many_processes_write_one_storage(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from heliograph import workflow\n"
        "workflow.init(workers='threads')\n"
        "@workflow.task\n"
        "def add(left, right): return left + right\n"
        "for number in range(20):\n"
        "    name = f'{sys.argv[1]} {number}'\n"
        "    assert workflow.run(add.bind(add.bind(number, 1), 1), workflow_id=name) == number + 2\n"
    )
    processes = [scripts.start(program, tmp_path / "storage", number) for number in range(4)]
    for process in processes:
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors
    check_store(tmp_path / "storage" / "heliograph.db")
    workflow.init(storage=tmp_path / "storage", workers="threads")
    try:
        assert len(workflow.list_all("SUCCESSFUL")) == 80
    finally:
        workflow.shutdown()
