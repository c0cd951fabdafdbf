"""An executor without an engine: attempts from plain functions, and a box for their receipts."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heliograph.engines.attempts.executor import AttemptKey, Payload, Receipt, Work
from heliograph.graph.function import describe
from heliograph.graph.pickling import dumps, dumps_with_references, loads
from heliograph.graph.task import Task
from heliograph.records.attempt import Pickled, StoredValue
from heliograph.records.report import Report
from tests.conditions import DEADLINE, until


class Works:
    """Makes attempts; each has its own task number, each function its token.

    Attributes:
        keys: of all that were made.
    """

    def __init__(self, values: Path) -> None:
        self.values = values
        self.keys: set[AttemptKey] = set()
        self._numbers = itertools.count()
        self._payloads: dict[Any, Payload] = {}

    def __call__(
        self,
        function: Callable[..., Any],
        *args: Any,
        inputs: tuple[Pickled, ...] = (),
        catch: bool = False,
        arguments: bytes | None = None,
    ) -> Work:
        number = next(self._numbers)
        if arguments is None:
            arguments = dumps_with_references(
                (args, {}), lambda value: value.number if isinstance(value, Input) else None, lambda _: None
            )
        key = AttemptKey(7, 1, number, 1)
        self.keys.add(key)
        return Work(
            key=key,
            workflow_id="w",
            task_id=f"task-{number}",
            function=self.payload(function),
            arguments=arguments,
            inputs=inputs,
            wraps=int(catch),
            caught_wraps=0 if catch else None,
            values=str(self.values),
        )

    def payload(self, function: Callable[..., Any]) -> Payload:
        if function not in self._payloads:
            described = describe(Task(function))
            self._payloads[function] = Payload(
                described.qualname, len(self._payloads) + 1, described.payload, described.is_async
            )
        return self._payloads[function]


class Input:
    """Stands for the output of an upstream task among the arguments."""

    def __init__(self, number: int) -> None:
        self.number = number


class Inbox:
    """Where receipts go."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self._changed = threading.Condition()

    def __call__(self, receipt: Receipt) -> None:
        with self._changed:
            self.receipts.append(receipt)
            self._changed.notify_all()

    def wait(self, count: int = 1) -> list[Receipt]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.receipts) >= count, DEADLINE), self.receipts
            return list(self.receipts)

    def of(self, work: Work) -> Receipt:
        def mine() -> list[Receipt]:
            return [receipt for receipt in self.receipts if receipt.key == work.key]

        with self._changed:
            assert self._changed.wait_for(lambda: bool(mine()), DEADLINE), f"no receipt of {work.task_id}"
            (receipt,) = mine()
            return receipt


def stored(data: bytes) -> StoredValue:
    return StoredValue(len(data), hashlib.sha256(data).hexdigest(), None, data)


def value(given: object) -> StoredValue:
    return stored(dumps(given, "a value"))


def output(receipt: Receipt) -> Any:
    assert receipt.failure is None, receipt.failure
    assert receipt.output is not None
    assert receipt.output.data is not None
    return loads(receipt.output.data)


def unheard(_report: Report) -> None:
    """Where what an attempt says goes, if no test listens."""


def add(a: int, b: int) -> int:
    return a + b


def sleep_until(path: str) -> str:
    """Say that the task runs, and go on when the test lets it."""
    Path(f"{path}.begun").touch()
    while not os.path.exists(path):
        time.sleep(0.002)
    return path


def own_files() -> list[int]:
    """What this process has open but for the standard files, however high the numbers are."""
    return [file for file in map(int, os.listdir("/dev/fd")) if file > 2]


def talk_nonsense() -> None:
    """Write what begins like a message into all that the worker has open: its line is among it."""
    for file in own_files():
        with contextlib.suppress(OSError):
            os.write(file, b"\0\0\0\0\0\0\0\3abc")


class Gate:
    """A task that runs until the test opens the gate."""

    def __init__(self, folder: Path, works: Works, name: str = "gate") -> None:
        self.path = folder / name
        self.work = works(sleep_until, str(self.path))

    @property
    def has_begun(self) -> bool:
        return Path(f"{self.path}.begun").exists()

    def await_begun(self) -> None:
        until(lambda: self.has_begun, "a task to begin")

    def open(self) -> None:
        self.path.touch()


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, "-W", "error", *arguments],
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def children() -> set[int]:
    """Processes started from here, zombies too."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the thread has just ended
            found.update(map(int, (task / "children").read_text().split()))
    return found
