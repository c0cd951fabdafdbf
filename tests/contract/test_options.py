"""`workflow.options`, `workflow.task(...)` and `Task.options(...)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def plain(value: int = 1) -> int:
    return value


@workflow.options(name="decorated", metadata={"k": "v"}, catch_exceptions=True)
@workflow.task(max_retries=1)
def decorated(value: int = 1) -> int:
    return value


def described(dag: workflow.Node) -> dict[str, Any]:
    """What the stored record says of the DAG's last task."""
    workflow.run(dag, workflow_id="mine")
    last = workflow.get_tasks("mine")[-1]
    workflow.delete("mine")
    return {
        "name": last["name"],
        "metadata": last["user_metadata"],
        **{
            key: last["task_options"][key]
            for key in ("max_retries", "retry_exceptions", "catch_exceptions", "checkpoint")
        },
    }


DEFAULTS = {
    "name": "tests.contract.test_options.plain",
    "metadata": {},
    "max_retries": 3,
    "retry_exceptions": False,
    "catch_exceptions": False,
    "checkpoint": True,
}
DECORATED = {
    "name": "decorated",
    "metadata": {"k": "v"},
    "max_retries": 1,
    "retry_exceptions": False,
    "catch_exceptions": True,
    "checkpoint": True,
}


def test_defaults(engine: EngineUnderTest) -> None:
    assert described(plain.bind()) == DEFAULTS


def test_options_as_a_decorator(engine: EngineUnderTest) -> None:
    assert described(decorated.bind()) == DECORATED


def test_options_as_a_call_option(engine: EngineUnderTest) -> None:
    task = plain.options(**workflow.options(name="given", metadata={"a": 1}, checkpoint=False))
    assert described(task.bind()) == DEFAULTS | {"name": "given", "metadata": {"a": 1}, "checkpoint": False}


def test_name_and_task_id_mean_the_same(engine: EngineUnderTest) -> None:
    for task in (
        plain.options(**workflow.options(task_id="given")),
        plain.options(**workflow.options(name="given")),
        plain.options(task_id="given"),
        plain.options(name="given"),
    ):
        assert described(task.bind()) == DEFAULTS | {"name": "given"}


def test_options_are_merged_and_the_later_call_wins_key_by_key(engine: EngineUnderTest) -> None:
    assert described(decorated.options(**workflow.options(metadata={"x": 1})).bind()) == (
        DECORATED | {"metadata": {"x": 1}}
    )
    twice = decorated.options(max_retries=9).options(**workflow.options(catch_exceptions=False))
    assert described(twice.bind()) == DECORATED | {"max_retries": 9, "catch_exceptions": False}
    again = twice.options(max_retries=2, **workflow.options(name="last"))
    assert described(again.bind()) == DECORATED | {
        "max_retries": 2,
        "catch_exceptions": False,
        "name": "last",
    }
    assert described(decorated.bind()) == DECORATED  # each call makes another task


def test_none_is_as_if_it_was_not_given(engine: EngineUnderTest) -> None:
    nothing = workflow.options(name=None, metadata=None, catch_exceptions=None, checkpoint=None)
    assert described(plain.options(**nothing).bind()) == described(plain.bind())


def test_a_decorator_over_a_decorator(engine: EngineUnderTest) -> None:
    both = workflow.options(name="outer")(workflow.options(name="inner", metadata={"k": 1})(plain))
    assert described(both.bind()) == DEFAULTS | {"name": "outer", "metadata": {"k": 1}}


@pytest.mark.parametrize("call", [workflow.options, plain.options, workflow.task])
def test_an_unknown_option_is_a_value_error_that_lists_the_valid_ones(call: Any) -> None:
    with pytest.raises(ValueError, match="unknown option 'retries'; valid ones: ") as raised:
        call(retries=3)
    listed = str(raised.value).split(": ")[1].split(", ")
    of_a_task = set() if call is workflow.options else {"max_retries", "retry_exceptions"}
    assert set(listed) >= {"name", "task_id", "metadata", "catch_exceptions", "checkpoint"} | of_a_task
    assert listed == sorted(listed)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"name": 5}, TypeError, "name must be a str, not int: 5"),
        ({"name": ""}, ValueError, "name must not be empty"),
        ({"task_id": "a\nb"}, ValueError, "task_id holds a control character at position 1"),
        ({"name": "x" * 513}, ValueError, "name must have at most 512 characters, not 513"),
        ({"catch_exceptions": 1}, TypeError, "catch_exceptions must be True or False, not 1"),
        ({"checkpoint": "no"}, TypeError, "checkpoint must be True or False, not 'no'"),
        ({"max_retries": "3"}, TypeError, "max_retries must be an int, not '3'"),
        ({"max_retries": True}, TypeError, "max_retries must be an int, not True"),
        ({"max_retries": -2}, ValueError, "max_retries must be 0 or more, or -1 for ever, not -2"),
        ({"retry_exceptions": 1}, TypeError, "retry_exceptions must be True, False or a list"),
        ({"retry_exceptions": ["OSError"]}, TypeError, "retry_exceptions must be True, False or a list"),
        ({"retry_exceptions": [int]}, TypeError, "retry_exceptions must be True, False or a list"),
        ({"num_returns": 2}, ValueError, "a workflow task has one output: num_returns must be 1, not 2"),
    ],
)
def test_a_value_that_can_not_be(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plain.options(**given)
    with pytest.raises(error, match=message):
        workflow.task(**given)
    if set(given) <= {"name", "task_id", "metadata", "catch_exceptions", "checkpoint"}:
        with pytest.raises(error, match=message):
            workflow.options(**given)


def test_the_decorators_swapped() -> None:
    with pytest.raises(TypeError, match=r"@workflow\.options goes above @workflow\.task"):

        @workflow.task
        @workflow.options(name="a")
        def swapped() -> None: ...


@pytest.mark.parametrize("what", [5, int, plain, "text"])
def test_a_task_is_made_of_a_function(what: Any) -> None:
    with pytest.raises(TypeError, match=r"@workflow\.task goes on a function"):
        workflow.task(what)


def test_a_generator_is_no_task() -> None:
    with pytest.raises(TypeError, match=r"a task returns one output: .* is a generator"):

        @workflow.task
        def numbers() -> Any:
            yield 1


def test_a_method_is_no_task() -> None:
    class Counter:
        @workflow.task
        def count(self) -> int:
            return 1

    with pytest.raises(TypeError, match="is a method: make it a function and pass the object"):
        Counter().count.bind()


@pytest.mark.parametrize("num_returns", [0, 2, "dynamic"])
def test_more_than_one_return_is_a_value_error(num_returns: Any) -> None:
    with pytest.raises(ValueError, match="a workflow task has one output: num_returns must be 1, not "):
        plain.options(num_returns=num_returns)
    assert plain.options(num_returns=1).bind(1) is not None
