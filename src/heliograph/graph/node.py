"""Nodes: values that are not there yet. Immutable, and loud when taken for the value itself."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from heliograph.errors import InputMissingError


class Node:
    """A value that a workflow will make. It can be an argument of `bind`, and nothing else."""

    __slots__ = ()

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        raise AttributeError(f"{self!r} is immutable: {name} can't be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{self!r} is immutable: {name} can't be deleted")

    def _refuse(self, what: str) -> NoReturn:
        raise TypeError(
            f"{self!r} has no value yet: {what} needs one. "
            "Do it inside a task, or `workflow.run` the node first."
        )

    if not TYPE_CHECKING:  # else any name would do for a type checker

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_") or name in self.__slots__:  # wanted by Python, or by the repr
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            raise AttributeError(
                f"{self!r} has no {name!r}, and no value yet that may have one. "
                "Do it inside a task, or `workflow.run` the node first."
            )

    def __bool__(self) -> bool:
        self._refuse("a truth test")

    def __iter__(self) -> NoReturn:
        self._refuse("iteration")

    def __contains__(self, _item: object) -> bool:
        self._refuse("a look for an item")

    def __len__(self) -> int:
        self._refuse("len()")

    def __call__(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refused: a node is not a function."""
        self._refuse("a call")


class InputNode(Node):
    """A node that stands for what `workflow.run(dag, *args, **kwargs)` will be given.

    The node itself is the one positional argument; ``node[0]``, ``node["key"]`` or ``node.key`` is one of
    several.

    >>> with InputNode() as given:
    ...     given["x"]
    <input 'x'>
    """

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def __getitem__(self, key: int | str) -> InputPart:
        if isinstance(key, bool) or not isinstance(key, int | str):
            raise TypeError(f"a part of the input has an int or a str key, not {key!r}")
        return InputPart(key)

    def __getattr__(self, name: str) -> InputPart:
        if name.startswith("__"):
            raise AttributeError(name)
        return InputPart(name, attribute=True)

    def __repr__(self) -> str:
        return "<input>"


class InputPart(Node):
    """One argument of `workflow.run`, or one item or attribute of the only one.

    Attributes:
        key: position, name, index or key.
        attribute: it was written as an attribute: ``node.key``.
    """

    __slots__ = ("attribute", "key")

    key: int | str
    attribute: bool

    def __init__(self, key: int | str, attribute: bool = False) -> None:
        set_once = object.__setattr__
        set_once(self, "key", key)
        set_once(self, "attribute", attribute)

    def __reduce__(self) -> tuple[Any, ...]:
        return InputPart, (self.key, self.attribute)

    def __getitem__(self, key: object) -> NoReturn:
        self._refuse(f"[{key!r}]")

    def __repr__(self) -> str:
        return f"<input {self.key!r}>"


class Inputs:
    """The arguments that feed a DAG's input nodes.

    Attributes:
        args: positional ones.
        kwargs: keyword ones.
        were_asked_for: whether any input node wanted its value.
    """

    __slots__ = ("args", "kwargs", "were_asked_for")

    def __init__(self, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> None:
        self.args = args
        self.kwargs = kwargs or {}
        self.were_asked_for = False

    def of(self, node: InputNode | InputPart) -> Any:
        """The value of an input node.

        Raises:
            InputMissingError: `workflow.run` was not given what the node stands for.
        """
        self.were_asked_for = True
        single = len(self.args) == 1 and not self.kwargs
        if isinstance(node, InputNode):
            if not single:
                raise InputMissingError(
                    f"the DAG takes one input, and `workflow.run` was given {len(self.args)} positional and "
                    f"{len(self.kwargs)} by name; bind the parts, as in node[0] or node.key"
                )
            return self.args[0]
        if single:
            return self._part_of_single(node)
        key = node.key
        if isinstance(key, int) and -len(self.args) <= key < len(self.args):
            return self.args[key]
        if isinstance(key, str) and key in self.kwargs:
            return self.kwargs[key]
        raise InputMissingError(
            f"the DAG takes an input {key!r}, and `workflow.run` was given {len(self.args)} positional "
            f"argument(s) and the names {sorted(self.kwargs)}"
        )

    def _part_of_single(self, node: InputPart) -> Any:
        """What the only argument has under a key; as an item or an attribute, first as it was written."""
        value, key = self.args[0], node.key
        if isinstance(key, str) and node.attribute and hasattr(value, key):
            return getattr(value, key)
        try:
            return value[key]
        except (LookupError, TypeError) as error:
            if isinstance(key, str) and hasattr(value, key):
                return getattr(value, key)
            if key == 0 and not hasattr(value, "__getitem__"):
                return value  # it has no items: then it is itself the first argument
            raise InputMissingError(
                f"the DAG takes an input {key!r}, and the argument of `workflow.run` has none: it is a "
                f"{type(value).__name__}"
            ) from error


class NoInputs(Inputs):
    """A continuation has none.

    Args:
        task_id: of the task that returned it.
    """

    __slots__ = ("_task_id",)

    def __init__(self, task_id: str) -> None:
        super().__init__()
        self._task_id = task_id

    def of(self, node: InputNode | InputPart) -> NoReturn:
        """Refused."""
        raise InputMissingError(
            f"the continuation of task {self._task_id!r} takes {node!r}, and only `workflow.run` gives a DAG "
            "inputs: bind the value itself, as in `step.bind(value)`; the task may have it as an argument"
        )
