"""What heliograph takes for granted of Ray and Ray does not promise.

A new Ray that changes it fails here, by name.
"""

from __future__ import annotations

import json
import logging
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from ray import dag  # noqa: E402
from ray._private import worker  # noqa: E402

from heliograph import workflow  # noqa: E402
from heliograph.engines.ray import internals  # noqa: E402
from tests import clusters, scripts  # noqa: E402
from tests.conditions import DEADLINE, until  # noqa: E402


def add(left: int, right: int) -> int:
    return left + right


REMOTE = ray.remote(num_cpus=2)(add)


def test_the_function_of_a_remote_function() -> None:
    assert internals.function_of(REMOTE) is add
    assert internals.is_remote_function(REMOTE)
    assert not internals.is_remote_function(add)


def test_what_a_node_holds() -> None:
    node = REMOTE.options(max_retries=7).bind(1, right=2)
    assert type(node) is dag.FunctionNode
    assert internals.body_of(node) is add
    assert internals.args_of(node) == (1,)
    assert internals.kwargs_of(node) == {"right": 2}
    assert internals.options_of(node)["num_cpus"] == 2
    assert internals.options_of(node)["max_retries"] == 7


def test_the_parts_of_an_input() -> None:
    with dag.InputNode() as given:
        assert internals.input_key(given[1]) == (1, False)
        assert internals.input_key(given["key"]) == ("key", False)
        assert internals.input_key(given.name) == ("name", True)
    assert type(given[1]) is dag.InputAttributeNode


def test_the_nodes_of_actors_have_their_names() -> None:
    assert all(hasattr(dag, name) for name in internals.CLASS_NODES)
    assert hasattr(dag, "MultiOutputNode")


def test_the_keys_of_an_environment() -> None:
    assert {"env_vars", "working_dir", "pip"} <= internals.ENVIRONMENT


def test_the_option_that_carries_ours_is_let_through_and_kept() -> None:
    carried = dict(workflow.options(name="mine"))
    node = REMOTE.options(**carried).bind(1, 2)
    assert carried.items() <= internals.options_of(node).items()


def test_a_decorated_function_keeps_its_options_and_merges_ours() -> None:
    made = internals.with_labels(REMOTE, workflow.options(name="first", checkpoint=False))
    made = internals.with_labels(made, workflow.options(metadata={"a": 1}))
    options = internals.options_of(made.options(num_cpus=1, **workflow.options(task_id="second")).bind(1, 2))
    assert options["num_cpus"] == 1
    (carried,) = options["_labels"].values()
    assert json.loads(carried) == {"name": "second", "checkpoint": False, "metadata": {"a": 1}}


def test_the_head_node_has_its_resource_and_actors_tell_whether_they_were_restarted() -> None:
    clusters.start()

    @ray.remote(num_cpus=0)
    class Actor:
        def was_restarted(self) -> bool:
            return internals.was_restarted()

    assert internals.HEAD in ray.cluster_resources()
    assert ray.get(Actor.remote().was_restarted.remote()) is False


def test_who_is_a_driver_and_whose_job_is_over(storage: Path) -> None:
    @ray.remote(num_cpus=0)
    def seen() -> tuple[bool, set[str]]:
        return internals.is_in_worker(), internals.living_jobs()

    is_in_worker, living = ray.get(seen.remote())
    assert (internals.is_in_worker(), is_in_worker) == (False, True)
    assert ray.get_runtime_context().get_job_id() in living
    code = "import ray\nray.init(logging_level='ERROR')\nprint(ray.get_runtime_context().get_job_id())"
    over = scripts.run(code, storage).strip()
    until(lambda: over not in internals.living_jobs())
    jobs = ray._private.worker.global_worker.gcs_client.get_all_job_info()
    assert over in {key.hex() for key in jobs}


def test_a_raylet_that_nobody_listens_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @ray.remote(num_cpus=0)
    def answers() -> bool:
        return internals.answers(ray.get_runtime_context().gcs_address)

    clusters.start()
    assert Path(worker._global_node.raylet_socket_name).is_socket()
    assert ray.get(answers.remote())
    address = ray.get_runtime_context().gcs_address
    assert internals.answers(address)
    monkeypatch.chdir(tmp_path)  # the name of a socket has to be short
    monkeypatch.setattr(worker, "_global_node", SimpleNamespace(raylet_socket_name="raylet"))
    assert internals.answers(address)  # it was tidied away
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind("raylet")
        assert not internals.answers(address)


@ray.remote(num_cpus=0)
def sleep() -> None:
    time.sleep(600)


@ray.remote(num_cpus=0, max_retries=0)
def fail() -> None:
    raise KeyError("missing")


def test_of_errors_that_nobody_asks_for_ray_logs_all_but_cancellations(
    storage: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def logged(reference: object) -> list[str]:
        """What Ray logs of the error when the reference is dropped."""
        with pytest.raises(Exception, match="mine") as raised:
            ray.get(reference, timeout=DEADLINE)
        logger = logging.getLogger("ray")
        logger.addHandler(caplog.handler)
        caplog.clear()
        worker._unhandled_error_handler(raised.value)
        logger.removeHandler(caplog.handler)
        return caplog.messages

    reference = workflow.run_async(sleep.bind(), workflow_id="mine")
    workflow.cancel("mine")
    assert logged(reference) == []
    (message,) = logged(workflow.run_async(fail.bind(), workflow_id="mine too"))
    assert message.startswith("Unhandled error")
