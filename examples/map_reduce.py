"""A map-reduce whose width depends on the data: the most common words of Python's own help texts.

    python examples/map_reduce.py

How many texts there are is known only once a task has looked: it hands over to a DAG that is as wide as that.
The texts are those that `help()` shows; they come with Python.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from pathlib import Path
from typing import Any

from heliograph import workflow

STORAGE = Path(__file__).resolve().parent.parent / "build" / "map_reduce"


@workflow.task
def split(shortest: int) -> Any:
    """Look which texts there are, and have each of them counted."""
    from pydoc_data.topics import topics

    counts = [count.bind(topic, shortest) for topic in sorted(topics)]
    return workflow.continuation(merge.bind(counts))


@workflow.task
def count(topic: str, shortest: int) -> Counter[str]:
    """Map: the words of one text."""
    from pydoc_data.topics import topics

    return Counter(word for word in re.findall(r"[a-z]+", topics[topic].lower()) if len(word) >= shortest)


@workflow.task
def merge(counts: list[Counter[str]]) -> tuple[int, Counter[str]]:
    """Reduce: how many texts there were, and the words of all of them."""
    return len(counts), sum(counts, Counter())


def main() -> None:
    """Say which words are the most common."""
    parser = argparse.ArgumentParser(description="Find the most common words of Python's help texts.")
    parser.add_argument("--shortest", type=int, default=7, help="leave shorter words out")
    parser.add_argument("--storage", type=Path, default=STORAGE)
    given = parser.parse_args()

    workflow.init(storage=given.storage)
    texts, words = workflow.run(split.bind(given.shortest))
    print(f"{words.total()} words of {given.shortest} letters or more in {texts} texts; the most common:")
    for word, times in words.most_common(10):
        print(f"{times:6} {word}")


if __name__ == "__main__":
    main()
