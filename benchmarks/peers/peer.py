"""The peers, each run in an environment of its own, which `make peers` makes from its lock."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.disk import fresh_folder
from benchmarks.floors import fresh_postgresql
from benchmarks.measure import ON_POSTGRESQL, Bar, Scale
from benchmarks.peers.telling import STORAGE

ROOT: Final = Path(__file__).parent.parent.parent
_MOST_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody to be measured against.

    Attributes:
        name: for people.
        environment: name of its lock, and of the folder with its Python.
        module: its programs, in this package.
        package: whose version is told.
        sizes: how much of a case it is given, by the case's name; a case that is not there it can't run.
        times: how many times as fast heliograph has to be.
        on_postgresql: whether it stores there; else in a folder, if it stores at all.
    """

    name: str
    environment: str
    module: str
    package: str
    sizes: Mapping[str, int]
    times: float | None = None
    on_postgresql: bool = False

    @property
    def python(self) -> Path:
        return ROOT / ".venv-peers" / self.environment / "bin" / "python"

    @property
    def is_there(self) -> bool:
        """Whether its environment was made."""
        return self.python.exists()

    def version(self) -> str:
        ask = f"from importlib.metadata import version; print(version({self.package!r}))"
        return subprocess.run(
            [self.python, "-c", ask], stdout=subprocess.PIPE, text=True, check=True
        ).stdout.strip()

    def seconds(self, case: str, size: int) -> float:
        """How long it takes for a case, in a fresh process, on a fresh storage."""
        with self._storage() as storage:
            done = subprocess.run(
                self._command(case, size),
                cwd=ROOT,
                env=_environment(storage),
                capture_output=True,
                text=True,
                timeout=_MOST_SECONDS,
            )
        if done.returncode:
            raise RuntimeError(f"{self.name} failed at {case} of {size:,}:\n{done.stderr[-2_000:]}")
        told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return told[case]

    def first_seconds(self) -> float:
        """From process start to the first printed result."""
        with self._storage() as storage:
            start = time.perf_counter()
            with subprocess.Popen(
                self._command("cold-start", 1),
                cwd=ROOT,
                env=_environment(storage),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            ) as process:
                assert process.stdout is not None
                line = process.stdout.readline()
                seconds = time.perf_counter() - start
        if line != "3\n":
            raise RuntimeError(f"{self.name} failed at its cold start: it printed {line!r}")
        return seconds

    def _command(self, case: str, size: int) -> list[str]:
        return [
            *(str(self.python), "-W", "ignore", "-m", f"benchmarks.peers.{self.module}"),
            f"{case}={size}",
        ]

    @contextmanager
    def _storage(self) -> Iterator[str]:
        if self.on_postgresql:
            with fresh_postgresql() as url:
                yield url
        else:
            with fresh_folder() as folder:
                yield str(folder)


_DBOS_SIZES: Final = {
    "cold-start": 1,
    "chain": 200,
    "fan-out": 300,
    "at-once": 100,
    "map-reduce": 300,
    "values": 32,
    "resume": 200,
    "metadata": 1_000_000,
    "listing": 1_000_000,
    "search": 1_000_000,
}
"""Small enough to take some seconds each. A rate is told, and it hardly depends on the size."""

PEERS: Final = (
    Peer("DBOS on SQLite", "dbos", "on_dbos", "dbos", _DBOS_SIZES, times=10.0),
    Peer("DBOS on PostgreSQL", "dbos", "on_dbos", "dbos", _DBOS_SIZES, times=10.0, on_postgresql=True),
    Peer(
        "ray.workflow",
        "ray-workflow",
        "ray_workflow",
        "ray",
        {
            "cold-start": 1,
            "chain": 60,
            "fan-out": 100,
            "at-once": 40,
            "map-reduce": 100,
            "values": 32,
            "resume": 100,
            "metadata": 30,
            "listing": 30,
        },
        times=20.0,
    ),
    Peer(
        "redun",
        "redun",
        "on_redun",
        "redun",
        {
            "cold-start": 1,
            "chain": 40,
            "fan-out": 50,
            "at-once": 30,
            "map-reduce": 50,
            "values": 32,
            "resume": 50,
        },
    ),
    Peer(
        "Dask (stores nothing)",
        "dask",
        "on_dask",
        "distributed",
        {
            "cold-start": 1,
            "chain": 300,
            "fan-out": 2_000,
            "at-once": 1_000,
            "map-reduce": 10_000,
            "values": 32,
        },
    ),
)


def present() -> list[Peer]:
    """Those whose environments were made."""
    return [peer for peer in PEERS if peer.is_there]


def rates(case: str, scale: Scale) -> dict[str, Callable[[], float]]:
    """Everybody who can run the case: what it does a second."""
    return {
        peer.name: lambda peer=peer, size=size: size / peer.seconds(case, size)  # type: ignore[misc]
        for peer, size in _sized(case, scale)
    }


def durations(case: str, scale: Scale, most: int | None = None) -> dict[str, Callable[[], float]]:
    """Everybody who can run the case: seconds; at most of that size."""
    return {
        peer.name: lambda peer=peer, size=size: peer.seconds(case, size if most is None else min(size, most))  # type: ignore[misc]
        for peer, size in _sized(case, scale)
    }


def first_results() -> dict[str, Callable[[], float]]:
    """Everybody: seconds from process start to the first result."""
    return {peer.name: peer.first_seconds for peer in present()}


def bars(measured: Mapping[str, object]) -> tuple[Bar, ...]:
    """How many times as fast as each of the peers heliograph has to be, on the same store if it ran there."""
    wanted = []
    for peer in PEERS:
        if peer.times is not None and peer.name in measured:
            if not peer.on_postgresql:
                wanted.append(Bar(peer.times, peer.name))
            elif ON_POSTGRESQL in measured:
                wanted.append(Bar(peer.times, peer.name, who=ON_POSTGRESQL))
    return tuple(wanted)


def _sized(case: str, scale: Scale) -> list[tuple[Peer, int]]:
    found = [(peer, peer.sizes[case]) for peer in present() if case in peer.sizes]
    return [(peer, max(min(size, 8), size // 100) if scale.quick else size) for peer, size in found]


def _environment(storage: str) -> dict[str, str]:
    # Users have bytecode caches, also where the one who measures has told Python to write none.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {STORAGE: storage, "RAY_USAGE_STATS_ENABLED": "0"}
