"""Clusters of several nodes that lose one, or all: a program, since a process is connected to one cluster.

``python -m tests.ray.clusters_that_fail NAME GATE LEDGER``
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
# Of its own: there Ray writes down which cluster this machine has.
os.environ["RAY_TMPDIR"] = tempfile.mkdtemp(prefix="hg-ray-", dir="/tmp")
Path(os.environ["RAY_TMPDIR"], "ray").mkdir()

import psutil  # noqa: E402
import pytest  # noqa: E402
import ray  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

from heliograph import workflow  # noqa: E402
from heliograph.engines.opening import opened  # noqa: E402
from tests.conditions import is_gone, until  # noqa: E402
from tests.gates import Gate, Ledger  # noqa: E402
from tests.ports import free_port  # noqa: E402

NODE = {
    "object_store_memory": 100 * 1024 * 1024,
    # Processes that nobody here asks anything of; each imports all of Ray.
    "include_dashboard": False,
    "include_log_monitor": False,
    "no_monitor": True,
}
SOON = {"health_check_period_ms": 500}
"""How soon a node that did not answer is asked again, before it counts as gone; its time to answer stays."""


def cluster(*nodes: dict[str, Any]) -> Cluster:
    """A head that runs no tasks, and other nodes."""
    made = Cluster()
    made.add_node(num_cpus=0, resources={"head": 10}, _system_config=SOON, **NODE)
    for node in nodes:
        made.add_node(**node, **NODE)
    made.wait_for_nodes()
    ray.init(address=made.address, log_to_driver=False, logging_level=logging.ERROR)
    return made


@ray.remote
def note(ledger: Ledger, line: str, *_after: Any) -> str:
    ledger.note(line)
    return ray.get_runtime_context().get_node_id()


@ray.remote
def hold(gate: Gate, name: str, *_after: Any) -> str:
    gate.wait(name)
    return ray.get_runtime_context().get_node_id()


@ray.remote
def large(ledger: Ledger, line: str) -> bytes:
    ledger.note(line)
    return b"x" * 10_000_000


@ray.remote
def size(gate: Gate, data: bytes, name: str) -> int:
    gate.wait(name)
    return len(data)


@ray.remote
def nested(data: list[Any]) -> int:
    (reference,) = data
    return len(ray.get(reference))


def remove_a_node(gate: Gate, ledger: Ledger) -> None:
    """The node that runs a task goes away: it runs again on another one. What was to run there waits."""
    zones = [{"zone": "north"}, {"zone": "south"}]
    made = cluster(*[{"num_cpus": 1, "labels": zone} for zone in zones])
    early = note.options(**workflow.options(name="early")).bind(ledger, "early")
    middle = hold.options(**workflow.options(name="held")).bind(gate, "held", early)
    output = workflow.run_async(note.bind(ledger, "late", middle), workflow_id="mine")
    worker = gate.until_waiting("held")
    running = until(lambda: (workflow.get_metadata("mine", "held")["attempts"] or [None])[0])
    gone = running["worker"]["node_id"]
    (there,) = [
        zone
        for zone in zones
        for node in ray.nodes()
        if node["NodeID"] == gone and zone.items() <= node["Labels"].items()
    ]
    workflow.run_async(note.options(label_selector=there).bind(ledger, "never"), workflow_id="waits")
    until(lambda: workflow.get_tasks("waits")[0]["status"] == "READY")
    assert workflow.get_logs("waits") == []  # until the node has time for it
    (node,) = [node for node in made.list_all_nodes() if node.node_id == gone]
    made.remove_node(node, allow_graceful=False)
    until(lambda: is_gone(worker))  # it goes after its node
    (said,) = until(lambda: workflow.get_logs("waits"))
    assert said["text"] == f"waits for a node: none of the cluster has labels as {there}"
    workflow.cancel("waits")
    gate.open()
    ray.get(output, timeout=60)
    assert ledger.counts() == {"early": 1, "late": 1}
    first, second = workflow.get_metadata("mine", "held")["attempts"]
    assert first["status"] == "FAILED", first
    assert second["worker"]["node_id"] != gone


def lose_an_output(gate: Gate, ledger: Ledger) -> None:
    """The node whose memory has a large output goes away: the output is read from the storage."""
    made = cluster({"num_cpus": 1, "resources": {"first": 1}}, {"num_cpus": 1, "resources": {"second": 1}})
    data = large.options(resources={"first": 1}, **workflow.options(name="large")).bind(ledger, "large")
    waiting = hold.options(resources={"second": 1}).bind(gate, "held", data)
    counted = size.options(**workflow.options(name="size")).bind(gate, data, "size")
    length = nested.options(**workflow.options(name="nested")).bind([data])
    output = workflow.run_async(together.bind(counted, length, waiting), workflow_id="mine")
    until(lambda: workflow.get_metadata("mine", "large")["status"] == "SUCCESSFUL")
    whole = workflow.run_async(large.options(num_cpus=0, resources={"first": 1}).bind(ledger, "whole"))
    assert ray.wait([whole], timeout=60, fetch_local=False)[0]
    gate.until_waiting("held")
    stored = workflow.get_metadata("mine", "large")
    assert stored["attempts"][0]["worker"]["ray"]["object_store_bytes"] > 10_000_000, stored
    (node,) = [
        node for node in made.list_all_nodes() if node.node_id == stored["attempts"][0]["worker"]["node_id"]
    ]
    made.remove_node(node, allow_graceful=False)
    gate.open()
    assert ray.get(output, timeout=60) == (10_000_000, 10_000_000)
    assert len(ray.get(whole, timeout=60)) == 10_000_000
    assert ledger.counts() == {"large": 1, "whole": 1}


@ray.remote
def together(*values: Any) -> Any:
    return values[:2]


@ray.remote
def references() -> dict[str, Any]:
    """What means nothing in another cluster by itself."""
    import ray.data

    rows = ray.data.from_items([{"a": number} for number in range(4)])
    return {"put": ray.put([1, 2]), "lazy": ray.data.range(5), "made": rows.materialize()}


@ray.remote
def read(given: dict[str, Any], _after: str) -> Any:
    made = sorted(row["a"] for row in given["made"].take_all())
    return ray.get(given["put"]), given["lazy"].count(), made


READ = ([1, 2], 5, [0, 1, 2, 3])


def wait_for_the_end(gate: Gate, ledger: Ledger) -> None:
    """Begin a workflow on a cluster that will be killed as a whole."""
    cluster({"num_cpus": 2})
    early = note.options(**workflow.options(name="early")).bind(ledger, "early")
    middle = hold.options(**workflow.options(name="held")).bind(gate, "held", early)
    late = note.options(**workflow.options(name="late")).bind(ledger, "late", middle)
    workflow.run(note.bind(ledger, "done"), workflow_id="done")
    given = references.options(**workflow.options(name="references")).bind()
    workflow.run_async(read.bind(given, late), workflow_id="mine")
    gate.until_waiting("held")
    until(lambda: workflow.get_metadata("mine", "references")["status"] == "SUCCESSFUL")
    gate.wait("all but it")
    workflow.get_output("mine")  # somebody kills all of this


def go_on(gate: Gate, ledger: Ledger) -> None:
    """After `wait_for_the_end`, on a new cluster."""
    cluster({"num_cpus": 2})
    gate.open()
    resumed = dict(workflow.resume_all())
    assert list(resumed) == ["mine"], resumed
    assert ray.get(resumed["mine"], timeout=90) == READ
    assert ledger.counts() == {"early": 1, "done": 1, "late": 1}
    assert [run["reason"] for run in workflow.get_history("mine")] == ["start", "resume"]


def go_away(gate: Gate, ledger: Ledger) -> None:
    """All of the cluster is killed while somebody waits for an output: Ray would end the process for that."""
    cluster({"num_cpus": 1})
    output = workflow.run_async(hold.bind(gate, "held"), workflow_id="mine")
    gate.until_waiting("held")
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    with pytest.raises(RuntimeError, match=r"is gone: .*`workflow\.resume` goes on once a cluster is there"):
        opened().ray.value(output)
    with pytest.raises(RuntimeError, match="is gone"):
        workflow.run(note.bind(ledger, "never"))
    until(lambda: workflow.get_status("mine") == "RESUMABLE")
    assert ledger.counts() == {}


def lose_the_raylets(gate: Gate, ledger: Ledger) -> None:
    """Ray's process on each node is killed, and the control service lives: Ray would wait for ever."""
    cluster({"num_cpus": 1})
    workflow.run_async(hold.bind(gate, "held"), workflow_id="mine")
    gate.until_waiting("held")
    children = psutil.Process().children(recursive=True)
    for process in children:
        if process.name() == "raylet":
            process.kill()
    with pytest.raises(RuntimeError, match=r"is gone: .*`workflow\.resume` goes on once a cluster is there"):
        workflow.get_output("mine")
    for process in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    until(lambda: workflow.get_status("mine") == "RESUMABLE")
    assert ledger.counts() == {}


def be_elsewhere(gate: Gate, ledger: Ledger) -> None:
    """A storage that not all nodes reach, and a driver that goes to another cluster."""
    made = cluster({"num_cpus": 1})
    workflow.run(note.bind(ledger, "first"))
    workflow.shutdown()
    other = made.add_node(node_ip_address="127.0.0.2", num_cpus=1, **NODE)
    made.wait_for_nodes()
    with pytest.raises(workflow.StorageError, match=r"is a file of one machine.*nodes on 2 .*postgresql://"):
        workflow.run(note.bind(ledger, "never"))
    made.remove_node(other)
    until(lambda: len([node for node in ray.nodes() if node["Alive"]]) == 2)
    workflow.run(note.bind(ledger, "second"))
    workflow.run_async(hold.bind(gate, "left"), workflow_id="left")
    gate.until_waiting("left")
    ray.shutdown()
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    workflow.run(note.bind(ledger, "third"))
    workflow.cancel("left")
    assert workflow.get_status("left") == "CANCELED"
    assert ledger.counts() == {"first": 1, "second": 1, "third": 1}


def be_made_anew(gate: Gate, ledger: Ledger) -> None:
    """A driver whose cluster is started again at the same address, where its jobs are numbered as before."""
    port = free_port()
    for line in ("first", "second"):
        made = Cluster()
        made.add_node(num_cpus=1, gcs_server_port=port, **NODE)
        ray.init(address=made.address, log_to_driver=False, logging_level=logging.ERROR)
        workflow.run(note.bind(ledger, line))
        ray.shutdown()
        made.shutdown()
    assert ledger.counts() == {"first": 1, "second": 1}


if __name__ == "__main__":
    # By its name as a module: in `__main__` the functions would go to the workers by value.
    from tests.ray import clusters_that_fail

    faults: dict[str, Callable[[Gate, Ledger], None]] = vars(clusters_that_fail)
    faults[sys.argv[1]](Gate(Path(sys.argv[2])), Ledger(Path(sys.argv[3])))
    workflow.shutdown()
    ray.shutdown()
    print("well")
