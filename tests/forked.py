"""Processes forked from one that has imported heliograph, in place of interpreters that would do so anew.

Importing takes most of the processor time of a command or a short program, and the tests start a thousand of
them. What is forked is a process like any other: it has its environment, its streams, and can be killed.
"""

from __future__ import annotations

import atexit
import functools
import json
import multiprocessing
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from tests.conditions import DEADLINE

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        *("heliograph.cli.app", "heliograph.cli.rendering", "heliograph.cli.views.tables", "typer._adapters"),
        "heliograph.engines.session",
        *("heliograph.storage.databases.sqlite", "heliograph.storage.databases.postgresql"),
        *(
            "heliograph.storage.searching.search",
            "heliograph.web",
            "heliograph.web.application",
            "heliograph.workflow",
            "starlette.routing",
        ),
        *("uvicorn", "uvicorn.protocols.http.h11_impl", "uvicorn.lifespan.on", "tests.gates"),
    ]
)


def process(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Fork a process that calls this; it has to be a function of a module, and not of the main one."""
    made = _context.Process(target=target, args=arguments, daemon=True)
    made.start()
    return made


def become(environment: Mapping[str, str], streams: Sequence[int]) -> None:
    """In a forked process: have this environment, and these files for input, output and errors."""
    os.environ.clear()
    os.environ.update(environment)
    for number, opened in enumerate(streams):
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8", buffering=buffering, closefd=False)
        for number, mode, buffering in ((0, "r", -1), (1, "w", -1), (2, "w", 1))
    )


class Program:
    """A forked process, with what tests use of `subprocess.Popen`.

    Args:
        target: called in the process, as `process` has it.
        arguments: for the target.
        environment: of the process.
        folder: it runs in.
    """

    def __init__(
        self,
        target: Callable[..., None],
        arguments: Sequence[Any],
        environment: Mapping[str, str],
        folder: Any,
    ) -> None:
        ours, theirs = zip(*(_context.Pipe(duplex=False) for _ in range(2)), strict=True)
        self._process = process(_run, target, tuple(arguments), dict(environment), str(folder), *theirs)
        for end in theirs:
            end.close()
        # Without a buffer: what is read here is not missing there.
        self.stdout, self.stderr = (os.fdopen(os.dup(end.fileno()), "rb", buffering=0) for end in ours)
        for end in ours:
            end.close()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.wait(None)
        self.stdout.close()
        self.stderr.close()

    @property
    def returncode(self) -> int | None:
        """How it ended; below 0: by a signal. None: it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = DEADLINE) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("a forked program", timeout or 0.0)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it still prints, and its errors."""
        end = None if timeout is None else time.monotonic() + timeout
        read: dict[Any, bytes] = {self.stdout: b"", self.stderr: b""}
        with selectors.DefaultSelector() as selector:
            for stream in (stream for stream in read if not stream.closed):
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    raise subprocess.TimeoutExpired("a forked program", timeout or 0.0)
                for key, _ in selector.select(left):
                    data = os.read(key.fd, 65536)
                    read[key.fileobj] += data
                    if not data:
                        selector.unregister(key.fileobj)
        self.wait(timeout)
        for stream in read:
            stream.close()
        printed, errors = (data.decode() for data in read.values())
        return printed, errors

    def send_signal(self, number: int) -> None:
        if self._process.exitcode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def python(
    code: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path | str = "."
) -> Program:
    """As ``python -c CODE ARGUMENTS``."""
    path = _path(environment.get("PYTHONPATH", ""))
    return Program(_run_code, (code, tuple(arguments), path), environment, folder)


@functools.cache
def _path(given: str) -> list[str]:
    """Where ``python -c`` looks for modules."""
    asked = [sys.executable, "-c", "import json, sys; print(json.dumps(sys.path))"]
    found = subprocess.run(asked, env=os.environ | {"PYTHONPATH": given}, stdout=subprocess.PIPE, check=True)
    path: list[str] = json.loads(found.stdout)
    return path


def _run(
    target: Callable[..., None],
    arguments: tuple[Any, ...],
    environment: dict[str, str],
    folder: str,
    out: Connection,
    err: Connection,
) -> None:
    become(environment, [os.open(os.devnull, os.O_RDONLY), os.dup(out.fileno()), os.dup(err.fileno())])
    out.close()
    err.close()
    os.chdir(folder)
    try:
        target(*arguments)
    finally:  # as an interpreter ends
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()


def _run_code(code: str, arguments: tuple[str, ...], path: list[str]) -> None:
    main = ModuleType("__main__")
    sys.modules["__main__"], sys.argv, sys.path[:] = main, ["-c", *arguments], path
    exec(compile(code, "<string>", "exec"), main.__dict__)
