"""Catches code of the pure floors at a file, a socket, a process or the clock.

Files, sockets and processes are seen through Python's audit events, which nothing in the process can get
around. Reading a clock makes no such event, so while a tripwire is up the clocks themselves are replaced: in
`time`, in `datetime`, and under whatever name a pure module imported them.

Who is caught: the code that is nearest on the stack. If that is the test itself (or Hypothesis, or a user's
function that the library called), it may do what it likes.
"""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, Self
from unittest import mock

import heliograph

PACKAGE = Path(heliograph.__file__).parent
TESTS = Path(__file__).parent.parent
PURE = tuple(f"{PACKAGE / floor}/" for floor in ("graph", "records", "scheduling", "insight"))
CLOCKS = (
    *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
    *("process_time", "process_time_ns", "thread_time", "thread_time_ns", "localtime", "gmtime", "sleep"),
)
WATCHED = (
    *("open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"),
    *("socket.__new__", "socket.connect", "socket.bind", "socket.getaddrinfo", "sqlite3.connect"),
    *("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.kill"),
)

# A function is stored with the hash of its source, so that a later run can tell that it changed. The text is
# read where `inspect` reads it, from the file the function came from, while the plan is made; a plan that was
# given the text would ask every caller to read it. Nothing else in the pure floors opens a file.
SOURCE_READER = str(PACKAGE / "graph" / "function.py")


class TouchedError(AssertionError):
    """Code of a pure floor reached for the world outside."""


class Tripwire:
    """While entered, code of the pure floors that touches a file, a socket, a process or the clock raises.

    Attributes:
        tripped: what was touched and by whom; the error itself may be swallowed on its way.
    """

    def __init__(self) -> None:
        self.tripped: list[str] = []
        self._clocks = ExitStack()

    def __enter__(self) -> Self:
        # Read before the clocks are replaced: other tripwires may be up, and theirs are not the real ones.
        held = {id(getattr(time, name)): self._clock(name, getattr(time, name)) for name in CLOCKS}
        held[id(datetime.datetime)] = self._calendar(datetime.datetime, ("now", "utcnow", "today"))
        held[id(datetime.date)] = self._calendar(datetime.date, ("today",))
        pure = [
            module
            for module in sys.modules.values()
            if (getattr(module, "__file__", None) or "").startswith(PURE)
        ]
        for module in (time, datetime, *pure):
            for name, value in list(vars(module).items()):
                if id(value) in held:
                    self._clocks.enter_context(mock.patch.object(module, name, held[id(value)]))
        _up.append(self)
        return self

    def __exit__(self, *_error: object) -> None:
        _up.remove(self)
        self._clocks.close()

    def touch(self, what: str) -> None:
        """Something was touched: see by whom."""
        # From here, the next lines must touch nothing themselves.
        culprit = _culprit(sys._getframe(1))
        if culprit is not None:
            self.tripped.append(f"{culprit} touches {what}")
            raise TouchedError(self.tripped[-1])

    def _clock(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def read(*args: Any) -> Any:
            self.touch(f"time.{name}")
            return real(*args)

        return read

    def _calendar(self, real: type, readers: tuple[str, ...]) -> type:
        def reader(name: str) -> Any:
            def read(_cls: type, *args: Any, **kwargs: Any) -> Any:
                self.touch(f"{real.__name__}.{name}")
                return getattr(real, name)(*args, **kwargs)

            return classmethod(read)

        return type(real.__name__, (real,), {name: reader(name) for name in readers})


_up: list[Tripwire] = []


def _culprit(frame: FrameType | None) -> str | None:
    """Where in a pure floor this was asked for; None: it was not, or it may be."""
    through: set[str] = set()
    while frame is not None:
        file, line = frame.f_code.co_filename, frame.f_lineno
        if file.startswith(PURE):
            if file == SOURCE_READER and "linecache.py" in through:
                return None
            return f"{Path(file).relative_to(PACKAGE)}:{line}"
        if file.startswith("<frozen importlib"):
            return None  # an import: code, not data
        if file.startswith(str(TESTS)) and file != __file__:
            return None
        if "/hypothesis/" in file or "/_pytest/" in file:
            return None
        through.add(Path(file).name)
        frame = frame.f_back
    return None


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if _up and event in WATCHED:
        _up[-1].touch(f"{event} {args[:1]}")


sys.addaudithook(_audit)  # for good: a hook can't be taken away, and without a tripwire it does nothing
