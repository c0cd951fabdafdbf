"""What a program's first run starts, and in which order."""

from __future__ import annotations

import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

from heliograph import workflow
from heliograph.engines import opening
from heliograph.engines.session import Session
from tests.conditions import until

_RUN = """
import sys, threading
from heliograph import workflow

threads = []

def hook(event, given):
    if event == "import" and given[0] == "heliograph.storage.store" and not threads:
        threads.extend(thread.name for thread in threading.enumerate())

sys.addaudithook(hook)
if sys.argv[1:]:
    workflow.init(workers=sys.argv[1])
print(workflow.run(workflow.task(lambda: 3).bind()))
print(*threads)
print(*sorted(name for name in sys.modules if name.startswith("heliograph.storage.")))
print("sqlalchemy" in sys.modules)
"""
_FAIL = """
import threading
from heliograph import workflow

try:
    workflow.run(workflow.task(lambda: 3).bind())
except workflow.StorageError:
    print(*sorted(thread.name for thread in threading.enumerate()))
"""


def _told(program: str, storage: Path, *args: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program, *args],
        capture_output=True,
        text=True,
        check=True,
        env={"HELIOGRAPH_STORAGE": str(storage)},
    )
    return done.stdout.splitlines()


def test_workers_start_while_the_storage_is_imported(tmp_path: Path) -> None:
    output, threads, *_ = _told(_RUN, tmp_path / "storage")
    assert output == "3"
    assert "heliograph-workers" in threads.split()


def test_threads_need_no_such_start(tmp_path: Path) -> None:
    output, threads, *_ = _told(_RUN, tmp_path / "storage", "threads")
    assert (output, threads) == ("3", "MainThread")


def test_a_run_enters_no_room_of_the_store_that_it_does_not_need(tmp_path: Path) -> None:
    needless = {
        "questions.traces",
        "questions.watching",
        "requests.handover",
        "requests.mailbox",
        "searching.search",
        "tables.schema",
        "upkeep.copying",
        "upkeep.garbage",
    }
    rooms = {f"heliograph.storage.{room}" for room in needless}
    assert all(find_spec(room) for room in rooms)  # they are still called so
    *_, entered, _ = _told(_RUN, tmp_path / "storage")
    assert "heliograph.storage.store" in entered.split()
    assert rooms & {*entered.split()} == set()


@pytest.mark.parametrize("workers", ["processes", "threads"])
def test_a_run_needs_no_sqlalchemy(tmp_path: Path, workers: str) -> None:
    for _ in range(2):  # the storage is new, or there already
        *_, is_there = _told(_RUN, tmp_path / "storage", workers)
        assert is_there == "False"


def test_workers_that_started_for_a_storage_that_cannot_be_opened_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert _told(_FAIL, tmp_path / "file" / "storage") == ["MainThread"]


def test_who_shuts_down_while_another_thread_does_waits_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    close = Session.close

    def shut_down() -> None:
        workflow.shutdown()
        told.append("the second is back")

    second = threading.Thread(target=shut_down)

    def is_waiting_or_back() -> bool:
        frame = sys._current_frames().get(second.ident or 0)
        return frame is None or frame.f_code is opening.close_session.__code__

    def close_slowly(session: Session) -> None:
        second.start()
        until(is_waiting_or_back)
        workflow.shutdown()  # as a signal's handler does it: it does not wait for itself
        close(session)
        told.append("it is closed")

    monkeypatch.setattr(Session, "close", close_slowly)
    workflow.init(storage=tmp_path)
    workflow.shutdown()
    second.join()
    assert told == ["it is closed", "the second is back"]
