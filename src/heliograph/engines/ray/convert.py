"""Ray's DAG nodes, functions and references, as a plan takes them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Final, NoReturn

import ray
from ray.remote_function import RemoteFunction

from heliograph.engines.ray import internals, task_options
from heliograph.graph import foreign, pickling
from heliograph.graph.node import InputNode, InputPart
from heliograph.graph.task import Task, TaskNode

_converted: Final[weakref.WeakKeyDictionary[Any, TaskNode]] = weakref.WeakKeyDictionary()
_tasks: Final[weakref.WeakKeyDictionary[Callable[..., Any], RayTask]] = weakref.WeakKeyDictionary()


class RayTask(Task[..., Any]):
    """A task made of a function of ``@ray.remote``."""

    refers = True


def install() -> None:
    """Have plans take what this process knows of Ray; may be called again."""
    foreign.register_function(RemoteFunction, internals.function_of)
    pickling.register_reducer(ray.ObjectRef, _by_value)
    if (of_client := internals.client_types()) is not None:
        reference, handle = of_client
        pickling.register_reducer(reference, _by_value)
        pickling.register_reducer(handle, _refuse_handle)


def install_nodes() -> None:
    """As `install`, with the nodes of Ray's DAGs, whose module takes a moment to import."""
    import ray.dag as nodes

    install()
    foreign.register_node(nodes.FunctionNode, _task_node)
    foreign.register_node(nodes.InputNode, lambda _node: InputNode())
    foreign.register_node(nodes.InputAttributeNode, lambda node: InputPart(*internals.input_key(node)))
    for name in internals.CLASS_NODES:
        foreign.register_node(getattr(nodes, name), _refuse_actor)
    foreign.register_node(nodes.MultiOutputNode, _refuse_outputs)


def _task_node(node: Any) -> TaskNode:
    converted = _converted.get(node)
    if converted is None:
        function = internals.body_of(node)
        task = _tasks.get(function)
        if task is None:
            task = _tasks[function] = RayTask(function)
        args, kwargs = internals.args_of(node), internals.kwargs_of(node)
        task.check(args, kwargs)  # Ray itself does so when a task is submitted
        converted = _converted[node] = TaskNode(
            task,
            task_options.split(internals.options_of(node)),
            tuple([_given(value) for value in args]),
            {name: _given(value) for name, value in kwargs.items()},
        )
    return converted


def _given(value: Any) -> Any:
    """An argument as it arrives: of a reference that is not nested, the object."""
    return ray.get(value) if isinstance(value, ray.ObjectRef) else value


def _refuse_actor(node: Any) -> NoReturn:
    raise TypeError(
        f"a workflow is made of functions, and a {_kind(node)} is of an actor: what an actor remembers is in "
        "no checkpoint. Call the actor inside a task, or make the method a function"
    )


def _refuse_outputs(node: Any) -> NoReturn:
    raise TypeError(
        f"a workflow has one output, and a {_kind(node)} stands for several: bind a task that takes them all"
    )


def _kind(node: Any) -> str:
    return type(node).__name__  # Ray tells of a node in a dozen lines


def _refuse_handle(handle: Any) -> NoReturn:
    raise TypeError(
        f"{handle!r} is the handle of an actor, and in a driver at ray:// that means nothing elsewhere: "
        "name the actor, and have the task call ray.get_actor"
    )


def _by_value(reference: Any) -> tuple[Any, ...]:
    """A reference means nothing in another cluster: what is stored is the object, and a new one is made."""
    return _put, (ray.get(reference),)


def _put(value: Any) -> Any:
    if not ray.is_initialized():
        raise RuntimeError("the value holds an ObjectRef: connect to Ray first, with ray.init()")
    return ray.put(value)
