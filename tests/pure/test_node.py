"""Nodes: values that are not there yet."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from heliograph.errors import InputMissingError
from heliograph.graph.node import InputNode, InputPart, Inputs, Node
from heliograph.graph.pickling import dumps, loads
from heliograph.graph.task import TaskNode, task
from heliograph.workflow import options
from tests.shown import shown


@task
def add(left: object = 0, right: object = 0) -> object:
    return (left, right)


NODES: dict[str, Node] = {
    "a task's node": add.bind(1, 2),
    "the input": InputNode(),
    "an item of the input": InputNode()["x"],
    "an attribute of the input": InputNode().x,
}
USES: dict[str, tuple[Callable[[Any], object], str]] = {
    "if": (bool, "a truth test"),
    "not": (operator.not_, "a truth test"),
    "for": (lambda node: [item for item in node], "iteration"),  # noqa: C416 - the loop is the point
    "iter": (iter, "iteration"),
    "unpacking": (lambda node: [*node], "iteration"),
    "in": (lambda node: 3 in node, "a look for an item"),
    "len": (len, r"len\(\)"),
    "call": (lambda node: node(1, x=2), "a call"),
}


@pytest.mark.parametrize("node", NODES.values(), ids=NODES)
@pytest.mark.parametrize(("use", "word"), USES.values(), ids=USES)
def test_a_node_taken_for_its_value_is_a_type_error_that_says_what_to_do(
    node: Node, use: Callable[[Node], object], word: str
) -> None:
    way_out = r"Do it inside a task, or `workflow\.run` the node first\.$"
    with pytest.raises(TypeError, match=rf"has no value yet: {word} needs one\. {way_out}") as caught:
        use(node)
    assert repr(node) in str(caught.value)


@pytest.mark.parametrize("key", [0, "k", slice(1)], ids=shown)
@pytest.mark.parametrize("name", ["a task's node", "an item of the input", "an attribute of the input"])
def test_an_item_of_a_value_that_is_not_there_is_refused(name: str, key: object) -> None:
    with pytest.raises(TypeError, match=r"has no value yet: \[.*\] needs one\. Do it inside a task"):
        NODES[name][key]  # type: ignore[index]


@pytest.mark.parametrize("attribute", ["run", "result", "total"])
@pytest.mark.parametrize("name", ["a task's node", "an item of the input", "an attribute of the input"])
def test_an_attribute_of_a_value_that_is_not_there_is_refused(name: str, attribute: str) -> None:
    said = (
        rf"has no '{attribute}', and no value yet .*\. Do it inside a task, or `workflow\.run` the node first"
    )
    with pytest.raises(AttributeError, match=said) as caught:
        getattr(NODES[name], attribute)
    assert repr(NODES[name]) in str(caught.value)
    assert not hasattr(NODES[name], attribute)


def test_a_node_that_lacks_its_fields_says_so() -> None:
    """Its repr needs them."""
    with pytest.raises(AttributeError, match=r"^'TaskNode' object has no attribute 'options'$"):
        repr(TaskNode.__new__(TaskNode))


@pytest.mark.parametrize("given", [{"name": "sum"}, options(name="sum")], ids=["by name", "unpacked"])
def test_options_for_a_node_are_told_to_come_before_its_arguments(given: Mapping[str, Any]) -> None:
    node: Any = add.bind(1, 2)
    with pytest.raises(TypeError, match=r"give them to its task before, as in task\.options\(\.\.\.\)\.bind"):
        node.options(**given)


@pytest.mark.parametrize(
    "operation",
    [operator.add, operator.mul, operator.lt, operator.or_, operator.matmul],
    ids=lambda operation: operation.__name__,
)
@pytest.mark.parametrize("node", NODES.values(), ids=NODES)
def test_nodes_have_no_arithmetic(node: Node, operation: Callable[[object, object], object]) -> None:
    with pytest.raises(TypeError):
        operation(node, 1)


@pytest.mark.parametrize("node", NODES.values(), ids=NODES)
def test_a_node_is_equal_to_itself_only_and_can_be_a_key(node: Node) -> None:
    assert node == node
    assert node != add.bind(1, 2)
    assert {node: 1}[node] == 1


@pytest.mark.parametrize("node", NODES.values(), ids=NODES)
def test_a_node_is_immutable(node: Node) -> None:
    with pytest.raises(AttributeError, match="is immutable: key can't be set"):
        node.key = 5  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="is immutable: args can't be deleted"):
        del node.args  # type: ignore[attr-defined]


def test_a_node_is_shown_by_the_name_of_its_task() -> None:
    assert repr(add.bind()) == f"<node of task '{__name__}.add'>"
    assert repr(add.options(name="sum").bind()) == "<node of task 'sum'>"
    assert [repr(node) for node in (InputNode(), InputNode()[0], InputNode().x)] == [
        "<input>",
        "<input 0>",
        "<input 'x'>",
    ]


def test_showing_a_long_chain_does_not_show_all_of_it() -> None:
    node = add.bind()
    for _ in range(20_000):
        node = add.bind(node)
    assert len(repr(node)) < 100


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda node: loads(dumps(node, "a node"))])
def test_nodes_can_be_copied(way: Callable[[Any], Any]) -> None:
    node = way(add.options(name="sum").bind(1, right=InputNode()["x"]))
    assert isinstance(node, TaskNode)
    assert (node.options.name, node.args) == ("sum", (1,))
    part = way(InputNode()["x"])
    assert (part.key, part.attribute) == ("x", False)
    assert isinstance(way(InputNode()), InputNode)


# -- the input


def value_of(node: Node, *args: object, **kwargs: object) -> object:
    assert isinstance(node, InputNode | InputPart)
    return Inputs(args, kwargs).of(node)


given = InputNode()
THING = SimpleNamespace(x=1, items="mine")


@pytest.mark.parametrize(
    ("node", "args", "kwargs", "expected"),
    [
        # the whole
        (given, (5,), {}, 5),
        (given, (None,), {}, None),
        (given, ([1, 2],), {}, [1, 2]),
        # one of several arguments
        (given[0], (5, 6), {}, 5),
        (given[1], (5, 6), {}, 6),
        (given[-1], (5, 6), {}, 6),
        (given[0], (5,), {"x": 1}, 5),
        (given["x"], (), {"x": 1}, 1),
        (given.x, (), {"x": 1}, 1),
        (given.x, (5, 6), {"x": None}, None),
        (given.items, (), {"items": 1}, 1),
        (given.key, (), {"key": 1}, 1),
        # a part of the only one
        (given[0], ([5, 6],), {}, 5),
        (given[1], ([5, 6],), {}, 6),
        (given[-1], ((5, 6),), {}, 6),
        (given["x"], ({"x": 1},), {}, 1),
        (given.x, ({"x": 1},), {}, 1),
        (given.x, (THING,), {}, 1),
        (given["x"], (THING,), {}, 1),
        (given[7], ({7: "seven"},), {}, "seven"),
        (given["items"], ({"items": 1},), {}, 1),
        (given["items"], (THING,), {}, "mine"),
        # the only one itself
        (given[0], (5,), {}, 5),
        (given[0], (None,), {}, None),
        (given[0], (THING,), {}, THING),
    ],
)
def test_an_input_node_stands_for_what_run_is_given(
    node: Node, args: tuple[object, ...], kwargs: dict[str, object], expected: object
) -> None:
    assert value_of(node, *args, **kwargs) == expected


def test_an_attribute_of_the_only_argument_goes_before_its_item_of_that_name() -> None:
    mapping = {"items": 1}
    assert value_of(given.items, mapping) == mapping.items


@pytest.mark.parametrize(
    ("node", "args", "kwargs", "words"),
    [
        (given, (), {}, ["one input", "0 positional and 0 by name"]),
        (given, (1, 2), {}, ["one input", "2 positional and 0 by name", "as in node[0] or node.key"]),
        (given, (1,), {"x": 2}, ["one input", "1 positional and 1 by name"]),
        (given, (), {"x": 2}, ["one input", "0 positional and 1 by name"]),
        (given[0], (), {}, ["input 0", "0 positional"]),
        (given[2], (1, 2), {}, ["input 2", "2 positional"]),
        (given[-3], (1, 2), {}, ["input -3", "2 positional"]),
        (given["x"], (), {"z": 1, "y": 2}, ["input 'x'", "the names ['y', 'z']"]),
        (given.x, (1, 2), {}, ["input 'x'", "2 positional"]),
        (given["x"], ({"y": 1},), {}, ["input 'x'", "has none: it is a dict"]),
        (given.x, (5,), {}, ["input 'x'", "has none: it is a int"]),
        (given[2], ([1],), {}, ["input 2", "has none: it is a list"]),
        (given[0], ([],), {}, ["input 0", "has none: it is a list"]),
        (given[0], ({"y": 1},), {}, ["input 0", "has none: it is a dict"]),
        (given[1], (5,), {}, ["input 1", "has none: it is a int"]),
        (given["x"], ([1],), {}, ["input 'x'", "has none: it is a list"]),
    ],
)
def test_an_input_that_was_not_given_is_a_value_error_that_says_what_was(
    node: Node, args: tuple[object, ...], kwargs: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(ValueError, match=r"^the DAG takes ") as caught:
        value_of(node, *args, **kwargs)
    assert type(caught.value) is InputMissingError
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize("key", [True, None, 1.5, (1,), slice(1), b"x"], ids=shown)
def test_a_part_of_the_input_has_an_int_or_a_str_key(key: Any) -> None:
    with pytest.raises(TypeError, match="a part of the input has an int or a str key, not "):
        given[key]


def test_the_input_is_a_context_manager_that_hides_no_error() -> None:
    with InputNode() as node:
        assert isinstance(node, InputNode)
    with pytest.raises(KeyError), InputNode():
        raise KeyError


def test_the_input_does_not_pretend_to_have_special_methods() -> None:
    for name in ("__wrapped__", "__deepcopy__", "__array__", "__fspath__"):
        assert not hasattr(given, name)
