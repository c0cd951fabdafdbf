"""What a user reads when something went wrong."""

from __future__ import annotations

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


def test_an_input_that_the_dag_does_not_take_is_refused(engine: EngineUnderTest) -> None:
    with pytest.raises(TypeError, match=r"the DAG has no InputNode, .* names \['work_flow_id'\]"):
        workflow.run(look.bind({"missing": 1}), work_flow_id="typo")
    assert workflow.list_all() == []
