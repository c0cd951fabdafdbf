"""What a run has to do: of all tasks, those whose outputs are needed and not there."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet

from heliograph.graph.frozen import record
from heliograph.scheduling.events import TaskRule


@record
class Needs:
    """What a run has to do.

    Attributes:
        tasks: to be woken, dependencies first.
        delegates: of these, the frames, each with the task whose output it waits for; see `machine`.
        ended: tasks that did not succeed, in frames that did: somebody's exception ended them.
    """

    tasks: tuple[int, ...]
    delegates: dict[int, int]
    ended: tuple[int, ...] = ()


def needs(
    rules: Sequence[TaskRule],
    output: int,
    stored: AbstractSet[int],
    unkept: AbstractSet[int] = frozenset(),
) -> Needs:
    """Go back from the output to what is stored.

    Args:
        rules: of all tasks.
        output: the task that gives the workflow's output.
        stored: tasks whose outputs are there.
        unkept: tasks that succeeded, and whose outputs are not there.

    >>> from heliograph.graph.options import TaskOptions
    >>> chain = [TaskRule((), TaskOptions()), TaskRule((0,), TaskOptions()), TaskRule((1,), TaskOptions())]
    >>> needs(chain, 2, {0}).tasks
    (1, 2)
    """
    if output in stored:
        return Needs((), {})
    newest: dict[int, int] = {}
    for task, rule in enumerate(rules):
        if rule.delivers_to is not None:
            newest[rule.delivers_to] = task  # a later continuation takes the place of an earlier
    delegates: dict[int, int] = {}
    found, path = {output}, [output]
    while path:
        task = path.pop()
        inputs = rules[task].upstream
        if task in newest:
            delegates[task] = newest[task]
            inputs = (newest[task],)
        for other in inputs:
            if other not in found and other not in stored:
                found.add(other)
                path.append(other)
    over = stored | unkept
    ended = [
        task
        for task in range(len(rules))
        if task not in over and task not in found and is_within(rules, task, over)
    ]
    return Needs(tuple(sorted(found)), delegates, tuple(ended))


def is_within(rules: Sequence[TaskRule] | Mapping[int, TaskRule], task: int, frames: Container[int]) -> bool:
    """Whether a task is of a continuation, or of one within one, that one of these frames stands for."""
    around = rules[task].frame
    while around is not None and around not in frames:
        around = rules[around].frame
    return around is not None
