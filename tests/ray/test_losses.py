"""Attempts that no worker finished, as they are recorded."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

from heliograph.engines.attempts.executor import Running
from heliograph.engines.ray.losses import lost
from heliograph.records.attempt import Phases, Worker
from heliograph.records.status import AttemptStatus
from heliograph.storage import rows
from heliograph.storage.entries import AttemptEntry
from heliograph.storage.tables import schema
from tests.engines.harness import Works, add


def test_who_ran_an_attempt_that_died_is_known_if_its_worker_had_reported_it(tmp_path: Path) -> None:
    work = Works(tmp_path)(add, 1, 2)
    worker = Worker("here", 7, "w", "n")

    def recorded(running: Running | None) -> Worker | None:
        receipt = lost(work, 1.0, running, None)
        assert receipt.failure is not None
        assert receipt.failure.died
        entry = AttemptEntry(
            0, 1, AttemptStatus.FAILED, 1.0, 1.0, receipt.phases, 5, receipt.worker, failure=receipt.failure
        )
        row = zip(schema.attempts.c.keys(), rows.attempt_row(1, 1, 2.0, entry), strict=True)
        return rows.attempt_record(SimpleNamespace(**dict(row))).worker

    assert recorded(Running(work.key, worker, 1.0, 2.0)) == worker
    assert recorded(None) is None


def test_how_long_an_attempt_ran_that_died_is_known_if_its_worker_had_reported_it(tmp_path: Path) -> None:
    work = Works(tmp_path)(add, 1, 2)
    begun = time.time() - 60.0
    phases = lost(work, begun, Running(work.key, Worker("here", 7, "w", "n"), begun, begun), None).phases
    assert (phases.started, phases.loaded) == (begun, None)
    assert phases.finished is not None
    assert 60.0 <= phases.finished - begun < 120.0
    assert lost(work, begun, None, None).phases == Phases(submitted=begun)
