"""Every case by the name it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from benchmarks.cases import (
    at_once,
    chain,
    cold_start,
    fan_out,
    large_value,
    map_reduce,
    postgresql,
    ray_programs,
    reading,
    recording,
    resume,
    saying,
    slow_disk,
    values,
)
from benchmarks.measure import Figure, Scale

Case = Callable[[Scale], Sequence[Figure]]

CASES: Final[dict[str, Case]] = {
    "cold-start": cold_start.measure,
    "chain-threads": partial(chain.measure, "threads"),
    "chain-processes": partial(chain.measure, "processes"),
    "chain-threads-slow-disk": partial(slow_disk.measure, "threads"),
    "chain-processes-slow-disk": partial(slow_disk.measure, "processes"),
    "fan-out-threads": partial(fan_out.measure, "threads"),
    "fan-out-processes": partial(fan_out.measure, "processes"),
    "at-once-threads": partial(at_once.measure, "threads"),
    "at-once-processes": partial(at_once.measure, "processes"),
    "map-reduce-threads": partial(map_reduce.measure, "threads"),
    "map-reduce-processes": partial(map_reduce.measure, "processes"),
    "values": partial(values.measure, "processes"),
    "large-value": large_value.measure,
    "resume-threads": partial(resume.measure, "threads"),
    "resume-processes": partial(resume.measure, "processes"),
    "reading": reading.measure,
    "recording": recording.measure,
    "saying": saying.measure,
    "postgresql": postgresql.measure,
    "ray": ray_programs.measure,
}
