"""A conditional: what is done next depends on what a task found.

    python examples/conditional.py README.md
    python examples/conditional.py docs/images/show.svg /usr/bin/env

Of a text, the words are counted; of anything else, the checksum is taken. Only the branch that is taken
becomes a part of the workflow.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

from heliograph import workflow

STORAGE = Path(__file__).resolve().parent.parent / "build" / "conditional"


@workflow.task
def look(path: Path) -> Any:
    """Decide what to do with a file."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        return workflow.continuation(checksum.bind(path))
    return workflow.continuation(count_words.bind(path, text))


@workflow.task
def count_words(path: Path, text: str) -> str:
    """The branch for texts."""
    return f"{path}: {len(text.split())} words"


@workflow.task
def checksum(path: Path) -> str:
    """The branch for everything else."""
    return f"{path}: sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}"


@workflow.task
def listed(lines: list[str]) -> str:
    """What is said of all files."""
    return "\n".join(lines)


def main() -> None:
    """Look at some files."""
    parser = argparse.ArgumentParser(description="Count the words of texts, and checksum other files.")
    parser.add_argument("files", type=Path, nargs="*", default=[Path(__file__)])
    parser.add_argument("--storage", type=Path, default=STORAGE)
    given = parser.parse_args()

    workflow.init(storage=given.storage)
    print(workflow.run(listed.bind([look.bind(path.absolute()) for path in given.files])))


if __name__ == "__main__":
    main()
