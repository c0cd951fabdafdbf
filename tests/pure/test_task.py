"""Tasks: plain functions that can also be bound."""

from __future__ import annotations

import functools
import gc
import pickle
import re
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from heliograph.errors import WorkflowTaskNotRecoverableError
from heliograph.graph.function import describe, load
from heliograph.graph.node import Inputs
from heliograph.graph.pickling import loads
from heliograph.graph.plan import make_plan
from heliograph.graph.task import Task, task
from tests.shown import shown


@task
def add(left: int, right: int = 10) -> int:
    """Add two numbers."""
    return left + right


def plain(x: int) -> int:
    return -x


class House:
    @task
    def room(self: Any) -> str:
        return f"a room of {self}"

    def takes(self, x: int) -> int:
        return x

    @staticmethod
    @task
    def still(x: int) -> int:
        return x


@dataclass
class Adder:
    """A callable with equality, and so without a hash."""

    amount: int

    def __call__(self, x: int) -> int:
        return x + self.amount


class Poser:
    """A callable whose attributes are named like those of a task."""

    def __init__(self) -> None:
        self.options = self.bind = self.function = self.default_name = "mine"
        self.__name__ = "poser"

    def __call__(self, x: int) -> int:
        return x


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


def test_a_task_still_calls_as_the_plain_function_it_is() -> None:
    assert add(1, 2) == 3
    assert add(1, right=2) == 3
    assert (add.__name__, add.__doc__, add.__module__) == ("add", "Add two numbers.", __name__)
    assert add.__wrapped__ is add.function  # type: ignore[attr-defined]


def test_the_decorator_takes_options_or_none() -> None:
    assert task(plain)(1) == -1
    assert task(max_retries=5)(plain).bind(1).options.max_retries == 5
    assert task()(plain).bind(1).options.max_retries == 3


@pytest.mark.parametrize("thing", [5, "f", None, [], House, int, add, add.bind(1, 2)], ids=shown)
def test_what_is_no_function_is_no_task(thing: Any) -> None:
    with pytest.raises(TypeError, match=r"^@workflow\.task goes on a function, not on "):
        Task(thing)


@pytest.mark.parametrize("function", [generator, async_generator])
def test_a_generator_is_no_task_and_the_error_says_what_to_return(function: Callable[..., Any]) -> None:
    with pytest.raises(
        TypeError, match=r"a task returns one output: .* is a generator, return a list instead"
    ):
        task(function)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"wrong": 2}), ((1,), {"left": 1}), ((), {"right": 1})],
)
def test_arguments_that_the_function_does_not_take_are_told_at_bind(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    with pytest.raises(TypeError, match=rf"^task '{__name__}\.add' can't be bound to these arguments: "):
        add.bind(*args, **kwargs)


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "fits"),
    [
        (lambda: 0, (), {}, True),
        (lambda: 0, (1,), {}, False),
        (lambda a, /, b: 0, (1,), {"b": 2}, True),
        (lambda a, /, b: 0, (), {"a": 1, "b": 2}, False),
        (lambda *args: 0, (1, 2, 3, 4), {}, True),
        (lambda a, *args: 0, (), {}, False),
        (lambda **kwargs: 0, (), {"x": 1, "self": 2}, True),
        (lambda **kwargs: 0, (1,), {}, False),
        (lambda *, needed: 0, (), {}, False),
        (lambda *, needed: 0, (), {"needed": 1}, True),
        (lambda *, chosen=1: 0, (), {}, True),
        (lambda self: 0, (), {"self": 1}, True),
        (max, (1, 2), {}, True),  # a builtin without a signature: it will tell when it is called
    ],
)
def test_bind_takes_what_the_function_takes(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], fits: bool
) -> None:
    if fits:
        node = task(function).bind(*args, **kwargs)
        assert (node.args, node.kwargs) == (args, kwargs)
    else:
        with pytest.raises(TypeError, match="can't be bound to these arguments"):
            task(function).bind(*args, **kwargs)


def test_options_make_another_task_and_leave_the_first() -> None:
    other = add.options(name="other")
    assert other is not add
    assert other.function is add.function
    assert other(1, 2) == 3
    assert add.bind(1).options.name is None
    with pytest.raises(TypeError, match="can't be bound"):
        other.bind()


def test_a_task_named_by_nobody_has_the_name_of_its_module_and_function() -> None:
    assert add.default_name == f"{__name__}.add"
    assert task(House.takes).default_name == f"{__name__}.House.takes"
    local = task(lambda: None).default_name
    assert local.endswith("._locals_._lambda_")


def aliens() -> list[Callable[..., Any]]:
    return [
        str.upper,
        "".join,
        len,
        functools.partial(max, 1),
        Adder(1),
        House().takes,
        re.compile("x").match,
    ]


@pytest.mark.parametrize("number", range(len(aliens())))
def test_whatever_can_be_called_has_a_name_that_is_safe_for_a_file(number: int) -> None:
    planned = make_plan(task(aliens()[number]).bind("x"), Inputs()).tasks[0]
    assert re.fullmatch(r"[A-Za-z0-9_.\-]+", planned.task_id)


@pytest.mark.parametrize(
    ("function", "argument", "expected"),
    [
        (str.upper, "a", "A"),
        ("-".join, ["a", "b"], "a-b"),
        (len, "abc", 3),
        (functools.partial(int, base=2), "101", 5),
        (Adder(2), 3, 5),
        (plain, 3, -3),
        (lambda x: x * 2, 3, 6),
    ],
    ids=shown,
)
def test_whatever_can_be_called_goes_to_a_worker_and_comes_back(
    function: Callable[..., Any], argument: Any, expected: Any
) -> None:
    assert load(describe(task(function)).payload)(argument) == expected


def test_callables_that_are_equal_but_not_the_same_stay_apart() -> None:
    one, other = Adder(1), Adder(1)
    plan = make_plan(task(max).bind(task(one).bind(1), task(other).bind(1), task(one).bind(2)), Inputs())
    assert [planned.function for planned in plan.tasks] == [0, 1, 0, 2]


def test_attributes_of_a_callable_do_not_hide_those_of_the_task() -> None:
    posing = task(Poser())
    assert posing.options(name="x").bind(1).options.name == "x"
    assert posing(3) == 3
    assert posing.default_name == f"{__name__}.Poser"


def test_a_task_in_a_class_is_a_function_there_and_no_method() -> None:
    assert House.room.bind("x").args == ("x",)
    assert House.still(3) == 3
    with pytest.raises(TypeError, match=r"room' is a method: make it a function and pass the object"):
        House().room  # noqa: B018


def test_a_function_that_can_be_imported_is_stored_by_its_name() -> None:
    described = describe(add)
    assert len(described.payload) < 200
    assert load(described.payload) is add.function
    assert (described.module, described.qualname) == (__name__, "add")


def test_a_function_that_cannot_be_imported_is_stored_by_value() -> None:
    amount = 5
    described = describe(task(lambda x: x + amount))
    amount = 6
    assert load(described.payload)(1) == 6  # captured with the plan: at 5
    assert amount == 6


def test_what_a_name_stands_for_is_looked_up_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = describe(task(plain)).payload
    assert load(payload) is plain
    monkeypatch.setitem(globals(), "plain", add)  # as a module that is imported again has another
    assert load(payload) is add.function


def test_a_function_that_goes_by_value_is_another_one_each_time() -> None:
    calls: list[int] = []
    payload = describe(task(lambda x: calls.append(x) or len(calls))).payload
    assert [load(payload)(1), load(payload)(1)] == [1, 1]


def test_where_a_function_came_from_is_stored() -> None:
    described = describe(add)
    assert described.file == __file__
    assert described.line == add.function.__code__.co_firstlineno
    assert re.fullmatch("[0-9a-f]{64}", described.source_hash or "")


def test_the_hash_of_a_source_changes_with_the_source_only() -> None:
    def made(text: str) -> str | None:
        names: dict[str, Any] = {}
        exec(f"def f(x): return {text}", names)
        return describe(task(names["f"])).source_hash

    assert made("x.a") == made("x.a")
    assert made("x.a") != made("x.b")
    assert made("x + 1") is not None


def test_what_has_no_source_has_none_stored() -> None:
    described = describe(task(len))
    assert (described.file, described.line, described.source_hash) == (None, None, None)


def test_the_source_of_a_wrapped_function_is_its_own() -> None:
    @functools.wraps(plain)
    def wrapped(x: int) -> int:
        return plain(x)

    assert describe(task(wrapped)).line == plain.__code__.co_firstlineno


def test_describing_a_function_does_not_keep_it_alive() -> None:
    big = task(lambda: None)
    describe(big)
    alive = weakref.ref(big.function)
    del big
    gc.collect()
    assert alive() is None


def test_a_function_that_is_gone_from_its_module_is_not_recoverable(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = describe(add).payload
    monkeypatch.delitem(globals(), "add")
    with pytest.raises(WorkflowTaskNotRecoverableError, match=r"has no function 'add' any more, or had none"):
        load(payload)


def test_a_module_that_is_gone_makes_its_functions_not_recoverable() -> None:
    payload = describe(add).payload.replace(b"test_task", b"gone_task")
    with pytest.raises(
        WorkflowTaskNotRecoverableError, match=r"importing 'tests\.pure\.gone_task' fails: No module"
    ):
        load(payload)


def test_a_function_that_cannot_be_pickled_is_told_with_the_name_of_its_task() -> None:
    import threading

    from heliograph.errors import NotPicklableError

    lock = threading.Lock()
    bad = task(lambda: lock)
    with pytest.raises(
        NotPicklableError, match=r"^the function of task '.*_lambda_' can't be pickled: "
    ) as caught:
        make_plan(bad.bind(), Inputs())
    assert "builtins.function" in str(caught.value)
    assert "lock" in str(caught.value)


@pytest.mark.parametrize(
    "given", [add, add.options(name="x"), task(lambda: 3), task(Adder(1)), task(len)], ids=shown
)
def test_a_task_can_be_an_argument_of_another(given: Task) -> None:
    @task
    def takes(other: Task) -> Task:
        return other

    plan = make_plan(takes.bind(given), Inputs())
    (arrived,), _ = loads(plan.tasks[0].arguments)
    assert type(arrived) is Task
    assert arrived.default_name == given.default_name
    assert arrived._options == given._options


def test_a_task_of_a_module_is_pickled_by_name() -> None:
    assert pickle.loads(pickle.dumps(add)) is add
