"""`workflow.run` on Ray: a small output comes with the answer that its workflow is stored."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from heliograph import workflow  # noqa: E402
from heliograph.engines import provenance  # noqa: E402
from heliograph.engines.ray import engine  # noqa: E402
from heliograph.engines.ray.engine import RayEngine  # noqa: E402
from tests.conditions import until  # noqa: E402

LARGE = 1_000_000


@ray.remote
def double(number: int, seconds: float = 0) -> int:
    time.sleep(seconds)
    return 2 * number


@workflow.task
def give(value: int) -> int:
    return value


@ray.remote
def speak(_before: Any = None) -> None:
    print(f"{workflow.current().task_id} speaks")


@ray.remote
def fail() -> None:
    raise KeyError("as it should")


@ray.remote
def large() -> bytes:
    return bytes(LARGE)


@ray.remote
def outer() -> Any:
    return workflow.run(double.bind(4), workflow_id="inner")


@pytest.fixture
def waited(storage: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The references that the engine waited for, from now on."""
    assert workflow.run(double.bind(1)) == 2  # now there is a line, and a worker
    references: list[Any] = []
    value = RayEngine.value

    def noted(self: RayEngine, reference: Any) -> Any:
        references.append(reference)
        return value(self, reference)

    monkeypatch.setattr(RayEngine, "value", noted)
    return references


@pytest.mark.parametrize("seconds", [0, 0.2])
def test_a_small_output_comes_with_the_answer(waited: list[Any], seconds: float) -> None:
    def is_given_without_a_reference() -> bool:  # unless the machine is so busy that it takes longer
        waited.clear()
        assert workflow.run(double.bind(3, seconds)) == 6
        return not waited

    until(is_given_without_a_reference, what="an output to come with the answer")


def test_an_error_and_a_large_output_come_by_a_reference(waited: list[Any]) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(fail.bind(), workflow_id="failing")
    assert isinstance(raised.value.__cause__, KeyError)
    assert workflow.run(large.bind()) == bytes(LARGE)
    assert len(waited) == 2


def test_a_task_that_runs_a_workflow_lends_it_all_cpus(waited: list[Any]) -> None:
    assert workflow.run(outer.options(num_cpus=2).bind()) == 8
    assert workflow.get_status("inner") == "SUCCESSFUL"


def test_an_output_that_is_asked_for_later_is_a_reference(storage: Path) -> None:
    workflow.run(double.bind(4), workflow_id="mine")
    for options in ({}, {"task_id": workflow.get_tasks("mine")[0]["task_id"]}):
        output = workflow.get_output_async("mine", **options)
        ready, _ = ray.wait([output], timeout=60)
        assert ray.get(ready) == [8]


def test_an_output_of_the_embedded_engine_is_a_future(storage: Path) -> None:
    workflow.run(give.bind(1), workflow_id="embedded")
    assert workflow.get_output_async("embedded").result(60) == 1


def test_what_a_task_prints_is_shown_under_its_name(storage: Path) -> None:
    node = speak.bind()
    for _ in range(9):
        node = speak.bind(node)
    workflow.run(node, workflow_id="chain")
    heard = []
    shown = ""
    for log in Path(ray._private.worker._global_node.get_logs_dir_path()).glob("worker-*.out"):
        for line in log.read_text().splitlines():
            if line.startswith(":task_name:"):
                shown = line.removeprefix(":task_name:")
            elif line.endswith(" speaks"):
                heard.append((shown, line.removesuffix(" speaks")))
    assert len(heard) == 10
    assert [(shown, speaker) for shown, speaker in heard if shown != speaker] == []


def test_a_run_says_whether_its_program_was_changed(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver knows; the coordinator, which has the run, looks at no repository."""
    monkeypatch.setattr(provenance, "late_facts", lambda: '{"git_dirty": true}')
    workflow.run(double.bind(1), workflow_id="mine")
    (run,) = workflow.get_history("mine")
    assert run["code"].items() >= {"git_dirty": True, "ray": ray.__version__}.items()


@ray.remote
def run_in(storage: Path) -> None:
    workflow.shutdown()  # this worker may have run a workflow for another task
    workflow.init(storage=storage)
    workflow.run(double.bind(4), workflow_id="inner")
    workflow.shutdown()


def test_the_command_line_of_a_worker_of_rays_is_nobodys(storage: Path) -> None:
    ray.get(run_in.remote(storage), timeout=60)
    (run,) = workflow.get_history("inner")
    assert (run["argv"], run["code"]["entry_point"]) == ([], "")


@ray.remote
def begin(workflow_id: str) -> Any:
    return workflow.run(double.bind(1), workflow_id=workflow_id)


def test_a_run_that_a_task_began_has_the_program_of_the_task_not_of_one_that_was_deleted(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in (f"{number}.py" for number in range(5)):  # until a worker is used again
        of_program = replace(provenance.known_provenance(), argv_json=json.dumps([program]))
        monkeypatch.setattr(engine, "known_provenance", lambda of_program=of_program: of_program)
        workflow.run(begin.bind(f"inner of {program}"), workflow_id="outer")
        (outer,), (inner,) = workflow.get_history("outer"), workflow.get_history(f"inner of {program}")
        assert (outer["argv"], inner["argv"]) == ([program], [program])
        workflow.delete("outer")
