"""Durable workflows that write down everything they did.

>>> from heliograph import workflow
>>> @workflow.task
... def add(left: int, right: int) -> int:
...     return left + right
>>> add(1, 2)
3
"""

import heliograph.workflow as workflow

__all__ = ["workflow"]


def __getattr__(name: str) -> str:
    # Reading the installed distribution's metadata takes milliseconds that most programs never need.
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("heliograph")
        except PackageNotFoundError:
            return "0+unknown"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
