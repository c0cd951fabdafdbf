"""Every example of the page on workflow metadata, written for `@workflow.task` and the embedded engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph import workflow


@pytest.fixture(autouse=True, params=["processes", "threads"])
def _engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    workflow.init(storage=tmp_path / "storage", workers=request.param)
    yield
    workflow.shutdown()


@workflow.task
def add(left: int, right: int) -> int:
    return left + right


def test_retrieving_metadata() -> None:
    workflow.run(add.bind(10, 20), workflow_id="add_example")

    workflow_metadata = workflow.get_metadata("add_example")

    assert workflow_metadata["status"] == "SUCCESSFUL"
    assert "start_time" in workflow_metadata["stats"]
    assert "end_time" in workflow_metadata["stats"]


def test_retrieving_metadata_of_a_task_by_its_name() -> None:
    workflow.run(add.options(**workflow.options(name="add_task")).bind(10, 20), workflow_id="add_example_2")

    task_metadata = workflow.get_metadata("add_example_2", name="add_task")

    assert task_metadata["name"] == "add_task"
    assert "start_time" in task_metadata["stats"]
    assert "end_time" in task_metadata["stats"]
    workflow_metadata = workflow.get_metadata("add_example_2")
    assert "start_time" in workflow_metadata["stats"]
    assert "end_time" in workflow_metadata["stats"]


def test_user_defined_metadata() -> None:
    workflow.run(
        add.options(**workflow.options(name="add_task", metadata={"task_k": "task_v"})).bind(10, 20),
        workflow_id="add_example_3",
        metadata={"workflow_k": "workflow_v"},
    )

    assert workflow.get_metadata("add_example_3")["user_metadata"] == {"workflow_k": "workflow_v"}
    assert workflow.get_metadata("add_example_3", name="add_task")["user_metadata"] == {"task_k": "task_v"}


def test_user_defined_metadata_in_the_decorator() -> None:
    @workflow.options(name="decorated", metadata={"task_k": "task_v"})
    @workflow.task
    def simple() -> int:
        return 0

    workflow.run(simple.bind(), workflow_id="decorated")
    assert workflow.get_metadata("decorated", name="decorated")["user_metadata"] == {"task_k": "task_v"}


def test_user_defined_metadata_must_be_json_serializable() -> None:
    with pytest.raises(ValueError, match="metadata must be JSON serialisable"):
        workflow.run(add.bind(10, 20), workflow_id="refused", metadata={"key": object()})
    with pytest.raises(ValueError, match="metadata must be a dict"):
        workflow.options(metadata=["not", "a", "dict"])
    assert workflow.list_all() == []


def test_available_metrics() -> None:
    workflow.run(add.options(**workflow.options(name="add_task")).bind(10, 20), workflow_id="metrics")

    of_workflow = workflow.get_metadata("metrics")
    assert of_workflow["status"] in {"RUNNING", "FAILED", "RESUMABLE", "CANCELED", "SUCCESSFUL"}
    assert of_workflow["user_metadata"] == {}
    assert set(of_workflow["stats"]) >= {"start_time", "end_time"}
    of_task = workflow.get_metadata("metrics", "add_task")
    assert of_task["name"] == "add_task"
    assert set(of_task["task_options"]) >= {
        "task_type",
        "max_retries",
        "retry_exceptions",
        "catch_exceptions",
        "checkpoint",
    }
    assert of_task["user_metadata"] == {}
    assert set(of_task["stats"]) >= {"start_time", "end_time"}


def test_a_name_generated_by_the_system() -> None:
    workflow.run(add.bind(10, 20), workflow_id="generated")
    (task,) = workflow.get_tasks("generated")
    assert workflow.get_metadata("generated", name=task["name"])["name"] == "tests.acceptance.test_page.add"


def test_an_immediate_result_while_it_runs_and_after_a_cancel(tmp_path: Path) -> None:
    workflow_id = "simple"
    flag = tmp_path / "flag"
    release = tmp_path / "release"  # the page's task sleeps; a thread would sleep on after the test

    @workflow.task
    def simple() -> int:
        flag.touch()  # touch a file here
        while not release.exists():
            time.sleep(0.01)
        return 0

    workflow.run_async(simple.bind(), workflow_id=workflow_id)

    # make sure workflow task starts running
    while not flag.exists():
        time.sleep(0.01)

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
    release.touch()


def test_a_resumed_workflow_updates_its_stats(tmp_path: Path) -> None:
    workflow_id = "simple"
    error_flag = tmp_path / "error"
    error_flag.touch()

    @workflow.task
    def simple() -> int:
        if error_flag.exists():
            raise ValueError
        return 0

    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(simple.bind(), workflow_id=workflow_id)

    workflow_metadata_failed = workflow.get_metadata(workflow_id)
    assert workflow_metadata_failed["status"] == "FAILED"

    # remove flag to make task success
    error_flag.unlink()
    ref = workflow.resume_async(workflow_id)
    assert ref.result() == 0

    workflow_metadata_resumed = workflow.get_metadata(workflow_id)
    assert workflow_metadata_resumed["status"] == "SUCCESSFUL"

    # make sure resume updated running metrics
    assert workflow_metadata_resumed["stats"]["start_time"] > workflow_metadata_failed["stats"]["start_time"]
    assert workflow_metadata_resumed["stats"]["end_time"] > workflow_metadata_failed["stats"]["end_time"]
