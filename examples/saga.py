"""A saga: book flight, hotel and car for a trip; if one of them can't be had, undo the others.

    python examples/saga.py
    python examples/saga.py --trip rome --full hotel

The three are booked side by side, and each may fail without the others knowing. What was booked is looked at
afterwards: all of it stands, or all of it is undone, also if this program is killed in between and run again.

The agency is a folder with one file a booking. Booking or undoing the same thing twice changes nothing there,
as a real one promises to who sends the same key: a task that was running at a crash runs again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from heliograph import workflow

STORAGE = Path(__file__).resolve().parent.parent / "build" / "saga"
WANTED = ("flight", "hotel", "car")


class FullError(Exception):
    """There is none left."""


@workflow.task
def book(agency: Path, trip: str, what: str, full: list[str]) -> Path:
    """Book one part of the trip."""
    if what in full:
        raise FullError(f"no {what} is left for {trip}")
    agency.mkdir(parents=True, exist_ok=True)
    booking = agency / f"{trip}.{what}"
    booking.touch()
    return booking


@workflow.task(max_retries=-1, retry_exceptions=True, retry_delay=1)
def undo(booking: Path) -> str:
    """Give one part back. It has to come through in the end, so it is tried for ever."""
    booking.unlink(missing_ok=True)
    return booking.suffix[1:]


@workflow.task
def settle(outcomes: list[tuple[Path | None, Exception | None]]) -> Any:
    """All of it, or nothing."""
    booked = [booking for booking, _ in outcomes if booking is not None]
    errors = [str(error) for _, error in outcomes if error is not None]
    if not errors:
        return f"booked: {', '.join(booking.suffix[1:] for booking in booked)}"
    return workflow.continuation(apologise.bind(errors, [undo.bind(booking) for booking in booked]))


@workflow.task
def apologise(errors: list[str], undone: list[str]) -> str:
    """Nothing is booked any more."""
    return f"{'; '.join(errors)}; undone: {', '.join(undone) or 'nothing'}"


def main() -> None:
    """Book a trip."""
    parser = argparse.ArgumentParser(description="Book a trip: all of it, or nothing.")
    parser.add_argument("--storage", type=Path, default=STORAGE)
    parser.add_argument(
        "--trip", default="lisbon", help="a trip is booked once; its name is the workflow's id"
    )
    parser.add_argument("--full", nargs="*", default=[], choices=WANTED, help="what is not to be had")
    given = parser.parse_args()

    workflow.init(storage=given.storage)
    caught = book.options(**workflow.options(catch_exceptions=True))
    agency = given.storage / "agency"
    bookings = [caught.bind(agency, given.trip, what, given.full) for what in WANTED]
    print(workflow.run(settle.bind(bookings), workflow_id=given.trip))


if __name__ == "__main__":
    main()
