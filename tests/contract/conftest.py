"""The engines that keep the contract: every test runs on each."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from heliograph import workflow
from heliograph.engines import opening
from heliograph.engines.engine import Engine
from heliograph.engines.settings import settings
from heliograph.storage.location import locate
from heliograph.storage.store import Store
from tests import clusters, forked, postgresql, scripts
from tests.conditions import DEADLINE
from tests.invariants import check_store


@dataclass(frozen=True)
class EngineUnderTest:
    """One engine, on a storage of its own."""

    settings: dict[str, Any]
    storage: Any  # a folder, or the URL of a database on a server

    @property
    def is_ray(self) -> bool:
        """Its workflows outlive the process that began them, and their outputs are ObjectRefs."""
        return self.settings == RAY

    @property
    def name(self) -> str:
        """As records call it."""
        return "ray" if self.is_ray else "embedded"

    @property
    def database(self) -> Path | str:
        """What `tests.invariants` opens."""
        return self.storage / "heliograph.db" if isinstance(self.storage, Path) else str(self.storage)

    @property
    def values(self) -> Path:
        """The folder for large values."""
        return Path(locate(self.storage).values)

    def init(self, **more: Any) -> None:
        workflow.init(storage=self.storage, **{**self.settings, **more})

    def restart(self, **more: Any) -> None:
        """As a new process would find things after the engine is gone; what ran reads RESUMABLE."""
        self.stop()
        self.init(**more)

    def stop(self) -> None:
        """The end of the engine, with this process's hold on it."""
        workflow.shutdown()
        if self.is_ray:
            clusters.kill_coordinators()

    def kill(self, process: forked.Program) -> None:
        """Kill a program, and the engine that ran its workflows: on Ray that is another process."""
        process.send_signal(signal.SIGKILL)
        if self.is_ray:
            clusters.kill_coordinators()

    def value(self, reference: Any) -> Any:
        """What `run_async` and its like give, once it is there."""
        if isinstance(reference, futures.Future):
            return reference.result(timeout=DEADLINE)
        import ray

        return ray.get(reference, timeout=DEADLINE)

    def value_code(self, name: str) -> str:
        """As `value`, in a program."""
        return f"__import__('ray').get({name}, timeout=60)" if self.is_ray else f"{name}.result(60)"

    def is_done(self, reference: Any) -> bool:
        """Whether what such a call gives is there, or will never be."""
        if isinstance(reference, futures.Future):
            return reference.done()
        import ray

        return bool(ray.wait([reference], timeout=0)[0])

    def script(self, code: str) -> str:
        """A program that initialises with this engine, and goes on with the code."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"from heliograph import workflow\nworkflow.init({given})\n{code}"

    @contextlib.contextmanager
    def another(self) -> Iterator[tuple[Store, Engine]]:
        """Another engine on the same storage, as another process has it: this one is told nothing of it."""
        with (
            contextlib.closing(Store(locate(self.storage))) as store,
            contextlib.closing(Engine(store, settings(workers="threads").workers)) as engine,
        ):
            yield store, engine

    def elsewhere(self, code: str, *arguments: object) -> str:
        """Run the code in another process, on the same storage; what it printed."""
        return scripts.run(self.script(code), self.storage, *arguments)


PROCESSES = {"workers": "processes", "num_workers": 2}
THREADS = {"workers": "threads", "num_workers": 4}
RAY = {"engine": "ray"}


@dataclass(frozen=True)
class OnPostgreSQL:
    """An engine whose storage is a database on a server."""

    settings: dict[str, Any]


Kind: TypeAlias = dict[str, Any] | OnPostgreSQL


def _made(kind: Kind, tmp_path: Path) -> EngineUnderTest:
    if isinstance(kind, OnPostgreSQL):
        return EngineUnderTest(kind.settings, postgresql.server().database(tmp_path / "values"))
    if kind == RAY:
        clusters.start()
    return EngineUnderTest(kind, tmp_path / "storage")


def _ended(engine: EngineUnderTest) -> None:
    engine.stop()
    check_store(engine.database)
    if not isinstance(engine.storage, Path):
        postgresql.server().drop(engine.storage)


class Relay:
    """Hands a running engine on, emptied, from test to test, while they ask for one of the same kind.

    Worker processes that have imported the tests, a database on a server, a coordinator: to start them costs
    more than most tests, which need nothing new of them. Each new one is proven as well: engines that are
    threads start anew for each test, and so does any that a test has stopped.
    """

    def __init__(self) -> None:
        self._kind: Kind | None = None
        self._engine: EngineUnderTest | None = None

    def close(self) -> None:
        """End what would be handed on."""
        engine, self._engine = self._engine, None
        if engine is not None:
            _ended(engine)

    def run(self, kind: Kind, tmp_path: Path) -> Iterator[EngineUnderTest]:
        """An engine for one test."""
        if self._kind != kind:
            self.close()
        engine, self._engine = self._engine, None  # not handed on, if anything fails below
        if engine is None:
            engine = _made(kind, tmp_path)
        engine.init()
        session = opening.opened()
        yield engine
        try:
            check_store(engine.database)
            given = opening.opened().settings.workers
            if engine.is_ray and (given.max_running, given.max_pending) != (None, None):
                engine.stop()  # else the next test has a coordinator with these limits
            if engine.is_ray or opening.opened() is not session:
                workflow.shutdown()
                engine.init()
            _empty()
            if (
                engine.is_ray
            ):  # connected, it would notice a kill of the coordinator; most tests begin without
                workflow.shutdown()
        except BaseException:
            engine.stop()
            raise
        self._kind, self._engine = kind, engine


def _empty() -> None:
    for workflow_id, status in workflow.list_all():
        if status in ("RUNNING", "PENDING"):
            with contextlib.suppress(ValueError):  # it has just ended
                workflow.cancel(workflow_id)
        workflow.delete(workflow_id)


_relay = Relay()


def started(kind: Kind, tmp_path: Path) -> Iterator[EngineUnderTest]:
    """An engine that was not there before, and will not be after."""
    _relay.close()
    engine = _made(kind, tmp_path)
    engine.init()
    yield engine
    _ended(engine)


def _for_a_test(kind: Kind, tmp_path: Path) -> Iterator[EngineUnderTest]:
    return started(kind, tmp_path) if kind == THREADS else _relay.run(kind, tmp_path)


@pytest.fixture(autouse=True)
def _only_what_is_asked_for(request: pytest.FixtureRequest) -> None:
    """A test that asks for no engine finds none."""
    if not {"engine", "embedded_engine", "isolating_engine"}.intersection(request.fixturenames):
        _relay.close()


@pytest.fixture(autouse=True, scope="package")
def _nothing_is_left() -> Iterator[None]:
    yield
    _relay.close()


def _kinds(kinds: dict[str, Kind]) -> Any:
    """A parameter of the package, so that tests on engines of one kind follow each other."""

    def kind(request: pytest.FixtureRequest) -> Any:
        return request.param

    return pytest.fixture(kind, scope="package", params=kinds.values(), ids=kinds.keys())


_each = _kinds({"processes": PROCESSES, "threads": THREADS, "postgresql": OnPostgreSQL(THREADS), "ray": RAY})
_each_embedded = _kinds({"processes": PROCESSES, "threads": THREADS})
_each_isolating = _kinds({"processes": PROCESSES, "postgresql": OnPostgreSQL(PROCESSES), "ray": RAY})


@pytest.fixture
def engine(_each: Kind, tmp_path: Path) -> Iterator[EngineUnderTest]:
    """Each engine."""
    yield from _for_a_test(_each, tmp_path)


@pytest.fixture
def embedded_engine(_each_embedded: Kind, tmp_path: Path) -> Iterator[EngineUnderTest]:
    """The embedded engine in each of its forms, for the few promises that are its own."""
    yield from _for_a_test(_each_embedded, tmp_path)


@pytest.fixture
def isolating_engine(_each_isolating: Kind, tmp_path: Path) -> Iterator[EngineUnderTest]:
    """Each engine whose tasks run in processes that can be killed."""
    yield from _for_a_test(_each_isolating, tmp_path)
