"""Run everything that the showcase shows: ``python shop FOLDER all`` or ``python shop FOLDER running``."""

from __future__ import annotations

import datetime
import sys

import orders
import trips

from heliograph import workflow

DAYS = 15
BACKFILL = 5
"""The day after whose orders, counted back, the one that is stopped begins."""


def name(day: int) -> str:
    """Id of the orders of a day, counted back."""
    return f"orders-{datetime.date.today() - datetime.timedelta(days=day)}"


def everything(folder: str) -> None:
    """All that is over, in the order of the times that store.py moves it to: lists show the newest first."""
    workflow.init(storage=folder, num_workers=4)
    for day in range(DAYS, 1, -1):
        night(day)
        if day == BACKFILL:
            backfill()
    for city, full in (("lisbon", []), ("rome", ["hotel"]), ("oslo", [])):
        travel(city, full)
    night(1)
    travel("porto", ["flight"])
    workflow.shutdown()
    sweeps(folder)


def night(day: int) -> None:
    """The orders of a day."""
    team = {"team": "orders", "day": day, "tier": "nightly"}
    output = workflow.run_async(orders.nightly(day), workflow_id=name(day), metadata=team)
    if output.exception() is not None and day == orders.DISK_FULL:
        workflow.resume(name(day))


def backfill() -> None:
    """One that somebody stopped."""
    stopped = workflow.run_async(
        orders.backfill(6), workflow_id="backfill-2024", metadata={"team": "orders", "tier": "backfill"}
    )
    next(change for change in workflow.watch("backfill-2024") if change["kind"] == "attempt")
    workflow.cancel("backfill-2024")
    stopped.exception()


def travel(city: str, full: list[str]) -> None:
    """A trip that is booked, or undone."""
    metadata = {"team": "travel", "tier": "live"}
    workflow.run(trips.trip(city, full), workflow_id=f"trip-{city}", metadata=metadata)


def sweeps(folder: str) -> None:
    """What is trained on Ray."""
    import ray
    import sweep

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    workflow.init(storage=folder)
    for number in (1, 2):
        team = {"team": "vision", "model": "conv-small", "sweep": number}
        workflow.run(sweep.sweep(), workflow_id=f"sweep-conv-small-{number}", metadata=team)
    workflow.shutdown()
    ray.shutdown()


def running(folder: str) -> None:
    """What goes on until somebody ends this program."""
    workflow.init(storage=folder, num_workers=6)
    metadata = {"team": "orders", "tier": "backfill", "shops": 40}
    workflow.run(orders.backfill(), workflow_id="backfill-2025", metadata=metadata)


if __name__ == "__main__":
    {"all": everything, "running": running}[sys.argv[2]](sys.argv[1])
