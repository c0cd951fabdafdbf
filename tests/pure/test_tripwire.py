"""The tripwire of these tests trips on what it should, and on nothing else."""

from __future__ import annotations

import datetime
import functools
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from heliograph.graph.function import describe
from heliograph.graph.task import task
from tests.pure.conftest import pytest_pyfunc_call
from tests.pure.tripwire import PACKAGE, TouchedError, Tripwire

HERE = str(Path(__file__))


def planted(source: str, file: str = "scheduling/planted.py", **names: object) -> Callable[[], Any]:
    """Code as if it stood in a module of the library."""
    code = compile(source, str(PACKAGE / file), "exec")
    return lambda: exec(code, dict(names))


OUTSIDE = {
    "clock": "import time; time.time()",
    "monotonic clock": "import time; time.monotonic()",
    "performance counter": "import time; time.perf_counter()",
    "nanoseconds": "import time; time.time_ns()",
    "sleep": "import time; time.sleep(0)",
    "calendar": "import datetime; datetime.datetime.now(datetime.UTC)",
    "day": "from datetime import date; date.today()",
    "reading a file": f"open({HERE!r}).close()",
    "writing a file": "open('/dev/null', 'w').close()",
    "os.open": "import os; os.close(os.open('/dev/null', os.O_RDONLY))",
    "listing a folder": "import os; os.listdir('/')",
    "a path's own way": f"from pathlib import Path; Path({HERE!r}).read_bytes()",
    "socket": "import socket; socket.socket().close()",
    "process": "import subprocess; subprocess.run(['true'])",
}


@pytest.mark.parametrize("source", OUTSIDE.values(), ids=OUTSIDE)
@pytest.mark.parametrize("floor", ["graph", "records", "scheduling"])
def test_code_of_a_pure_floor_that_touches_the_world_trips(source: str, floor: str) -> None:
    with Tripwire() as wire, pytest.raises(TouchedError, match=rf"^{floor}/planted\.py:1 touches "):
        planted(source, f"{floor}/planted.py")()
    assert len(wire.tripped) == 1


def test_a_clock_that_was_imported_by_name_trips_too(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("heliograph.scheduling.planted")
    module.__file__ = str(PACKAGE / "scheduling" / "planted.py")
    exec(
        compile("from time import time as now\ndef read(): return now()", module.__file__, "exec"),
        vars(module),
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with Tripwire() as wire, pytest.raises(TouchedError, match=r"time\.time"):
        module.read()
    assert wire.tripped


def test_touching_through_a_library_is_touching() -> None:
    with Tripwire(), pytest.raises(TouchedError, match="records/planted"):
        planted(f"import tokenize; tokenize.open({HERE!r}).close()", "records/planted.py")()


def test_an_error_that_was_swallowed_is_still_known() -> None:
    with Tripwire() as wire:
        planted("import time\ntry: time.time()\nexcept Exception: pass")()
    assert wire.tripped == ["scheduling/planted.py:2 touches time.time"]


def test_the_hook_fails_a_test_that_tripped() -> None:
    hook = pytest_pyfunc_call(SimpleNamespace(name="test_it"))  # type: ignore[arg-type]
    next(hook)
    with pytest.raises(TouchedError):
        planted("import time; time.time()")()
    with pytest.raises(
        pytest.fail.Exception, match=r"test_it is not pure: scheduling/planted\.py:1 touches time\.time"
    ):
        hook.send(True)


@pytest.mark.parametrize("file", ["engines/planted.py", "storage/planted.py", "workflow.py"])
def test_the_floors_above_may_touch_the_world(file: str) -> None:
    with Tripwire() as wire:
        planted("import time; time.time(); open('/dev/null').close()", file)()
    assert not wire.tripped


def test_the_test_itself_may_touch_the_world() -> None:
    with Tripwire() as wire:
        Path(HERE).read_bytes()
        socket.socket().close()
        assert time.time() > 0
        assert datetime.datetime.now(datetime.UTC) > datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    assert not wire.tripped


def test_a_function_of_the_users_that_the_library_calls_may_touch_the_world() -> None:
    with Tripwire() as wire:
        assert task(lambda: time.time())() > 0
    assert not wire.tripped


def test_an_import_is_not_a_touch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with Tripwire() as wire:
        planted("import colorsys")()
    assert not wire.tripped


def test_only_the_source_of_a_function_may_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    import linecache

    monkeypatch.setattr(linecache, "cache", {})
    with Tripwire() as wire:
        assert describe(task(functools.partial(planted, "")))
        assert describe(task(lambda: "its text is read from this file")).source_hash is not None
        assert not wire.tripped
        with pytest.raises(TouchedError, match="graph/function"):
            planted(f"open({HERE!r})", "graph/function.py")()


def test_a_tripwire_that_is_down_leaves_the_clocks_as_they_were() -> None:
    before = (time.time, time.monotonic, datetime.datetime, datetime.date)
    with Tripwire():
        assert time.time is not before[0]
    assert (time.time, time.monotonic, datetime.datetime, datetime.date) == before
