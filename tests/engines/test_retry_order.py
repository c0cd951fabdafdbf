"""A retry that has waited for its time goes before what waits for a worker; one that has not goes behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph import workflow
from tests.conditions import until
from tests.gates import Gate, Ledger
from tests.invariants import check_store


@pytest.fixture(params=["processes", "threads"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Of an engine with one worker."""
    workflow.init(storage=tmp_path / "storage", workers=request.param, num_workers=1)
    yield tmp_path / "storage"
    workflow.shutdown()
    check_store(tmp_path / "storage" / "heliograph.db")


@workflow.task(max_retries=1, retry_exceptions=True)
def fail_once(ledger: Ledger) -> None:
    if ledger.note("flaky") == 1:
        raise OSError("once")


@workflow.task
def hold(gate: Gate) -> None:
    gate.wait()


@workflow.task
def note(ledger: Ledger, line: str) -> None:
    ledger.note(line)


@workflow.task
def together(*_values: object) -> None:
    pass


def is_due() -> bool:
    task = workflow.get_metadata("mine", "flaky")
    return [one["status"] for one in task["attempts"]] == ["FAILED"] and task["status"] == "READY"


@pytest.mark.parametrize(("delay", "place"), [(0.01, 1), (0, 21)])
def test_a_retry_goes_first_once_it_is_due(storage: Path, tmp_path: Path, delay: float, place: int) -> None:
    gate, ledger = Gate(tmp_path / "gate"), Ledger(tmp_path / "ledger")
    flaky = fail_once.options(name="flaky", retry_delay=delay).bind(ledger)
    notes = [note.bind(ledger, "note") for _ in range(20)]
    output = workflow.run_async(together.bind(flaky, hold.bind(gate), *notes), workflow_id="mine")
    gate.until_waiting()
    until(is_due, what="the retry to be due")
    gate.open()
    output.result(60)
    assert ledger.lines().index("flaky", 1) == place
