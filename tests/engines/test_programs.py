"""Programs that use worker processes: how they are written, how they end, and what their workers import."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conditions import DEADLINE, is_gone, until
from tests.engines.harness import start

SCRIPT = """
import os, sys, threading, time
from pathlib import Path
from heliograph.engines.embedded.processes import ProcessExecutor
from tests.engines.harness import Inbox, Works, output

class Point:
    def __init__(self, x):
        self.x = x

def make(x):
    print("made", x)
    return Point(x)

works, inbox = Works(Path(sys.argv[1])), Inbox()
executor = ProcessExecutor(inbox, 2)
work = works(make, 5)
executor.submit(work)
point = output(inbox.of(work))
assert type(point) is Point and point.x == 5
"""
CLOSE = "executor.close()\n"
HANG = """
def burn(path):
    import subprocess
    child = subprocess.Popen(["sleep", "600"])
    Path(path + ".tmp").write_text(f"{os.getpid()} {child.pid}")
    os.rename(path + ".tmp", path)
    while True:  # never waits for anything
        pass

def hold(path):
    Path(path + ".tmp").write_text(f"{os.getpid()} {os.getpid()}")
    os.rename(path + ".tmp", path)
    sum(iter(int, 1))  # and never lets go of the interpreter

for function in (burn, hold):
    executor.submit(works(function, f"{sys.argv[1]}/{function.__name__}"))
time.sleep(600)
"""


@pytest.mark.parametrize("way", ["script", "command", "prompt"])
def test_programs_without_a_main_guard(way: str, tmp_path: Path) -> None:
    text = SCRIPT + CLOSE
    if way == "script":
        (tmp_path / "script.py").write_text(text)
        program = start(str(tmp_path / "script.py"), str(tmp_path))
    elif way == "command":
        program = start("-c", text, str(tmp_path))
    else:
        program = start("-", str(tmp_path), stdin=subprocess.PIPE)
    out, err = program.communicate(text if way == "prompt" else None, timeout=DEADLINE)
    assert (program.returncode, out, err) == (0, "made 5\n", "")


def test_a_program_that_forgets_to_close_ends_and_leaves_no_worker(tmp_path: Path) -> None:
    program = start("-c", SCRIPT + "print(work and inbox.of(work).worker.pid)", str(tmp_path))
    out, _ = program.communicate(timeout=DEADLINE)
    assert program.returncode == 0
    until(lambda: is_gone(int(out.split()[-1])), "the worker to end")


def test_workers_die_with_a_killed_program_in_the_middle_of_a_task(tmp_path: Path) -> None:
    program = start("-c", SCRIPT + HANG, str(tmp_path))
    try:
        for name in ("burn", "hold"):
            until(lambda name=name: (tmp_path / name).exists() or program.poll() is not None, name)
        pids = [int(pid) for name in ("burn", "hold") for pid in (tmp_path / name).read_text().split()]
        assert not any(map(is_gone, pids))
    finally:
        program.kill()
        program.communicate()
    until(lambda: all(map(is_gone, pids)), "workers and their subprocesses to die")


def test_a_worker_imports_little() -> None:
    program = start("-c", "import heliograph.engines.embedded.worker, sys; print(*sys.modules)")
    out, err = program.communicate(timeout=DEADLINE)
    assert not err
    heavy = {"sqlalchemy", "rich", "typer", "fsspec", "psutil", "asyncio", "multiprocessing"}
    heavy |= {"heliograph.workflow", "heliograph.storage.store"}
    assert not heavy & set(out.split())


CHILDREN = """
import multiprocessing, sys
from heliograph import workflow

class Point:
    def __init__(self, x):
        self.x = x

def doubled(x):
    return 2 * x

@workflow.task
def make(x):
    return Point(doubled(x))

def submit(way, x):
    workflow.init(storage=f"{sys.argv[1]}/{way}", workers="processes", num_workers=1)
    point = workflow.run(make.bind(x), workflow_id="w")
    assert type(point) is Point, type(point)
    [task] = workflow.get_tasks("w")
    return point.x, task["name"], task["function"]["module"]

if __name__ == "__main__":
    for way in ("spawn", "forkserver", "fork"):
        with multiprocessing.get_context(way).Pool(1) as pool:
            assert pool.apply(submit, (way, 3)) == (6, "__main__.make", "__main__"), way
"""


def test_a_child_of_multiprocessing_runs_what_the_main_script_defines(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(CHILDREN)
    program = start(str(tmp_path / "script.py"), str(tmp_path))
    _, stderr = program.communicate(timeout=DEADLINE)
    assert program.returncode == 0, stderr


OUTLIVING = """
import functools, os, sys, threading, time
from heliograph import workflow

def decorated(function):
    return functools.wraps(function)(lambda *args: function(*args))

@workflow.task
@decorated
async def awaited():
    return "awaited"

@workflow.task
def large():
    return os.urandom(10_000_000)

@workflow.task
def size(value):
    return len(value)

class Sync(workflow.EventListener):
    async def poll_for_event(self):
        return "heard"

def serve():
    while main.is_alive():
        time.sleep(0.01)
    assert workflow.run(size.bind(large.bind())) == 10_000_000
    assert workflow.run(awaited.bind()) == "awaited"
    assert workflow.run(workflow.wait_for_event(Sync)) == "heard"
    waiting = workflow.run_async(workflow.wait_for_event(workflow.HTTPListener, "key"), workflow_id="w")
    assert workflow.send_event("w", "key", 1, keep=True) in ("checkpointed", "kept")
    assert waiting.result() == ("key", 1)
    workflow.run_async(workflow.wait_for_event(workflow.HTTPListener, "never"), workflow_id="left")
    while "RUNNING" not in str(workflow.get_tasks("left")[0]["status"]):
        time.sleep(0.01)
    print("served")

main = threading.main_thread()
workflow.init(storage=sys.argv[1], workers=sys.argv[2], num_workers=1)
threading.Thread(target=serve).start()
"""


@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_a_thread_that_outlives_the_main_thread_runs_workflows(workers: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(OUTLIVING)
    program = start(str(tmp_path / "script.py"), str(tmp_path), workers)
    assert program.communicate(timeout=DEADLINE) == ("served\n", "")
    assert program.returncode == 0


REPLACED = """
import queue, sys, threading
import heliograph.engines.attempts.reporting  # init imports the rest
from heliograph import workflow
from tests.conditions import until

waited = set()

class Queue(queue.SimpleQueue):
    def get(self, *args, **options):
        waited.add(threading.current_thread().name)
        return super().get(*args, **options)

class Condition(threading.Condition):
    def wait(self, timeout=None):
        waited.add(threading.current_thread().name)
        return super().wait(timeout)

@workflow.task
def talk():
    for line in ("one", "two"):  # the second one waits for a moment
        workflow.current().log(line)

workflow.init(storage=sys.argv[1], workers="threads")
workflow.shutdown()
queue.SimpleQueue, threading.Condition = Queue, Condition
workflow.init(storage=sys.argv[1], workers="threads")
waiting = workflow.run_async(workflow.wait_for_event(workflow.HTTPListener, "go"), workflow_id="waiting")
called = threading.Event()
waiting.add_done_callback(lambda _: called.set())
workflow.send_event("waiting", "go", 1, keep=True)
called.wait()
workflow.run(talk.bind())
until(lambda: waited >= {f"heliograph-{name}" for name in ("callbacks", "loop", "reports", "send", "store")})
workflow.shutdown()
"""


def test_what_gevent_puts_in_place_after_the_import_is_used(tmp_path: Path) -> None:
    """As gunicorn has it with --preload and gevent's workers: what is not, holds up all greenlets."""
    program = start("-c", REPLACED, str(tmp_path))
    assert program.communicate(timeout=2 * DEADLINE) == ("", "")
    assert program.returncode == 0
