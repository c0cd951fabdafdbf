"""The cases on DBOS: steps of workflows, in one process, on SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from dbos import DBOS
from sqlalchemy import create_engine, inspect, text

from benchmarks.peers.telling import GROUP, PIECES, per_call, storage, tell, tell_first, timed

stopping = False


@DBOS.step()
def increment(number: int) -> int:
    return number + 1


@DBOS.step()
async def increment_beside(number: int) -> int:
    return number + 1


@DBOS.step()
async def total_beside(numbers: list[int]) -> int:
    return sum(numbers)


@DBOS.step()
def make(size: int) -> bytes:
    return bytes(size)


@DBOS.step()
def measure(data: bytes) -> int:
    return len(data)


@DBOS.workflow()
def one(number: int) -> int:
    return increment(number)


@DBOS.workflow()
def chain(length: int) -> int:
    number = 0
    for _ in range(length):
        number = increment(number)
    return number


@DBOS.workflow()
async def fan_out(count: int) -> int:
    return await total_beside(await asyncio.gather(*[increment_beside(number) for number in range(count)]))


@DBOS.workflow()
async def map_reduce(count: int) -> int:
    numbers = await asyncio.gather(*[increment_beside(number) for number in range(count)])
    groups = [numbers[start : start + GROUP] for start in range(0, count, GROUP)]
    return await total_beside(await asyncio.gather(*[total_beside(group) for group in groups]))


@DBOS.workflow()
def values(count: int, size: int) -> int:
    return sum([measure(make(size)) for _ in range(count)])


@DBOS.workflow()
def halting(count: int) -> int:
    """Is cancelled when half of its steps are done, the first time."""
    done = 0
    for number in range(count):
        if stopping and number == count // 2:
            assert DBOS.workflow_id is not None
            DBOS.cancel_workflow(DBOS.workflow_id)
        done += increment(0)
    return done


def launched() -> None:
    place = storage()
    url = place if place.startswith("postgresql:") else f"sqlite:///{place}/dbos.sqlite"
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR", "enable_otlp": False})
    DBOS.launch()


def warm() -> None:
    launched()
    one(0)


def run_cold(_count: int) -> float:
    launched()
    return tell_first(one(2))


def run_chain(count: int) -> float:
    warm()
    return timed(lambda: chain(count), count)


def run_fan_out(count: int) -> float:
    warm()
    return timed(lambda: asyncio.run(fan_out(count)), count * (count + 1) // 2)


def run_map_reduce(count: int) -> float:
    warm()
    return timed(lambda: asyncio.run(map_reduce(count)), count * (count + 1) // 2)


def run_at_once(count: int) -> float:
    warm()

    def all_of_them() -> int:
        handles = [DBOS.start_workflow(one, number) for number in range(count)]
        return sum([handle.get_result() for handle in handles])

    return timed(all_of_them, count * (count + 1) // 2)


def run_values(count: int) -> float:
    """So many times a megabyte, in eight pieces."""
    warm()
    size = count * 1_000_000 // PIECES
    return timed(lambda: values(PIECES, size), PIECES * size)


def run_resume(count: int) -> float:
    global stopping
    warm()
    stopping = True
    handle = DBOS.start_workflow(halting, count)
    try:
        handle.get_result()
    except Exception:  # it was cancelled
        stopping = False
    while DBOS.get_workflow_status(handle.workflow_id).status != "CANCELLED":  # type: ignore[union-attr]
        time.sleep(0.01)
    return timed(lambda: DBOS.resume_workflow(handle.workflow_id).get_result(), count)


def filled(count: int) -> str:
    """Workflows that ran, multiplied in the database; the id of one of them."""
    warm()
    first = DBOS.start_workflow(one, 0)
    first.get_result()
    place = storage()
    if place.startswith("postgresql:"):
        engine, schema = create_engine(place.replace("postgresql:", "postgresql+psycopg:", 1)), "dbos"
    else:
        engine, schema = create_engine(f"sqlite:///{place}/dbos.sqlite"), None
    table = "workflow_status" if schema is None else "dbos.workflow_status"
    names = [column["name"] for column in inspect(engine).get_columns("workflow_status", schema=schema)]
    values = [f"'{first.workflow_id}-' || n" if name == "workflow_uuid" else name for name in names]
    copy = (
        "WITH RECURSIVE more(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < :count)"
        f" INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)}"
        f" FROM {table} CROSS JOIN more WHERE workflow_uuid = :id"
    )
    if count > 1:
        with engine.begin() as connection:
            connection.execute(text(copy), {"count": count - 1, "id": first.workflow_id})
            connection.execute(text("ANALYZE"))
    return first.workflow_id


def run_metadata(count: int) -> float:
    found = filled(count)
    return per_call(lambda: DBOS.get_workflow_status(found).status, "SUCCESS", calls=200)  # type: ignore[union-attr]


def run_listing(count: int) -> float:
    filled(count)

    def page() -> Any:
        return DBOS.list_workflows(limit=50, sort_desc=True)[0].status

    return per_call(page, "SUCCESS", calls=10)


def run_search(count: int) -> float:
    filled(count)

    def page() -> Any:
        found = DBOS.list_workflows(limit=50, sort_desc=True, status="SUCCESS", workflow_id_prefix="")
        return found[0].status

    return per_call(page, "SUCCESS", calls=10)


if __name__ == "__main__":
    tell(
        {
            "cold-start": run_cold,
            "chain": run_chain,
            "fan-out": run_fan_out,
            "map-reduce": run_map_reduce,
            "at-once": run_at_once,
            "values": run_values,
            "resume": run_resume,
            "metadata": run_metadata,
            "listing": run_listing,
            "search": run_search,
        }
    )
    os._exit(0)  # DBOS's threads would take seconds to end, and nothing is measured any more
