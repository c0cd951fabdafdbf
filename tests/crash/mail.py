"""Events from a mailbox, and a death at a commit. Apart from their tests, since every worker imports this."""

from __future__ import annotations

import os
import pickle
import signal
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliograph import workflow
from tests.gates import Ledger

INITIAL = "nothing"


@dataclass(frozen=True)
class Mail:
    """Where events come from: each poll takes a new one out, so that one that is lost would be missed."""

    ledger: Ledger
    database: Path

    def take(self) -> str:
        return f"event {self.ledger.note('taken')}"

    def stored(self) -> list[Any]:
        """Outputs of the tasks that polled."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT data FROM stored_values WHERE role = 'output' AND task = 0")
            return [pickle.loads(data)[0] for (data,) in rows]


class Letter(workflow.EventListener):
    async def poll_for_event(self, mail: Mail) -> tuple[str, Mail]:
        return mail.take(), mail

    async def event_checkpointed(self, event: tuple[str, Mail]) -> None:
        said, mail = event
        mail.ledger.note(f"told of {said}, {'stored' if said in mail.stored() else 'NOT STORED'}")
        if (mail.ledger.path.parent / "die when told").exists():
            os.kill(int((mail.ledger.path.parent / "die when told").read_text()), signal.SIGKILL)


@workflow.task
def read(event: tuple[str, Mail]) -> str:
    said, mail = event
    mail.ledger.note(f"read {said}")
    return said


def crash_at(commit: int, when: str) -> None:
    """From now on: SIGKILL right before or after the commit of that number."""
    from heliograph.storage.journal.journal import (
        Journal,  # not in workers, which import this module for its tasks
    )

    original, count = Journal.commit, 0

    def commit_and_die(journal: Journal, batch: Any) -> Any:
        nonlocal count
        count += 1
        if (count, when) == (commit, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        committed = original(journal, batch)
        if (count, when) == (commit, "after"):
            os.kill(os.getpid(), signal.SIGKILL)
        return committed

    Journal.commit = commit_and_die  # type: ignore[method-assign]


def mail_in(folder: Path) -> Mail:
    return Mail(Ledger(folder / "ledger"), folder / "storage" / "heliograph.db")
