"""A periodic poll: wait until an upload is complete, which is when its size does not change any more.

    python examples/poll.py

It says which file it waits for; write one there. Between two looks it sleeps, which holds no worker. Stop it,
even with `kill -9`, and run it again: it goes on, and a sleep that has begun ends when it was to end.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from heliograph import workflow

STORAGE = Path(__file__).resolve().parent.parent / "build" / "poll"


@workflow.task
def look(path: Path, every: float, size: int | None = None, looks: int = 1, _slept: None = None) -> Any:
    """Look once; if it is not complete, look again after a sleep."""
    now = path.stat().st_size if path.exists() else None
    if now is not None and now == size:
        return {"bytes": now, "looks": looks}
    return workflow.continuation(look.bind(path, every, now, looks + 1, workflow.sleep(every)))


def main() -> None:
    """Wait for an upload."""
    parser = argparse.ArgumentParser(description="Wait until an upload is complete.")
    parser.add_argument("file", type=Path, nargs="?", default=STORAGE / "upload.csv")
    parser.add_argument("--every", type=float, default=2, help="seconds between two looks")
    parser.add_argument("--storage", type=Path, default=STORAGE)
    given = parser.parse_args()

    workflow.init(storage=given.storage)
    path = given.file.absolute()
    print(f"waiting for {path}", flush=True)
    # One that waits already, from a program that was killed, goes on.
    seen = workflow.run(look.bind(path, given.every), workflow_id=f"upload of {path}")
    print(f"complete: {seen['bytes']} bytes, seen at look {seen['looks']}")


if __name__ == "__main__":
    main()
