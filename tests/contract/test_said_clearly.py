"""What a user reads when something went wrong."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest

from heliograph import workflow

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


def find(where: dict[str, int]) -> int:
    return where["missing"]


@workflow.task
def look(where: dict[str, int]) -> int:
    return find(where)


def test_the_cause_of_a_failure_says_where_the_task_raised_it(engine: EngineUnderTest) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as caught:
        workflow.run(look.options(name="look").bind({}), workflow_id="fails")
    with pytest.raises(workflow.WorkflowExecutionError) as again:
        workflow.get_output("fails")
    for error in (caught.value, again.value):
        assert isinstance(error.__cause__, KeyError)
        (note,) = error.__cause__.__notes__
        assert note.startswith("In the task 'look':\nTraceback")
        assert 'return where["missing"]' in note


def test_a_failed_task_has_its_error(engine: EngineUnderTest) -> None:
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(look.options(name="look").bind({}), workflow_id="fails")
    assert workflow.get_metadata("fails", "look")["error"]["type"] == "builtins.KeyError"


def test_an_id_that_is_not_given_by_name_is_refused(engine: EngineUnderTest) -> None:
    with pytest.raises(TypeError, match=r"given 1 positional .* by name, as workflow_id="):
        workflow.run(look.bind({"missing": 1}), "mine")
    assert workflow.list_all() == []


@pytest.mark.parametrize("name", ["step", "create", "virtual_actor", "get_actor", "wait", "workflow_context"])
def test_names_that_there_are_no_more_say_what_there_is_instead(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"has no attribute '{name}'\. .*; see docs/migration\.md$"):
        getattr(workflow, name)
    assert not hasattr(workflow, name)


def test_a_name_that_never_was_is_an_error_as_any() -> None:
    with pytest.raises(AttributeError, match=r"^module 'heliograph\.workflow' has no attribute 'runn'$"):
        _ = workflow.runn  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("common", "WorkflowStatus"),
        ("event_listener", "EventListener"),
        ("event_listener", "TimerListener"),
        ("exceptions", "WorkflowNotFoundError"),
        ("http_event_provider", "HTTPListener"),
    ],
)
def test_the_modules_that_programs_import_from(module: str, name: str) -> None:
    found = importlib.import_module(f"heliograph.workflow.{module}")
    assert found is getattr(workflow, module)
    assert hasattr(found, name)


def test_an_input_that_the_dag_does_not_take_is_refused(engine: EngineUnderTest) -> None:
    with pytest.raises(TypeError, match=r"the DAG has no InputNode, .* names \['work_flow_id'\]"):
        workflow.run(look.bind({"missing": 1}), work_flow_id="typo")
    assert workflow.list_all() == []
