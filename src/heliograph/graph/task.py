"""Tasks: plain functions that can also be bound into a DAG; and the nodes that come of it."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, Final, Generic, NoReturn, ParamSpec, TypeVar, overload

from heliograph.graph.identifiers import safe_name
from heliograph.graph.node import Node
from heliograph.graph.options import TaskOptions
from heliograph.graph.script import MAIN, module_name

P = ParamSpec("P")
R = TypeVar("R")

_DEFAULTS: Final = TaskOptions()


class Task(Generic[P, R]):
    """What ``@workflow.task`` makes of a function: it can be bound into a DAG.

    Called, it is still the plain function, for type checkers too: a ``Task[[int], str]`` takes an int and
    returns a str. They can't check what it is bound to, since a node may stand for any argument.

    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> double(4)
    8
    >>> double.bind(4)
    <node of task '...double'>
    """

    refers = False
    """Nodes that are nested in its arguments arrive as references, not as values: Ray's way."""

    def __init__(self, function: Callable[P, R], options: TaskOptions = _DEFAULTS) -> None:
        if isinstance(function, type | Task | Node) or not callable(function):
            raise TypeError(f"@workflow.task goes on a function, not on {function!r}")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"a task returns one output: {function!r} is a generator, return a list instead")
        functools.update_wrapper(self, function, updated=())  # its attributes could hide ours
        self.function = function
        self._options = options

    @functools.cached_property
    def default_name(self) -> str:
        """The task's name where none is given: ``module.qualname``, safe for a file name."""
        qualname = getattr(self.function, "__qualname__", type(self.function).__name__)
        return safe_name(f"{module_of(self.function)}.{qualname}")

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the plain function."""
        return self.function(*args, **kwargs)

    def bind(self, /, *args: Any, **kwargs: Any) -> TaskNode:
        """A node of a DAG: a call of this task that a workflow will make.

        Args:
            *args: positional arguments. Nodes among them, at any depth, arrive as their values.
            **kwargs: keyword arguments, likewise.

        Raises:
            TypeError: the function does not take these arguments.
        """
        self.check(args, kwargs)
        return TaskNode(self, self._options, args, kwargs)

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """That the function takes these arguments.

        Raises:
            TypeError: it does not.
        """
        least, most = self._positional
        if kwargs or not least <= len(args) <= most:
            self._bind(args, kwargs)

    def options(self, **given: Any) -> Task[P, R]:
        """The same task with other options; those that are given replace its own, key by key.

        Besides the options that `workflow.options` takes:

        - ``max_retries`` (``int``): how often the task is tried again; 3 by default, -1: without limit.
        - ``retry_exceptions`` (``bool``, or a list of types): which exceptions are retried. None by default:
          without it, only a worker that died and a timeout are.

        Args:
            **given: options by name.

        Raises:
            ValueError: there is no such option (the message lists all), or its value is not valid.
            TypeError: a value has a wrong type.
        """
        other = Task(self.function, self._options.merged(given))
        other.__dict__.setdefault("_positional", self._positional)
        return other

    @property
    def remote(self) -> NoReturn:
        """Not there: unlike a function of `@ray.remote`, a task runs as a part of a workflow."""
        raise AttributeError(
            f"{self!r} has no .remote: make a node with .bind(...), and give that to workflow.run"
        )

    @functools.cached_property
    def _signature(self) -> inspect.Signature | None:
        try:
            return inspect.signature(self.function)
        except (TypeError, ValueError):  # some builtins don't tell
            return None

    @functools.cached_property
    def _positional(self) -> tuple[int, float]:
        """How many positional arguments suffice, at least and at most; (1, 0): names are needed."""
        least, most = 0, 0.0
        for parameter in self._signature.parameters.values() if self._signature else ():
            if parameter.kind is parameter.VAR_POSITIONAL:
                most = float("inf")
            elif parameter.kind is parameter.KEYWORD_ONLY:
                if parameter.default is parameter.empty:
                    return 1, 0
            elif parameter.kind is not parameter.VAR_KEYWORD:
                most += 1
                least += parameter.default is parameter.empty
        return least, most

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._signature is None:
            return
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(
                f"task {self.default_name!r} can't be bound to these arguments: {error}"
            ) from None

    def __get__(self, instance: object, owner: type | None = None) -> Task[P, R]:
        if instance is not None:
            raise TypeError(f"task {self.default_name!r} is a method: make it a function and pass the object")
        return self

    def __reduce__(self) -> str | tuple[Any, ...]:
        # By name where the module has it under its name, so that a worker gets the module's own object.
        qualname: str = getattr(self, "__qualname__", "")
        if found(self.__module__, qualname) is self:
            return qualname
        return Task, (self.function, self._options)

    def __repr__(self) -> str:
        return f"<task {self.default_name!r}>"


class TaskNode(Node):
    """One call of a task, bound to its arguments.

    Attributes:
        task: the task.
        options: its options in this call.
        args: positional arguments; nodes may be among them, at any depth.
        kwargs: keyword arguments, likewise.
    """

    __slots__ = ("args", "kwargs", "options", "task")

    task: Task[..., Any]
    options: TaskOptions
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __init__(
        self, task: Task[..., Any], options: TaskOptions, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        set_once = object.__setattr__
        set_once(self, "task", task)
        set_once(self, "options", options)
        set_once(self, "args", args)
        set_once(self, "kwargs", kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return TaskNode, (self.task, self.options, self.args, self.kwargs)

    def __getitem__(self, key: object) -> NoReturn:
        self._refuse(f"[{key!r}]")

    def __repr__(self) -> str:
        return f"<node of task {self.options.name or self.task.default_name!r}>"


def module_of(function: Callable[..., Any]) -> str:
    """The name of the module a function was defined in; methods written in C don't tell."""
    return module_name(getattr(function, "__module__", None) or "?")


def found(module: str | None, qualname: str | None) -> object:
    """What an imported module has under a dotted name; None where nothing, or where it is the main script.

    A worker can't import the main script: it would run the script again.
    """
    if module is None or qualname is None or module_name(module) == MAIN or "<" in qualname:
        return None
    value: object = sys.modules.get(module)
    for part in qualname.split("."):
        value = getattr(value, part, None)
    return value


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(**options: Any) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a task: ``@workflow.task``, or with options ``@workflow.task(max_retries=5)``.

    Args:
        function: the function.
        **options: as for `Task.options`.

    Raises:
        TypeError: it is not a function, or the value of an option has a wrong type.
        ValueError: there is no such option, or its value is not valid.

    >>> @task(max_retries=5)
    ... def fetch(url: str) -> bytes:
    ...     return b""
    """
    merged = _DEFAULTS.merged(options)
    if function is None:
        return lambda given: Task(given, merged)
    return Task(function, merged)
