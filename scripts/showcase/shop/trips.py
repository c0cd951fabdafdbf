"""A saga: flight, hotel and car are booked, or what was booked is undone."""

from __future__ import annotations

import time
from typing import Any

from heliograph import workflow

WANTED = ("flight", "hotel", "car")


class FullError(Exception):
    """There is none left."""


@workflow.task
def book(trip: str, what: str, full: list[str]) -> str:
    """One part of the trip."""
    time.sleep(0.05 * len(what))
    if what in full:
        raise FullError(f"no {what} is left for {trip}")
    return f"{trip}.{what}"


@workflow.task(max_retries=-1, retry_exceptions=True, retry_delay=0.05)
def undo(booking: str) -> str:
    """One part given back; tried until it comes through."""
    time.sleep(0.08)
    if workflow.current().attempt < 3 and booking.endswith("car"):
        raise ConnectionResetError("the agency hung up")
    return booking


@workflow.task
def settle(outcomes: list[tuple[str | None, Exception | None]]) -> Any:
    """All of it, or nothing."""
    booked = [booking for booking, _ in outcomes if booking is not None]
    errors = [str(error) for _, error in outcomes if error is not None]
    if not errors:
        return f"booked: {', '.join(booked)}"
    undone = [undo.options(name=f"undo-{booking.partition('.')[2]}").bind(booking) for booking in booked]
    return workflow.continuation(apologise.options(name="apologise").bind(errors, undone))


@workflow.task
def apologise(errors: list[str], undone: list[str]) -> str:
    """Nothing is booked any more."""
    return f"{'; '.join(errors)}; undone: {', '.join(undone)}"


def trip(name: str, full: list[str]) -> workflow.Node:
    """A trip; what is `full` is not to be had."""
    return settle.options(name="settle").bind(
        [
            book.options(**workflow.options(name=f"book-{what}", catch_exceptions=True)).bind(
                name, what, full
            )
            for what in WANTED
        ]
    )
