"""Every example of the page on workflow metadata, as it is written there, on Ray.

Only the import line is new. The page leaves out where its names come from; each test gives them.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from heliograph import workflow  # noqa: E402  # the line that a program changes

pytestmark = pytest.mark.usefixtures("one_storage")


@ray.remote
def add(left: int, right: int) -> int:
    return left + right


def test_retrieving_metadata() -> None:
    workflow.run(add.bind(10, 20), workflow_id="add_example")

    workflow_metadata = workflow.get_metadata("add_example")

    assert workflow_metadata["status"] == "SUCCESSFUL"
    assert "start_time" in workflow_metadata["stats"]
    assert "end_time" in workflow_metadata["stats"]

    workflow.run(
        add.options(
            **workflow.options(name="add_task")
        ).bind(10, 20), workflow_id="add_example_2")  # fmt: skip

    task_metadata = workflow.get_metadata("add_example_2", name="add_task")

    assert "start_time" in workflow_metadata["stats"]
    assert "end_time" in workflow_metadata["stats"]

    assert task_metadata["name"] == "add_task"
    assert {"start_time", "end_time"} <= task_metadata["stats"].keys()


def test_user_defined_metadata() -> None:
    workflow.run(add.options(**workflow.options(name="add_task", metadata={"task_k": "task_v"})).bind(10, 20),
        workflow_id="add_example_3", metadata={"workflow_k": "workflow_v"})  # fmt: skip

    assert workflow.get_metadata("add_example_3")["user_metadata"] == {"workflow_k": "workflow_v"}
    assert workflow.get_metadata("add_example_3", name="add_task")["user_metadata"] == {"task_k": "task_v"}


def test_user_defined_metadata_in_the_decorator() -> None:
    @workflow.options(name="decorated", metadata={"task_k": "task_v"})
    @ray.remote
    def simple() -> int:
        return 0

    workflow.run(simple.bind(), workflow_id="decorated")
    assert workflow.get_metadata("decorated", name="decorated")["user_metadata"] == {"task_k": "task_v"}


def test_user_defined_metadata_must_be_json_serializable() -> None:
    with pytest.raises(ValueError, match="metadata must be JSON serialisable"):
        workflow.run(add.bind(10, 20), workflow_id="refused", metadata={"key": object()})
    assert workflow.list_all() == []


def test_an_immediate_result(tmp_path: Path) -> None:
    workflow_id = "running"
    flag = tmp_path / "flag"

    @ray.remote
    def simple():  # type: ignore[no-untyped-def]
        flag.touch()  # touch a file here
        time.sleep(1000)
        return 0  # fmt: skip

    workflow.run_async(simple.bind(), workflow_id=workflow_id)

    # make sure workflow task starts running
    while not flag.exists():
        time.sleep(1)

    workflow_metadata = workflow.get_metadata(workflow_id)
    assert workflow_metadata["status"] == "RUNNING"
    assert "start_time" in workflow_metadata["stats"]
    assert "end_time" not in workflow_metadata["stats"]

    workflow.cancel(workflow_id)

    workflow_metadata = workflow.get_metadata(workflow_id)
    assert workflow_metadata["status"] == "CANCELED"
    assert "task_options" in workflow_metadata
    assert "start_time" in workflow_metadata["stats"]
    assert "end_time" not in workflow_metadata["stats"]


def test_resumed_workflows(tmp_path: Path) -> None:
    workflow_id = "simple"
    error_flag = tmp_path / "error"
    error_flag.touch()

    @ray.remote
    def simple():  # type: ignore[no-untyped-def]
        if error_flag.exists():
            raise ValueError()
        return 0

    with pytest.raises(ray.exceptions.RaySystemError):
        workflow.run(simple.bind(), workflow_id=workflow_id)

    workflow_metadata_failed = workflow.get_metadata(workflow_id)
    assert workflow_metadata_failed["status"] == "FAILED"

    # remove flag to make task success
    error_flag.unlink()
    ref = workflow.resume_async(workflow_id)
    assert ray.get(ref) == 0

    workflow_metadata_resumed = workflow.get_metadata(workflow_id)
    assert workflow_metadata_resumed["status"] == "SUCCESSFUL"

    # make sure resume updated running metrics
    assert workflow_metadata_resumed["stats"]["start_time"] > workflow_metadata_failed["stats"]["start_time"]
    assert workflow_metadata_resumed["stats"]["end_time"] > workflow_metadata_failed["stats"]["end_time"]


def test_the_keys_that_the_page_lists() -> None:
    workflow.run(add.options(**workflow.options(name="sum")).bind(add.bind(1, 2), 3), workflow_id="listed")

    assert {"status", "user_metadata", "stats"} <= workflow.get_metadata("listed").keys()
    task = workflow.get_metadata("listed", name="sum")
    assert {"name", "task_options", "user_metadata", "stats"} <= task.keys()
    assert task["task_options"]["ray_options"] == {}
    assert task["workflow_refs"] == ["tests.ray.test_page.add"]
