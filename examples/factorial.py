"""A recursion: a task whose result needs another call of itself.

    python examples/factorial.py 12

Each call hands its work on to a DAG in which it occurs again, one number smaller. Every step is stored:
killed and run again, it goes on from the last one.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from heliograph import workflow

STORAGE = Path(__file__).resolve().parent.parent / "build" / "factorial"


@workflow.task
def multiply(left: int, right: int) -> int:
    """One of the products."""
    return left * right


@workflow.task
def factorial(n: int) -> Any:
    """The product of the numbers up to n."""
    if n < 2:
        return 1
    return workflow.continuation(multiply.bind(n, factorial.bind(n - 1)))


def main() -> None:
    """Say what the factorial is, and how many tasks it took."""
    parser = argparse.ArgumentParser(description="Compute a factorial, recursively and durably.")
    parser.add_argument("n", type=int, nargs="?", default=10)
    parser.add_argument("--storage", type=Path, default=STORAGE)
    given = parser.parse_args()

    workflow.init(storage=given.storage)
    workflow_id = f"factorial-{given.n}"
    result = workflow.run(factorial.bind(given.n), workflow_id=workflow_id)
    tasks = workflow.get_metadata(workflow_id)["progress"]["total"]
    print(f"{given.n}! = {result} ({tasks} tasks)")


if __name__ == "__main__":
    main()
