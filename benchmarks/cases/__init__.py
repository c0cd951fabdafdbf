"""Every case by the name it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from benchmarks.cases import (
    at_once,
    big_store,
    chain,
    cold_start,
    fan_out,
    large_value,
    ray_programs,
    reading,
    resume,
)
from benchmarks.measure import Figure, Scale

Case = Callable[[Scale], Sequence[Figure]]

CASES: Final[dict[str, Case]] = {
    "fan-out-threads": partial(fan_out.measure, "threads"),
    "fan-out-processes": partial(fan_out.measure, "processes"),
    "chain-threads": partial(chain.measure, "threads"),
    "chain-processes": partial(chain.measure, "processes"),
    "get-metadata": reading.measure,
    "big-store": big_store.measure,
    "large-value": large_value.measure,
    "big-store-postgresql": big_store.measure_postgresql,
    "cold-start": cold_start.measure,
    "at-once-threads": partial(at_once.measure, "threads"),
    "at-once-processes": partial(at_once.measure, "processes"),
    "resume-threads": partial(resume.measure, "threads"),
    "resume-processes": partial(resume.measure, "processes"),
    "ray": ray_programs.measure,
}
