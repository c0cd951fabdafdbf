"""Durable workflows that write down everything they did.

>>> from heliograph import workflow
>>> @workflow.task
... def add(left: int, right: int) -> int:
...     return left + right
>>> add(1, 2)
3
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import heliograph.workflow as workflow

__all__ = ["workflow"]


def __getattr__(name: str) -> Any:
    # Late, both: a worker process needs neither to be ready for its first task.
    if name == "workflow":
        import heliograph.workflow

        return heliograph.workflow
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("heliograph")
        except PackageNotFoundError:
            return "0+unknown"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
