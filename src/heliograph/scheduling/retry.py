"""Whether a failed attempt is followed by another."""

from __future__ import annotations

from heliograph.graph.options import TaskOptions


def is_retried(options: TaskOptions, tries: int, died: bool, lineage: tuple[str, ...]) -> bool:
    """Whether to try again.

    Args:
        options: of the task.
        tries: attempts made in this run, the failed one included.
        died: the worker died; that is always worth another try.
        lineage: dotted names of the exception's type and all it inherits from.

    >>> is_retried(TaskOptions(max_retries=2), tries=2, died=True, lineage=())
    True
    >>> is_retried(TaskOptions(max_retries=2), tries=3, died=True, lineage=())
    False
    >>> is_retried(TaskOptions(retry_exceptions=("builtins.OSError",)), 1, False, ("x.Y", "builtins.OSError"))
    True
    """
    if options.max_retries != -1 and tries > options.max_retries:
        return False
    wanted = options.retry_exceptions
    return died or (wanted if isinstance(wanted, bool) else not set(wanted).isdisjoint(lineage))
