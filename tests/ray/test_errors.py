"""What programs catch: those of `ray.workflow`'s last release, those of its page, and those of heliograph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cloudpickle
import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from heliograph import workflow  # noqa: E402
from tests import scripts  # noqa: E402
from tests.gates import Gate  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_storage")
FAILED = (workflow.WorkflowExecutionError, ray.exceptions.RaySystemError, ray.exceptions.RayTaskError)


@ray.remote
def fail() -> None:
    raise KeyError("as it should")


@ray.remote
def hold(gate: Gate) -> None:
    gate.wait()


def run() -> None:
    workflow.run(fail.bind(), workflow_id="run")


def run_async() -> None:
    ray.get(workflow.run_async(fail.bind(), workflow_id="run_async"))


def resume() -> None:
    workflow.resume("failed")


def resume_async() -> None:
    ray.get(workflow.resume_async("failed"))


def get_output() -> None:
    workflow.get_output("failed")


def get_output_async() -> None:
    ray.get(workflow.get_output_async("failed"))


@pytest.mark.parametrize("call", [run, run_async, resume, resume_async, get_output, get_output_async])
def test_a_failure_is_of_every_type_that_programs_catch(call: Any) -> None:
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail.bind(), workflow_id="failed")
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        call()
    had_failed_before = call in (get_output, get_output_async)
    for error in (raised.value, cloudpickle.loads(cloudpickle.dumps(raised.value))):
        for kind in (*FAILED, *([ValueError] if had_failed_before else [])):
            assert isinstance(error, kind)
        assert isinstance(error, ValueError) == had_failed_before
        assert isinstance(error.__cause__, KeyError)
        assert "failed in task 'tests.ray.test_errors.fail'" in str(error)


PROGRAM = """
import ray
ray.init(logging_level="ERROR")
from heliograph import workflow
try:
    workflow.get_output("failed")
except ray.exceptions.RaySystemError as error:
    print(isinstance(error, (ValueError, ray.exceptions.RayTaskError)), type(error.__cause__).__name__)
"""


def test_a_failure_is_so_in_another_driver(one_storage: Path) -> None:
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail.bind(), workflow_id="failed")
    assert scripts.run(PROGRAM, one_storage) == "True KeyError\n"


def test_a_cancellation_is_of_every_type_that_programs_catch(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    output = workflow.run_async(hold.bind(gate), workflow_id="mine")
    gate.until_waiting()
    workflow.cancel("mine")
    for call in (
        lambda: ray.get(output),
        lambda: workflow.get_output("mine"),
        lambda: ray.get(workflow.get_output_async("mine")),
    ):
        with pytest.raises(workflow.WorkflowCancellationError) as raised:
            call()
        assert isinstance(raised.value, ray.exceptions.RayTaskError)


def test_a_failure_in_a_task_of_rays_own_is_told_to_who_waits_for_that() -> None:
    @ray.remote
    def outer() -> Any:
        return workflow.run(fail.bind(), workflow_id="inner")

    with pytest.raises(workflow.WorkflowExecutionError, match="workflow 'inner' failed"):
        ray.get(outer.remote())
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(outer.bind(), workflow_id="outer")
    cause = raised.value.__cause__
    assert isinstance(cause, workflow.WorkflowExecutionError)
    assert isinstance(cause.__cause__, KeyError)
