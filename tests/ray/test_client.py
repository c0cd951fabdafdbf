"""Ray Client: a driver outside of the cluster, at `ray://`, runs workflows and reads what is recorded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from heliograph import workflow  # noqa: E402
from tests import scripts  # noqa: E402
from tests.ports import free_port  # noqa: E402


@pytest.fixture
def address(storage: Path) -> Iterator[str]:
    """Of a server for clients, on the tests' cluster."""
    port = free_port()
    command = ["-m", "ray.util.client.server", "--mode", "specific-server", "--host", "127.0.0.1"]
    server = subprocess.Popen(
        [sys.executable, *command, "--port", str(port), "--address", os.environ["RAY_ADDRESS"]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield f"ray://127.0.0.1:{port}"
    server.kill()
    server.wait()


PROGRAM = """
import sys
import ray
from heliograph import workflow
from heliograph.engines.ray import internals

ray.init(sys.argv[1], logging_level="ERROR")  # waits for the server
assert ray.util.client.ray.is_connected()

@ray.remote
def add(left, right):
    return left + right

@ray.remote
def large(size):
    return b"x" * size

@ray.remote
def nested(numbers):
    return sum(ray.get(numbers["there"]))

@ray.remote(num_cpus=0)
class Actor:
    pass

@ray.remote
def fail():
    raise KeyError("missing")

options = workflow.options(name="sum", metadata={"from": "client"})
dag = add.options(num_cpus=0.5, **options).bind(add.bind(1, ray.put(2)), 3)
assert workflow.run(dag, workflow_id="mine") == 6
assert ray.get(workflow.run_async(add.bind(1, 2))) == 3
assert workflow.run(large.bind(1_000_000)) == b"x" * 1_000_000
assert workflow.get_output("mine") == 6
assert workflow.run(nested.bind({"there": [ray.put(2), add.remote(3, 4)]})) == 9
try:
    workflow.run(add.bind(Actor.remote(), 1))
except workflow.NotPicklableError as error:
    assert "name the actor, and have the task call ray.get_actor" in str(error), error
try:
    workflow.run(fail.bind(), workflow_id="failed")
except ray.exceptions.RaySystemError as error:
    assert type(error.__cause__) is KeyError, error
assert workflow.get_status("failed") == "FAILED"
assert not internals.is_in_worker()
assert ray.get_runtime_context().get_job_id() in ray.get(ray.remote(internals.living_jobs).remote())
task = workflow.get_metadata("mine", "sum")
print(task["status"], task["user_metadata"], task["task_options"]["ray_options"])
"""


def test_a_client_runs_workflows_and_reads_their_metadata(address: str, storage: Path) -> None:
    printed = scripts.run(PROGRAM, storage, address)
    assert printed == "SUCCESSFUL {'from': 'client'} {'num_cpus': 0.5}\n"
    assert workflow.get_output("mine") == 6  # its workflows are there after it has gone
