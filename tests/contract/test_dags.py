"""Names, arguments by value, nested nodes, one node once."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from tests.gates import Gate, Ledger
from tests.tasks import give, note

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@dataclass
class Order:
    name: str
    parts: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Frozen:
    inner: Any


Pair = namedtuple("Pair", ["left", "right"])


@workflow.task
def add(left: int, right: int) -> int:
    return left + right


@workflow.task
def show(*args: object, **kwargs: object) -> tuple[tuple[object, ...], dict[str, object]]:
    return args, kwargs


@workflow.task
def wait(gate: Gate, value: object) -> object:
    gate.wait()
    return value


def names(workflow_id: str) -> list[str]:
    return [task["name"] for task in workflow.get_tasks(workflow_id)]


# -- names


def test_a_name_is_module_and_qualname_made_safe(engine: EngineUnderTest) -> None:
    @workflow.task
    def local() -> int:
        return 1

    workflow.run(add.bind(local.bind(), 2), workflow_id="mine")
    place = "tests.contract.test_dags"
    assert names("mine") == [
        f"{place}.test_a_name_is_module_and_qualname_made_safe._locals_.local",
        f"{place}.add",
    ]


def test_a_name_that_is_taken_gets_a_number_dependencies_first(engine: EngineUnderTest) -> None:
    first, second = add.bind(1, 2), add.bind(3, 4)
    workflow.run(add.bind(first, second), workflow_id="mine")
    base = "tests.contract.test_dags.add"
    assert names("mine") == [base, f"{base}_1", f"{base}_2"]
    assert workflow.get_output("mine", task_id=base) == 3
    assert workflow.get_output("mine", task_id=f"{base}_1") == 7
    assert workflow.get_output("mine", task_id=f"{base}_2") == 10


def test_given_names_that_are_taken(engine: EngineUnderTest) -> None:
    one, two, three = (give.options(name=name).bind(name) for name in ("a", "a_1", "a"))
    workflow.run(show.options(name="a").bind(one, two, three), workflow_id="mine")
    assert len(set(names("mine"))) == 4
    assert names("mine")[:2] == ["a", "a_1"]


def test_two_workflows_may_have_the_same_names(engine: EngineUnderTest) -> None:
    for name in ("one", "two"):
        workflow.run(give.options(name="task").bind(name), workflow_id=name)
    assert [workflow.get_output(name, task_id="task") for name in ("one", "two")] == ["one", "two"]


@pytest.mark.parametrize("name", ["a task", "ä/ö\\ü", "x" * 512, "../..", "😀", "'; DROP TABLE tasks", "%s"])
def test_any_text_may_be_a_name_and_an_id(engine: EngineUnderTest, name: str) -> None:
    workflow.run(give.options(name=name).bind(1), workflow_id=name)
    assert workflow.get_metadata(name, name)["name"] == name
    assert workflow.get_output(name, task_id=name) == 1
    workflow.delete(name)


# -- arguments by value


def test_arguments_are_captured_when_it_is_submitted(engine: EngineUnderTest, gate: Gate) -> None:
    data = {"list": [1, 2]}
    held = wait.bind(gate, 1)
    output = workflow.run_async(show.bind(held, data), workflow_id="mine")
    gate.until_waiting()
    data["list"].append(3)
    data["more"] = []
    gate.open()
    assert engine.value(output) == ((1, {"list": [1, 2]}), {})


def test_a_task_that_changes_its_argument_changes_nothing_for_others(engine: EngineUnderTest) -> None:
    @workflow.task
    def push(values: list[int], _after: object = None) -> list[int]:
        values.append(1)
        return values

    shared: list[int] = []
    made = give.bind([])
    first = push.bind(made)
    second = push.bind(made, first)
    assert workflow.run(show.bind(push.bind(shared), push.bind(shared), first, second)) == (
        ([1], [1], [1], [1]),
        {},
    )
    assert shared == []


def test_one_object_in_two_places_of_a_call_stays_one(engine: EngineUnderTest) -> None:
    @workflow.task
    def same(left: object, right: object) -> bool:
        return left is right

    shared: list[int] = []
    assert workflow.run(same.bind(shared, shared)) is True


# -- nested nodes


@pytest.mark.parametrize(
    ("wrap", "unwrapped"),
    [
        (lambda node: node, "value"),
        (lambda node: [node, 1], ["value", 1]),
        (lambda node: (1, node), (1, "value")),
        (lambda node: {"k": node}, {"k": "value"}),
        (lambda node: {"k": [{"deep": (node, [node])}]}, {"k": [{"deep": ("value", ["value"])}]}),
        (lambda node: Order("o", [node, Order("p", [node])]), Order("o", ["value", Order("p", ["value"])])),
        (lambda node: Frozen(Frozen([node])), Frozen(Frozen(["value"]))),
        (lambda node: Pair(node, 2), Pair("value", 2)),
        (lambda node: OrderedDict(a=node), OrderedDict(a="value")),
    ],
    ids=["plain", "list", "tuple", "dict", "deep", "dataclass", "frozen", "namedtuple", "ordered"],
)
def test_a_nested_node_arrives_as_its_value(engine: EngineUnderTest, wrap: Any, unwrapped: Any) -> None:
    node = give.options(name="up").bind("value")
    dag = show.options(name="down").bind(wrap(node), keyword=wrap(node))
    assert workflow.run(dag, workflow_id="mine") == ((unwrapped,), {"keyword": unwrapped})
    assert workflow.get_metadata("mine", "down")["workflow_refs"] == ["up"]
    assert names("mine") == ["up", "down"]


def test_many_nodes_in_one_list(engine: EngineUnderTest) -> None:
    @workflow.task
    def total(values: list[int]) -> int:
        return sum(values)

    assert workflow.run(total.bind([add.bind(number, 1) for number in range(50)])) == 50 * 51 // 2


# -- one node once


def test_one_node_used_twice_runs_once(engine: EngineUnderTest, ledger: Ledger) -> None:
    once = note.bind(ledger, "once")
    left, right = note.bind(ledger, "left", once), note.bind(ledger, "right", [once, {"k": once}])
    workflow.run(show.bind(once, once, left, right), workflow_id="mine")
    assert ledger.counts() == {"once": 1, "left": 1, "right": 1}
    assert len(names("mine")) == 4


def test_two_nodes_of_one_task_run_twice(engine: EngineUnderTest, ledger: Ledger) -> None:
    workflow.run(show.bind(note.bind(ledger, "twice"), note.bind(ledger, "twice")))
    assert ledger.counts() == {"twice": 2}


def test_one_dag_may_run_many_times(engine: EngineUnderTest, ledger: Ledger) -> None:
    dag = note.bind(ledger, "ran")
    for _ in range(3):
        workflow.run(dag)
    assert ledger.counts() == {"ran": 3}


# -- shapes


def test_a_long_chain(engine: EngineUnderTest) -> None:
    node = give.bind(0)
    for _ in range(1500):  # longer than Python's stack
        node = add.bind(node, 1)
    assert workflow.run(node) == 1500


def test_diamonds(engine: EngineUnderTest) -> None:
    node = give.bind(1)
    for _ in range(12):
        node = add.bind(node, node)
    assert workflow.run(node, workflow_id="mine") == 2**12
    assert len(names("mine")) == 13


def test_a_cycle_is_a_value_error(engine: EngineUnderTest) -> None:
    box: list[Any] = []
    node = give.options(name="round").bind(box)
    box.append(node)
    with pytest.raises(ValueError, match="cycle through <node of task 'round'>"):
        workflow.run(node)
    assert workflow.list_all() == []


# -- nodes are not values


@pytest.mark.parametrize(
    "use",
    [
        bool,
        list,
        len,
        lambda node: node[0],
        lambda node: node(),
        lambda node: 1 if node else 2,
    ],
)
def test_a_node_refuses_to_be_a_value(use: Any) -> None:
    with pytest.raises(TypeError, match="has no value yet"):
        use(add.bind(1, 2))


def test_arguments_that_do_not_fit_are_told_at_bind() -> None:
    for bind in (lambda: add.bind(1), lambda: add.bind(1, 2, 3), lambda: add.bind(1, other=2)):
        with pytest.raises(TypeError, match=r"task 'tests\.contract\.test_dags\.add' can't be bound"):
            bind()


# -- functions of all kinds


def test_closures_lambdas_and_classes_go_by_value(engine: EngineUnderTest) -> None:
    factor = 7

    @dataclass
    class Local:
        value: int

    @workflow.task
    def scale(given: Local) -> Local:
        return Local(given.value * factor)

    double = workflow.task(lambda given: Local(given.value * 2))
    assert workflow.run(double.bind(scale.bind(Local(3)))).value == 42


def test_a_task_may_run_another_task_as_a_function(engine: EngineUnderTest) -> None:
    @workflow.task
    def outer(value: int) -> int:
        return add(value, 1)

    assert workflow.run(outer.bind(1)) == 2


def test_a_task_may_use_the_current_folder_and_print(
    embedded_engine: EngineUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    embedded_engine.restart()

    @workflow.task
    def here() -> str:
        print("from a task")
        return str(Path.cwd())

    assert workflow.run(here.bind()) == str(tmp_path)
