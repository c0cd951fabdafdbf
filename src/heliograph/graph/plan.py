"""A DAG as it is submitted: every task with its id, options, upstream tasks and arguments, by value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Final

from heliograph.errors import InputMissingError, NotPicklableError
from heliograph.graph.foreign import node_of
from heliograph.graph.frozen import record
from heliograph.graph.function import Function, describe
from heliograph.graph.identifiers import UniqueNames
from heliograph.graph.node import InputNode, InputPart, Inputs, Node
from heliograph.graph.options import TaskOptions
from heliograph.graph.pickling import (
    BUILT_IN,
    PLAIN,
    dumps_plain,
    dumps_plain_with_references,
    dumps_with_references,
    load_with_references,
    unpicklable,
)
from heliograph.graph.task import TaskNode


@record
class PlannedTask:
    """One task of a plan.

    Attributes:
        task_id: its id, unique in its workflow.
        function: which of the plan's functions it calls.
        options: its options.
        upstream: positions of the tasks whose outputs its arguments hold; each once, in order of occurrence.
        arguments: ``(args, kwargs)`` pickled, with number i in place of the output of ``upstream[i]``, and
            -1 - i in place of a reference to it.
    """

    task_id: str
    function: int
    options: TaskOptions
    upstream: tuple[int, ...]
    arguments: bytes


@record
class Plan:
    """What a workflow will do, as data: it is stored as it is.

    Attributes:
        functions: every function once.
        tasks: every task, dependencies first; a task's position here is its number in the workflow. The
            last one gives the output.
    """

    functions: tuple[Function, ...]
    tasks: tuple[PlannedTask, ...]


def make_plan(dag: Node, inputs: Inputs) -> Plan:
    """The plan of a DAG; arguments are captured by value here and now.

    Args:
        dag: the node that gives the output.
        inputs: what feeds the DAG's input nodes.

    Raises:
        TypeError: `dag` is not a node of a task, or has no input node for the inputs.
        ValueError: a cycle (an argument was changed after `bind`), or an input that was not given.
        NotPicklableError: a function or an argument can't be stored.

    >>> from heliograph.graph.task import task
    >>> @task
    ... def add(left, right):
    ...     return left + right
    >>> one = add.bind(1, 2)
    >>> [(planned.upstream) for planned in make_plan(add.bind(one, one), Inputs()).tasks]
    [(), (0,)]
    """
    if not isinstance(dag, TaskNode):
        raise TypeError(f"a workflow is made of a DAG, such as `task.bind(...)`, not of {dag!r}")
    plan = _Walk(inputs).of(dag)
    if (inputs.args or inputs.kwargs) and not inputs.were_asked_for:
        raise TypeError(
            f"the DAG has no InputNode, and was given {len(inputs.args)} positional and the names "
            f"{sorted(inputs.kwargs)}: bind them, or correct an option's name; an id is given by name, as "
            "workflow_id=..."
        )
    return plan


def restore_arguments(
    arguments: BinaryIO, output: Callable[[int], Any], reference: Callable[[int], Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A task's ``(args, kwargs)``, with the outputs of its upstream tasks in their places.

    Args:
        arguments: as captured, in a file.
        output: gives the output of an upstream task, by its place among them.
        reference: gives a reference to it, for tasks that take such.
    """

    def resolve(place: int) -> Any:
        return output(place) if place >= 0 else reference(-1 - place)

    restored: tuple[tuple[Any, ...], dict[str, Any]] = load_with_references(arguments, resolve)
    return restored


@dataclass(slots=True)
class _Visit:
    """A node on its way into the plan: its arguments are captured, its upstream nodes perhaps not yet."""

    node: TaskNode
    arguments: bytes
    upstream: list[TaskNode]
    references: tuple[int, ...]
    next: int = 0


@dataclass(slots=True)
class _Walk:
    """Depth first over the DAG with a stack of its own, since a chain may be longer than Python's."""

    inputs: Inputs
    tasks: list[PlannedTask] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    function_of: dict[int, int] = field(default_factory=dict)
    position_of: dict[int, int] = field(default_factory=dict)
    planned: list[TaskNode] = field(default_factory=list)  # held, so that each id stays one node's
    names: UniqueNames = field(default_factory=UniqueNames)

    def of(self, dag: TaskNode) -> Plan:
        path = [_Visit(dag, *capture(dag, self.inputs))]
        on_path = {id(dag)}
        while path:
            visit = path[-1]
            if visit.next == len(visit.upstream):
                self._add(visit)
                on_path.discard(id(visit.node))
                path.pop()
                continue
            node = visit.upstream[visit.next]
            visit.next += 1
            if id(node) in on_path:
                raise ValueError(
                    f"the DAG has a cycle through {node!r}: an argument was changed after it was bound"
                )
            if id(node) not in self.position_of:
                path.append(_Visit(node, *capture(node, self.inputs)))
                on_path.add(id(node))
        return Plan(tuple(self.functions), tuple(self.tasks))

    def _add(self, visit: _Visit) -> None:
        node = visit.node
        self.position_of[id(node)] = len(self.tasks)
        self.planned.append(node)
        self.tasks.append(
            PlannedTask(
                task_id=self.names.take(node.options.name or node.task.default_name),
                function=self._function(node),
                options=replace(node.options, references=visit.references)
                if visit.references
                else node.options,
                upstream=tuple([self.position_of[id(needed)] for needed in visit.upstream]),
                arguments=visit.arguments,
            )
        )

    def _function(self, node: TaskNode) -> int:
        # One task with other options is the same function: it is pickled once.
        number = self.function_of.get(id(node.task.function))
        if number is None:
            number = self.function_of[id(node.task.function)] = len(self.functions)
            self.functions.append(describe(node.task))
        return number


@record
class _Direct:
    """A node that is itself an argument of a task that `refers`: its value arrives, of nested ones not."""

    node: TaskNode


_PLAIN_OR_NODE: Final = PLAIN | {TaskNode}


def capture(node: TaskNode, inputs: Inputs) -> tuple[bytes, list[TaskNode], tuple[int, ...]]:
    """A node's arguments as bytes, the nodes whose outputs they need, and which of these as references.

    Pickling itself finds the nodes, so they are found at any depth of anything that can be pickled, and
    what is found is exactly what is left out.
    """
    if PLAIN.issuperset(map(type, (*node.args, *node.kwargs, *node.kwargs.values()))):
        return dumps_plain((node.args, node.kwargs)), [], ()
    upstream: list[TaskNode] = []
    index_of: dict[int, int] = {}
    references: dict[int, None] = {}
    refused: list[Exception] = []
    args, kwargs = node.args, node.kwargs
    plain = not kwargs and _PLAIN_OR_NODE.issuperset(map(type, args))
    if not plain:
        args = tuple([_own(value) for value in args])
        kwargs = {name: _own(value) for name, value in kwargs.items()}

    def place_of(value: TaskNode) -> int:
        index = index_of.get(id(value))
        if index is None:
            index = index_of[id(value)] = len(upstream)
            upstream.append(value)
        return index

    def reference(value: Any) -> int | None:
        kind = type(value)
        if kind in BUILT_IN:
            return None
        if kind is _Direct:
            return place_of(value.node)
        if kind is not TaskNode:
            try:
                value = _own(value)
            except (TypeError, ValueError) as error:
                refused.append(error)
                raise
            if type(value) is not TaskNode:
                return None
        place = place_of(value)
        if not node.task.refers:
            return place
        references[place] = None
        return -1 - place

    def substitute(value: Any) -> tuple[Any] | None:
        value = _own(value)
        return (inputs.of(value),) if isinstance(value, InputNode | InputPart) else None

    if node.task.refers:
        args = tuple([_Direct(value) if type(value) is TaskNode else value for value in args])
        kwargs = {
            name: _Direct(value) if type(value) is TaskNode else value for name, value in kwargs.items()
        }
    try:
        if plain:
            data = dumps_plain_with_references((args, kwargs), reference)
        else:
            data = dumps_with_references((args, kwargs), reference, substitute)
    except InputMissingError:
        raise
    except Exception as error:  # a reducer is anybody's code and may raise anything
        if refused:
            raise refused[0] from None
        raise _blame(
            node, error, lambda value: dumps_with_references(value, reference, substitute)
        ) from error
    return data, upstream, tuple(references)


def _own(value: Any) -> Any:
    """The node that another library's object stands for; anything else as it is."""
    node = node_of(value)
    return value if node is None else node


def _blame(node: TaskNode, error: Exception, dump: Callable[[Any], bytes]) -> NotPicklableError:
    """The error for the first argument that can't be pickled by itself."""
    task = node.options.name or node.task.default_name
    for name, value in [*enumerate(node.args), *node.kwargs.items()]:
        try:
            dump(value)
        except Exception as single:  # as above
            return unpicklable(f"argument {name!r} of task {task!r}", value, single)
    return unpicklable(f"the arguments of task {task!r}", node.args, error)
