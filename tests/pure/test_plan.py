"""Plans: a DAG as it is submitted, by value."""

from __future__ import annotations

import gc
import re
import threading
from collections import deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.errors import NotPicklableError
from heliograph.graph.function import load
from heliograph.graph.node import InputNode, Inputs
from heliograph.graph.plan import Plan, make_plan, restore_arguments
from heliograph.graph.task import TaskNode, task
from tests.shown import shown

Point = namedtuple("Point", "x y")


@task
def give(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


@task
def other() -> str:
    return "other"


@task
def same(x: Any) -> Any:
    return x


@dataclass
class Box:
    content: Any
    others: dict[str, Any] = field(default_factory=dict)


def plan_of(dag: TaskNode, *args: Any, **kwargs: Any) -> Plan:
    return make_plan(dag, Inputs(args, kwargs))


def restored(arguments: bytes, output: Callable[[int], Any]) -> Any:
    """A task's arguments; it takes no references."""
    return restore_arguments(BytesIO(arguments), output, [].__getitem__)


def arrived(dag: TaskNode, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """What the last task of a DAG is called with, when each other task gives its id as its output."""
    plan = plan_of(dag, *args, **kwargs)
    last = plan.tasks[-1]
    return restored(last.arguments, lambda place: plan.tasks[last.upstream[place]].task_id)


def run(plan: Plan) -> Any:
    """The output of a plan, made in the simplest way there is."""
    functions = [load(function.payload) for function in plan.functions]
    outputs: list[Any] = []
    for planned in plan.tasks:
        inputs = [outputs[upstream] for upstream in planned.upstream]
        args, kwargs = restored(planned.arguments, inputs.__getitem__)
        outputs.append(functions[planned.function](*args, **kwargs))
    return outputs[-1]


def ids(plan: Plan) -> list[str]:
    return [planned.task_id.removeprefix(f"{__name__}.") for planned in plan.tasks]


# -- names


def test_a_task_nobody_named_has_the_name_of_its_module_and_function() -> None:
    assert [planned.task_id for planned in plan_of(other.bind()).tasks] == [f"{__name__}.other"]


def test_equal_names_are_numbered_in_the_order_in_which_dependencies_come_first() -> None:
    deepest = same.bind(0)
    assert ids(plan_of(same.bind(same.bind(deepest)))) == ["same", "same_1", "same_2"]
    plan = plan_of(give.bind(same.bind(deepest), same.bind(1), deepest))
    assert ids(plan) == ["same", "same_1", "same_2", "give"]
    assert [planned.upstream for planned in plan.tasks] == [(), (0,), (), (1, 2, 0)]


def test_names_that_were_given_are_numbered_too() -> None:
    x = same.options(name="x")
    assert ids(
        plan_of(x.bind([x.bind(1), other.options(task_id="x").bind(), other.options(name="x_1").bind()]))
    ) == [
        "x",
        "x_1",
        "x_1_1",
        "x_2",
    ]


def test_a_name_may_hold_what_a_name_that_is_made_may_not() -> None:
    assert ids(plan_of(other.options(name="größe / 日本").bind())) == ["größe / 日本"]


# -- nodes as arguments


@pytest.mark.parametrize(
    ("nest", "expected"),
    [
        (lambda node: node, "other"),
        (lambda node: [1, node], [1, "other"]),
        (lambda node: (node,), ("other",)),
        (lambda node: {"k": node}, {"k": "other"}),
        (lambda node: {node: "k"}, {"other": "k"}),
        (lambda node: {node, 1}, {"other", 1}),
        (lambda node: frozenset({node}), frozenset({"other"})),
        (lambda node: deque([node]), deque(["other"])),
        (lambda node: Point(node, 1), Point("other", 1)),
        (lambda node: Box(node), Box("other")),
        (lambda node: Box(1, {"k": [node]}), Box(1, {"k": ["other"]})),
        (lambda node: SimpleNamespace(n=node), SimpleNamespace(n="other")),
        (lambda node: [{"a": (Box([{1: node}]), 2)}], [{"a": (Box([{1: "other"}]), 2)}]),
        (lambda node: {"a": node, "b": [node, node]}, {"a": "other", "b": ["other", "other"]}),
        (lambda node: [[]] * 2 + [node], [[], [], "other"]),
    ],
)
@pytest.mark.parametrize("place", ["args", "kwargs"])
def test_a_node_arrives_as_its_value_however_deep_it_is_nested(
    nest: Callable[[Any], Any], expected: Any, place: str
) -> None:
    node = other.options(name="other").bind()
    dag = give.bind(nest(node)) if place == "args" else give.bind(it=nest(node))
    assert arrived(dag) == (((expected,), {}) if place == "args" else ((), {"it": expected}))
    plan = plan_of(dag)
    assert ids(plan) == ["other", "give"]
    assert plan.tasks[1].upstream == (0,)
    assert run(plan_of(same.bind(nest(other.bind())))) == expected


def test_one_node_used_twice_is_one_task_and_so_everywhere() -> None:
    one = other.bind()
    plan = plan_of(give.bind(one, same.bind(one), [one, {"again": one}], kw=one))
    assert ids(plan) == ["other", "same", "give"]
    assert [planned.upstream for planned in plan.tasks] == [(), (0,), (0, 1)]


def test_two_nodes_that_look_the_same_are_two_tasks() -> None:
    assert ids(plan_of(give.bind(other.bind(), other.bind()))) == ["other", "other_1", "give"]


def test_a_function_is_stored_once_however_often_it_is_used() -> None:
    plan = plan_of(give.bind(same.bind(1), same.options(name="x").bind(2), other.bind()))
    assert [function.qualname for function in plan.functions] == ["same", "other", "give"]
    assert [planned.function for planned in plan.tasks] == [0, 0, 1, 2]


def test_options_come_along_with_each_task() -> None:
    plan = plan_of(same.options(max_retries=1).bind(same.options(metadata={"k": 1}).bind(0)))
    assert [planned.options.max_retries for planned in plan.tasks] == [3, 1]
    assert [planned.options.metadata_json for planned in plan.tasks] == ['{"k": 1}', "{}"]


class Making:
    """Its nodes exist only while it is pickled: each look at it makes new ones."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __getstate__(self) -> dict[str, Any]:
        return {"number": self.number, "made": same.bind(self.number)}


def test_nodes_that_exist_only_while_they_are_pickled_are_not_mixed_up() -> None:
    plan = plan_of(give.bind(*[same.bind(Making(number)) for number in range(100)]))
    assert len(plan.tasks) == 201
    args, _ = run(plan)
    assert [(making.number, making.made) for making in args] == [(number, number) for number in range(100)]


# -- by value


def test_arguments_are_captured_when_the_plan_is_made() -> None:
    mutable: dict[str, Any] = {"list": [1], "box": Box(1)}
    keywords = {"x": [1]}
    plan = plan_of(give.bind(mutable, **keywords))
    mutable["list"].append(2)
    mutable["box"].content = 2
    mutable["new"] = True
    keywords["x"].clear()
    assert restored(plan.tasks[0].arguments, [].__getitem__) == (
        ({"list": [1], "box": Box(1)},),
        {"x": [1]},
    )


def test_what_changes_between_bind_and_submission_is_what_is_submitted() -> None:
    mutable = [1]
    dag = give.bind(mutable)
    mutable.append(2)
    assert arrived(dag) == (([1, 2],), {})


def test_inputs_are_captured_too() -> None:
    mutable = [1]
    plan = plan_of(give.bind(InputNode()), mutable)
    mutable.append(2)
    assert restored(plan.tasks[0].arguments, [].__getitem__) == (([1],), {})


def test_a_plan_can_be_made_again_and_is_the_same() -> None:
    dag = give.bind(same.bind([1]), k=other.bind())
    assert plan_of(dag) == plan_of(dag)


def test_arguments_with_classes_nobody_can_import_arrive() -> None:
    @dataclass
    class Local:
        x: int

    (value,), _ = arrived(give.bind(Local(3)))
    assert (type(value).__qualname__, value.x) == (Local.__qualname__, 3)


# -- inputs


@pytest.mark.parametrize(
    ("bind", "args", "kwargs", "expected"),
    [
        (lambda given: given, (5,), {}, 5),
        (lambda given: given[0], (5, 6), {}, 5),
        (lambda given: given["k"], (), {"k": 7}, 7),
        (lambda given: given.k, (), {"k": 7}, 7),
        (lambda given: given[1], ([5, 6],), {}, 6),
        (lambda given: given.k, ({"k": 7},), {}, 7),
        (lambda given: [given[0], {"deep": (given.k,)}], (5,), {"k": 7}, [5, {"deep": (7,)}]),
        (lambda given: Box(given), (5,), {}, Box(5)),
        (lambda given: {given[0]}, (5, 6), {}, {5}),
        (lambda given: (given, given), ([1],), {}, ([1], [1])),
    ],
)
def test_an_input_arrives_as_what_run_was_given(
    bind: Callable[[InputNode], Any], args: tuple[Any, ...], kwargs: dict[str, Any], expected: Any
) -> None:
    with InputNode() as node:
        dag = give.bind(bind(node), kw=bind(node))
    assert arrived(dag, *args, **kwargs) == ((expected,), {"kw": expected})


def test_an_input_feeds_every_task_that_takes_it() -> None:
    with InputNode() as node:
        dag = give.bind(same.bind(node.x), same.bind([node.y]), node.x)
    assert run(plan_of(dag, x=1, y=2)) == ((1, [2], 1), {})


@pytest.mark.parametrize(
    "bind",
    [
        lambda node: node,
        lambda node: node[3],
        lambda node: [node["k"]],
        lambda node: same.bind({"deep": node.k}),
    ],
)
def test_an_input_that_is_missing_is_a_value_error_before_anything_runs(
    bind: Callable[[InputNode], Any],
) -> None:
    with pytest.raises(ValueError, match=r"^the DAG takes "):
        plan_of(give.bind(bind(InputNode())), 1, 2)


def test_an_input_may_itself_be_a_node() -> None:
    plan = plan_of(give.bind(InputNode()), other.bind())
    assert ids(plan) == ["other", "give"]
    assert run(plan) == (("other",), {})


def test_an_input_that_leads_back_to_the_input_is_an_error_and_no_crash() -> None:
    with pytest.raises(NotPicklableError, match="recursion"):
        plan_of(give.bind(InputNode()), InputNode())


# -- what is no plan


@pytest.mark.parametrize(
    "dag", [None, 5, "dag", give, [give.bind()], lambda: None, InputNode(), InputNode()[0]], ids=shown
)
def test_what_is_no_dag_is_a_type_error(dag: Any) -> None:
    with pytest.raises(TypeError, match=r"task\.bind\(\.\.\.\)"):
        make_plan(dag, Inputs())


def test_a_cycle_made_by_mutation_is_a_value_error() -> None:
    holder: list[Any] = []
    first = same.bind(holder)
    second = same.bind(first)
    holder.append(second)
    with pytest.raises(
        ValueError, match=r"the DAG has a cycle through <node of task '.*same'>: an argument was changed"
    ):
        plan_of(give.bind(second))


def test_a_node_in_its_own_arguments_is_a_cycle() -> None:
    node = give.bind(it=1)
    node.kwargs["it"] = [node]
    with pytest.raises(ValueError, match="the DAG has a cycle"):
        plan_of(node)


def test_a_cycle_off_the_beaten_path_is_found() -> None:
    holder: list[Any] = []
    loop = same.bind(holder)
    holder.append(give.bind(other.bind(), loop))
    with pytest.raises(ValueError, match="the DAG has a cycle"):
        plan_of(give.bind(other.bind(), same.bind(other.bind()), loop))


def test_a_diamond_is_no_cycle() -> None:
    top = other.bind()
    left, right = same.bind(top), same.bind(top)
    plan = plan_of(give.bind(left, right, top))
    assert [planned.upstream for planned in plan.tasks] == [(), (0,), (0,), (1, 2, 0)]


class Handle:
    def __init__(self) -> None:
        self.lock = threading.Lock()


class Angry:
    def __reduce__(self) -> Any:
        raise ValueError("not me")


@pytest.mark.parametrize(
    ("dag", "named", "kind", "reason"),
    [
        (same.bind(Handle()), f"argument 0 of task '{__name__}.same'", "Handle", "lock"),
        (give.bind(1, 2, [Angry()]), "argument 2 of task", "list", "ValueError: not me"),
        (give.options(name="x").bind(1, k=Handle()), "argument 'k' of task 'x'", "Handle", "lock"),
        (same.bind(same.options(name="deep").bind(Angry())), "argument 0 of task 'deep'", "Angry", "not me"),
        (same.bind(threading.Lock()), "argument 0 of task", "lock", "TypeError"),
    ],
)
def test_an_argument_that_cannot_be_pickled_is_named_with_its_task_and_type(
    dag: TaskNode, named: str, kind: str, reason: str
) -> None:
    with pytest.raises(NotPicklableError) as caught:
        plan_of(dag)
    message = str(caught.value)
    assert message.startswith(named)
    assert re.search(rf"can't be pickled: it is of type [\w.]+\.{kind} \(", message)
    assert reason in message
    assert message.endswith("Make it inside the task, or pass what it is made from.")


def test_an_error_about_an_input_is_not_taken_for_one_about_pickling() -> None:
    with pytest.raises(ValueError, match="the DAG takes an input 'k'"):
        plan_of(give.bind([InputNode().k], object()))


# -- size and shape


def test_a_chain_of_twenty_thousand_needs_no_stack() -> None:
    node = same.bind(0)
    for _ in range(20_000 - 1):
        node = same.bind(node)
    plan = plan_of(node)
    assert len(plan.tasks) == 20_000
    assert [planned.upstream for planned in plan.tasks[1:]] == [(number,) for number in range(19_999)]
    assert plan.tasks[-1].task_id.endswith("same_19999")
    del node
    gc.collect()  # letting go of the chain needs none either


def test_a_chain_through_containers_needs_no_stack() -> None:
    node = give.bind([])
    for _ in range(5_000):
        node = give.bind([{"deep": node}])
    assert len(plan_of(node).tasks) == 5_001


def test_a_ladder_with_more_paths_than_atoms_is_walked_once() -> None:
    node = other.bind()
    for _ in range(500):
        node = give.bind(node, [node], same.bind(node))
    assert len(plan_of(node).tasks) == 1_001


@dataclass
class Shape:
    """A DAG of n tasks; task i takes the outputs of `needs[i]`, all of them lower numbers, in this order."""

    needs: list[list[int]]
    nested: list[bool]

    def node(self) -> TaskNode:
        nodes: list[TaskNode] = []
        for number, (needs, nested) in enumerate(zip(self.needs, self.nested, strict=True)):
            taken = [nodes[need] for need in needs]
            make = give.options(metadata={"number": number})
            nodes.append(make.bind(number, Box(taken)) if nested else make.bind(number, *taken))
        return nodes[-1]

    def reached(self) -> set[int]:
        reached, path = set(), [len(self.needs) - 1]
        while path:
            number = path.pop()
            if number not in reached:
                reached.add(number)
                path += self.needs[number]
        return reached


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    count = draw(st.integers(1, 12))
    needs = [
        draw(st.lists(st.integers(0, number - 1), max_size=4)) if number else [] for number in range(count)
    ]
    return Shape(needs, draw(st.lists(st.booleans(), min_size=count, max_size=count)))


@given(shapes())
def test_a_plan_of_any_dag_holds_what_is_reached_dependencies_first(shape: Shape) -> None:
    plan = plan_of(shape.node())
    number_at = [restored(planned.arguments, lambda _: None)[0][0] for planned in plan.tasks]

    assert sorted(number_at) == sorted(shape.reached())  # each once, and nothing else
    assert number_at[-1] == len(shape.needs) - 1
    for position, planned in enumerate(plan.tasks):
        assert all(upstream < position for upstream in planned.upstream)
        needs = dict.fromkeys(shape.needs[number_at[position]])  # each once, in order of occurrence
        assert [number_at[upstream] for upstream in planned.upstream] == list(needs)
    assert len({planned.task_id for planned in plan.tasks}) == len(plan.tasks)


@given(shapes())
def test_the_outputs_of_any_dag_arrive_where_they_are_taken(shape: Shape) -> None:
    def expected(number: int) -> Any:
        taken = [expected(need) for need in shape.needs[number]]
        return ((number, Box(taken)), {}) if shape.nested[number] else ((number, *taken), {})

    if sum(len(needs) for needs in shape.needs) < 15:  # else there are more paths than patience
        assert run(plan_of(shape.node())) == expected(len(shape.needs) - 1)
