"""Options of a task: what may be given, checked when it is given, merged key by key."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from heliograph.graph.checks import checked_flag, checked_int, shown
from heliograph.graph.frozen import record
from heliograph.graph.identifiers import check_identifier
from heliograph.graph.user_metadata import metadata_json

# Ray rejects option names it does not know, but lets this one through and keeps it on the function. So the
# mapping that `workflow.options(...)` unpacks to has this single key, and works on both kinds of function.
CARRIER: Final = "_labels"
CARRIED: Final = "heliograph"

WORKFLOW_OPTIONS: Final = (
    "name",
    "task_id",
    "metadata",
    "catch_exceptions",
    "checkpoint",
    "timeout",
    "retry_delay",
    "retry_delay_max",
)
_LONGEST: Final = sys.float_info.max
TASK_OPTIONS: Final = (*WORKFLOW_OPTIONS, "max_retries", "retry_exceptions", "num_returns")

Decorated = TypeVar("Decorated")


@record
class TaskOptions:
    """The options of one task, complete and checked.

    Attributes:
        name: the task's id within its workflow; None: made from its function.
        metadata_json: user metadata as JSON text; text, so that nobody can change it after it was checked.
        max_retries: tries after the first when a worker dies or a retried exception is raised; -1: for ever.
        retry_exceptions: True, False, or the dotted names of the exception types that are retried.
        catch_exceptions: the output becomes ``(value, None)`` or ``(None, exception)``.
        checkpoint: whether the output is stored; None: as the task that created this one, else stored.
        timeout: seconds an attempt may run; one that runs over is stopped, and counts as a failure that is
            retried; None: any time.
        retry_delay: seconds before the first retry; each further one waits twice as long.
        retry_delay_max: seconds that a retry waits at most.
        sleep: the task runs nothing and succeeds after so many seconds; set by `workflow.sleep` only.
        is_wait: the task waits for something outside; set by `workflow.wait_for_event` only, and only told.
        ray: options of Ray's own, as JSON text that `engines.ray` writes and reads; None: not a task of Ray.
        references: which of its inputs (by place) its arguments hold as references; set with the plan.
    """

    name: str | None = None
    metadata_json: str = "{}"
    max_retries: int = 3
    retry_exceptions: bool | tuple[str, ...] = False
    catch_exceptions: bool = False
    checkpoint: bool | None = None
    timeout: float | None = None
    retry_delay: float = 0.0
    retry_delay_max: float = 60.0
    sleep: float | None = None
    is_wait: bool = False
    ray: str | None = None
    references: tuple[int, ...] = ()

    def merged(self, given: Mapping[str, Any]) -> TaskOptions:
        """These options with the given ones in place of their own, key by key.

        Args:
            given: options by name, as a user wrote them; `CARRIER` holds what `workflow.options` carries.

        Raises:
            ValueError: an unknown option, or a value that can't be.
            TypeError: a value of a wrong type.
        """
        flat = dict(given)
        flat.update(_carried(flat.pop(CARRIER, None)))
        return replace(self, **_checked(flat, TASK_OPTIONS))

    if not TYPE_CHECKING:  # a type checker is told already

        def __call__(self, *_args: object, **_given: object) -> NoReturn:
            """Refused: ``node.options(...)`` comes too late."""
            raise TypeError(
                "a node keeps the options that it was bound with: "
                "give them to its task before, as in task.options(...).bind(...)"
            )


class GivenOptions(Mapping[str, Any]):
    """What `workflow.options(...)` returns: a decorator, and a mapping to unpack into ``f.options(**...)``.

    >>> given = GivenOptions({"name": "add_task"})
    >>> list(given)
    ['_labels']
    """

    __slots__ = ("_given",)

    def __init__(self, given: Mapping[str, Any]) -> None:
        checked = _checked(given, WORKFLOW_OPTIONS)  # a mistake is told where it was made, not at `bind`
        self._given = dict(given)
        if "metadata" in given:  # by value: the caller's dict may change
            self._given["metadata"] = json.loads(checked["metadata_json"])

    def __getitem__(self, key: str) -> dict[str, str]:
        if key != CARRIER:
            raise KeyError(key)
        return {CARRIED: json.dumps(self._given)}  # text, as Ray wants its labels

    def __iter__(self) -> Iterator[str]:
        return iter((CARRIER,))

    def __len__(self) -> int:
        return 1

    def __call__(self, task: Decorated) -> Decorated:
        """Give the options to a task: the form with ``@``, above ``@workflow.task``.

        Raises:
            TypeError: what is decorated takes no options; most often the two decorators are swapped.
        """
        take = getattr(task, "options", None)
        if take is None:
            raise TypeError(
                f"@workflow.options goes above @workflow.task (or @ray.remote), not on {shown(task)} itself"
            )
        decorated: Decorated = take(**self)
        return decorated


def exception_name(kind: type[BaseException]) -> str:
    """What `retry_exceptions` calls a type: without the classes and functions around it.

    A class that travels by value, since it is of the main script or of a function, loses those on the way.

    >>> exception_name(OSError)
    'builtins.OSError'
    """
    return f"{kind.__module__}.{kind.__name__}"


def _carried(labels: object) -> Mapping[str, Any]:
    """What `workflow.options` put under `CARRIER`; Ray's own labels beside it are not for us."""
    if labels is None:
        return {}
    carried = labels.get(CARRIED, "{}") if isinstance(labels, Mapping) else None
    try:
        given: dict[str, Any] = json.loads(carried)  # type: ignore[arg-type]
        return dict(given)
    except (TypeError, ValueError):
        raise TypeError(f"{CARRIER} is what workflow.options(...) unpacks to, not {shown(labels)}") from None


def _checked(given: Mapping[str, Any], valid: tuple[str, ...]) -> dict[str, Any]:
    """Options as a user gave them, as fields of `TaskOptions`."""
    fields: dict[str, Any] = {}
    name, task_id = given.get("name"), given.get("task_id")
    if name is not None and task_id is not None and name != task_id:
        raise ValueError(f"name and task_id mean the same, and are {name!r} and {task_id!r}: give one")
    for key, value in given.items():
        if key not in valid:
            of_task = f"; {key} is given to the task itself, as .options({key}=...)"
            hint = of_task if key in TASK_OPTIONS else ""
            raise ValueError(f"unknown option {key!r}; valid ones: {', '.join(sorted(valid))}{hint}")
        fields.update(_CHECKS[key](key, value))
    return fields


def _name(key: str, value: object) -> dict[str, Any]:
    return {"name": None if value is None else check_identifier(key, value)}


def _metadata(_key: str, value: object) -> dict[str, Any]:
    return {"metadata_json": metadata_json(value)}


def _flag(key: str, value: object) -> dict[str, Any]:
    if value is None:  # as if it was not given
        return {key: None if key == "checkpoint" else False}
    return {key: checked_flag(key, value)}


def _max_retries(key: str, value: object) -> dict[str, Any]:
    number = checked_int(key, value)
    if number < -1:
        raise ValueError(f"{key} must be 0 or more, or -1 for ever, not {number}")
    return {key: number}


def _retry_exceptions(key: str, value: object) -> dict[str, Any]:
    if isinstance(value, bool):
        return {key: value}
    kinds = tuple(value) if isinstance(value, list | tuple) else (value,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError(f"{key} must be True, False or a list of exception types, not {shown(value)}")
    # Names, not classes: they survive in the store, and a worker's classes are other objects than ours.
    return {key: tuple(exception_name(kind) for kind in kinds)}


def _timeout(key: str, value: object) -> dict[str, Any]:
    return {key: None if value is None else _positive_seconds(key, value)}


def _delay(key: str, value: object) -> dict[str, Any]:
    return {key: seconds(key, value)}


def seconds(what: str, value: object) -> float:
    """A duration: finite, not negative.

    Raises:
        TypeError: not a number.
        ValueError: negative, infinite or not a number at all.

    >>> seconds("retry_delay", 2)
    2.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what} must be a number of seconds, not {shown(value)}")
    if not 0 <= value <= _LONGEST:  # an int may be too large for a float
        raise ValueError(f"{what} must be a finite number of seconds, 0 or more, not {shown(value)}")
    return float(value)


def _positive_seconds(what: str, value: object) -> float:
    """As `seconds`, and more than 0."""
    given = seconds(what, value)
    if given == 0:
        raise ValueError(f"{what} must be more than 0 seconds, not {shown(value)}")
    return given


def _num_returns(key: str, value: object) -> dict[str, Any]:
    if value not in (None, 1):
        raise ValueError(f"a workflow task has one output: {key} must be 1, not {shown(value)}")
    return {}


_CHECKS: Final[dict[str, Callable[[str, Any], dict[str, Any]]]] = {
    "name": _name,
    "task_id": _name,
    "metadata": _metadata,
    "catch_exceptions": _flag,
    "checkpoint": _flag,
    "max_retries": _max_retries,
    "retry_exceptions": _retry_exceptions,
    "num_returns": _num_returns,
    "timeout": _timeout,
    "retry_delay": _delay,
    "retry_delay_max": _delay,
}
