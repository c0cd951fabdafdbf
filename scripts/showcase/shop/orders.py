"""A nightly ETL: orders of eight regions are fetched, cleaned, priced, joined and published."""

from __future__ import annotations

import random
import time

from heliograph import workflow

REGIONS = ("north", "south", "east", "west", "islands", "alps", "coast", "capital")
REPORTS = ("by_product", "by_hour", "by_customer", "returns")
SCHEMA_CHANGED = 9
"""On this day before the last one the alps sent another schema, and nobody noticed before the morning."""
DISK_FULL = 6
"""On this day the first run found no room; it was resumed."""
SLOW_SINCE = 4
"""Since so many days prices come from a slower service."""


def pace(day: int, what: str, seconds: float) -> random.Random:
    """Take about so long; how long is the same each time."""
    chance = random.Random(f"{day} {what}")
    time.sleep(seconds * chance.uniform(0.6, 1.7))
    return chance


@workflow.task(max_retries=4, retry_exceptions=[ConnectionError], retry_delay=0.05)
def fetch(day: int, region: str) -> list[int]:
    """Orders of a region; the coast's line is bad."""
    chance = pace(day, f"fetch {region}", 0.05)
    now = workflow.current()
    if region == "coast" and now.attempt <= day % 3:
        raise ConnectionError(f"{region}.shop.example closed the connection after {41 * now.attempt} rows")
    rows = [chance.randrange(1, 400) for _ in range(chance.randrange(9_000, 30_000))]
    now.log(f"{len(rows)} orders from {region}.shop.example")
    now.update_metadata({"region": region, "rows": len(rows)})
    return rows


@workflow.task(max_retries=0)
def clean(day: int, region: str, rows: list[int]) -> list[int]:
    """Without those that are none."""
    pace(day, f"clean {region}", 0.03)
    if day == SCHEMA_CHANGED and region == "alps":
        raise KeyError("order_total")
    kept = [row for row in rows if row > 3]
    workflow.current().metric("dropped", len(rows) - len(kept))
    return kept


@workflow.task
def price(day: int, region: str, rows: list[int]) -> dict[str, float]:
    """What they come to."""
    slower = 2.6 if day <= SLOW_SINCE else 1.0
    pace(day, f"price {region}", 0.045 * slower)
    return {"orders": float(len(rows)), "sum": float(sum(rows))}


@workflow.task(max_retries=0)
def join(day: int, parts: list[dict[str, float]]) -> dict[str, float]:
    """All regions together."""
    if day == DISK_FULL and workflow.current().run == 1:
        raise OSError(28, "No space left on device", "/var/lib/shop/join.tmp")
    table = bytearray(140_000_000)
    pace(day, "join", 0.09)
    workflow.current().log(f"joined {len(parts)} regions, {len(table) / 1e6:.0f} MB in memory")
    return {name: sum(part[name] for part in parts) for name in parts[0]}


@workflow.task
def report(day: int, kind: str, whole: dict[str, float]) -> str:
    """One of the reports."""
    pace(day, f"report {kind}", 0.05)
    return f"{kind}: {whole['sum']:.0f}"


@workflow.task
def publish(day: int, reports: list[str]) -> int:
    """Where people find them."""
    pace(day, "publish", 0.04)
    workflow.current().update_metadata({"published": len(reports)}, of_workflow=True)
    return len(reports)


def nightly(day: int) -> workflow.Node:
    """The orders of one day, counted back from the last one."""
    priced = []
    for region in REGIONS:
        fetched = fetch.options(name=f"fetch-{region}").bind(day, region)
        cleaned = clean.options(name=f"clean-{region}").bind(day, region, fetched)
        priced.append(price.options(name=f"price-{region}").bind(day, region, cleaned))
    whole = join.options(name="join").bind(day, priced)
    reports = [report.options(name=f"report-{kind}").bind(day, kind, whole) for kind in REPORTS]
    return publish.options(name="publish").bind(day, reports)


@workflow.task(max_retries=2, retry_exceptions=[TimeoutError])
def backfill_month(shop: str, month: int) -> int:
    """A month of a shop's orders; this is what runs while the pictures are taken."""
    chance = random.Random(f"{shop} {month}")
    now = workflow.current()
    for step in workflow.progress(range(8), message="reading"):
        time.sleep(chance.uniform(0.05, 0.25))
        if chance.random() < 0.004 and now.attempt == 1:
            raise TimeoutError(f"archive of {shop} did not answer, month {month}, part {step}")
    return chance.randrange(1_000, 9_000)


@workflow.task
def backfill_shop(shop: str, months: list[int]) -> int:
    """All months of one shop."""
    time.sleep(0.3)
    return sum(months)


@workflow.task
def backfill_total(shops: list[int]) -> int:
    """All shops."""
    return sum(shops)


def backfill(shops: int = 40) -> workflow.Node:
    """Everything again, from the archive."""
    return backfill_total.options(name="total").bind(
        [
            backfill_shop.options(name=f"shop-{shop:02}").bind(
                f"shop-{shop:02}",
                [
                    backfill_month.options(name=f"shop-{shop:02}/2025-{month:02}").bind(f"{shop:02}", month)
                    for month in range(1, 13)
                ],
            )
            for shop in range(shops)
        ]
    )
