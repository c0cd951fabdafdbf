"""The cluster: engines as processes of their own, and what happens to them."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from heliograph import workflow
from tests import postgresql, scripts
from tests.cluster.work import random_dag
from tests.conditions import until


@dataclass(frozen=True)
class Plan:
    """What is to happen.

    Attributes:
        workflows: so many, handed in evenly over the time.
        engines: so many processes.
        seconds: how long.
        pause: between two blows.
        ends_leases: the lease of an engine that is stopped ends at once, and not after its time.
        restarts: of the server, evenly over the time; every second one as if its machine had crashed.
        seed: of all chance.
    """

    workflows: int
    engines: int
    seconds: float
    pause: float
    ends_leases: bool
    restarts: int
    seed: int


@dataclass
class Cluster:
    """Engines on one storage.

    Attributes:
        url: of the storage.
        folder: where their log and words go.
        blows: what was done to them, counted.
    """

    url: str
    folder: Path
    blows: Counter[str] = field(default_factory=Counter)
    _engines: dict[int, subprocess.Popen[str]] = field(default_factory=dict)
    _begins: dict[int, int] = field(default_factory=dict)
    _stopped: dict[int, float] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """The side effects: a line an execution."""
        return self.folder / "executions"

    def start(self, place: int) -> None:
        with (self.folder / f"engine-{place}.words").open("a") as words:
            self._begins[place] = len(self.words(place))
            self._engines[place] = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "heliograph",
                    "worker",
                    "--workers",
                    "threads",
                    "--num-workers",
                    "4",
                ],
                env=scripts.environment(self.url),  # type: ignore[arg-type]
                stdout=words,
                stderr=words,
                text=True,
            )

    def hit(self, chance: random.Random, ends_lease: bool) -> None:
        """Kill an engine, or stop it for a while; one of them at least goes on."""
        moving = [place for place in self._engines if place not in self._stopped]
        place = chance.choice(moving)
        if chance.random() < 0.5 or len(moving) == 1:
            self._engines[place].kill()
            self._engines[place].wait()
            self.start(place)
            self.blows["killed"] += 1
            return
        self._engines[place].send_signal(signal.SIGSTOP)
        self._stopped[place] = time.monotonic() + self._long(chance, ends_lease)
        self.blows["stopped"] += 1
        if ends_lease:
            with psycopg.connect(postgresql.plain(self.url), autocommit=True) as connection:
                pid = self._engines[place].pid
                connection.execute("UPDATE owners SET lease_until = 0 WHERE pid = %s", [pid])

    @staticmethod
    def _long(chance: random.Random, ends_lease: bool) -> float:
        """Seconds: a while, or longer than a lease."""
        return chance.uniform(16, 22) if chance.random() < 0.3 and not ends_lease else chance.uniform(1, 3)

    def check(self) -> None:
        """None ends by itself, a server that is away when it starts or not."""
        codes = {place: engine.poll() for place, engine in self._engines.items()}
        assert not any(code is not None for code in codes.values()), f"engines ended by themselves: {codes}"

    def _are_started(self) -> bool:
        self.check()
        return all("takes workflows" in self.words(place)[self._begins[place] :] for place in self._engines)

    def words(self, place: int) -> str:
        """What the engines of a place had to say."""
        return (self.folder / f"engine-{place}.words").read_text()

    def let_go_on(self, everybody: bool = False) -> None:
        """Those whose time is over, or all."""
        for place, until_then in list(self._stopped.items()):
            if everybody or time.monotonic() >= until_then:
                self._engines[place].send_signal(signal.SIGCONT)
                del self._stopped[place]

    def end(self) -> list[int]:
        """Tell all to stop; their exit codes."""
        self.let_go_on(everybody=True)
        until(self._are_started, what="engines to start")
        for engine in self._engines.values():
            engine.send_signal(signal.SIGTERM)
        return [engine.wait(timeout=60) for engine in self._engines.values()]

    def kill(self) -> None:
        for engine in self._engines.values():
            engine.kill()
            engine.wait()


def run(plan: Plan, server: postgresql.Server, cluster: Cluster, patience: float) -> None:
    """Let it all happen, until every workflow has ended.

    Args:
        plan: what.
        server: the storage is on; nobody else's.
        cluster: not started yet.
        patience: seconds, after the last blow, in which all have to end.

    Raises:
        AssertionError: they did not, or an engine did not end well.
    """
    chance = random.Random(plan.seed)
    workflow.init(storage=cluster.url)
    try:
        for place in range(plan.engines):
            cluster.start(place)
        begin = time.monotonic()
        handed_in, hits, restarts = 0, 0, 0
        while (passed := time.monotonic() - begin) < plan.seconds:
            share = passed / plan.seconds
            while handed_in < plan.workflows * share:
                _hand_in(chance, cluster, handed_in)
                handed_in += 1
            if hits < passed / plan.pause:
                cluster.hit(chance, plan.ends_leases)
                hits += 1
            if restarts < int(share * (plan.restarts + 1)):
                _restart(server, cluster)
                restarts += 1
            cluster.let_go_on()
            cluster.check()
            time.sleep(0.01)
        for _ in range(restarts, plan.restarts):  # a machine that is busy was too slow for them
            _restart(server, cluster)
        for number in range(handed_in, plan.workflows):
            _hand_in(chance, cluster, number)
        cluster.let_go_on(everybody=True)
        until(
            lambda: cluster.check() or len(workflow.list_all("SUCCESSFUL")) == plan.workflows,
            deadline=patience,
            what="all workflows to end",
        )
        codes = cluster.end()
        assert codes == [0] * plan.engines, codes
    except AssertionError as error:
        for place in range(plan.engines):
            error.add_note(f"engine {place} said:\n{cluster.words(place)}")
        raise
    finally:
        cluster.kill()
        workflow.shutdown()


def _restart(server: postgresql.Server, cluster: Cluster) -> None:
    server.restart("fast" if cluster.blows["server restarted"] % 2 else "immediate")
    cluster.blows["server restarted"] += 1


def _hand_in(chance: random.Random, cluster: Cluster, number: int) -> None:
    workflow_id = f"w{number:05}"
    dag = random_dag(chance, cluster.log, workflow_id)
    workflow.run_async(dag, workflow_id=workflow_id, detach=True)
