"""Whether, and when, a failed attempt is followed by another."""

from __future__ import annotations

from heliograph.graph.options import TaskOptions


def is_retried(options: TaskOptions, tries: int, died: bool, lineage: tuple[str, ...]) -> bool:
    """Whether to try again.

    Args:
        options: of the task.
        tries: attempts made in this run, the failed one included.
        died: the worker died or the attempt ran over its time; that is always worth another try.
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


def backoff(options: TaskOptions, tries: int, jitter: float) -> float:
    """Seconds to wait before the next attempt: doubled each time, then up to half of it taken off at random.

    Tasks that failed together are so not tried again together.

    Args:
        options: of the task; `retry_delay` is the first delay, `retry_delay_max` bounds it.
        tries: attempts made in this run, the failed one included.
        jitter: a random number from 0 to 1.

    >>> options = TaskOptions(retry_delay=1.0, retry_delay_max=10.0)
    >>> [backoff(options, tries, jitter=0.0) for tries in (1, 2, 3, 9)]
    [1.0, 2.0, 4.0, 10.0]
    >>> backoff(options, 1, jitter=1.0)
    0.5
    """
    exponent = min(tries - 1, 64)  # beyond, every bound is passed, and a float would overflow
    delay = min(options.retry_delay * 2.0**exponent, options.retry_delay_max)
    return delay * (1.0 - jitter / 2.0)
