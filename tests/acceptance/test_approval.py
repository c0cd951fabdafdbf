"""The example of human approval over HTTP: it asks, survives SIGKILL, and acts on the decision."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conditions import DEADLINE
from tests.scripts import ROOT, environment
from tests.web.sending import Server, until_listening


@contextmanager
def asking(storage: Path) -> Iterator[tuple[subprocess.Popen[str], Server, dict[str, Any]]]:
    """The example, waiting for a decision; its server; and the body it asks for."""
    command = [sys.executable, ROOT / "examples" / "approval.py", "--storage", storage, "--port", "0"]
    with subprocess.Popen(
        command, env=environment(storage), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting for a decision; send one:\n"
            _, _, body, url = shlex.split(process.stdout.readline())
            assert urlsplit(url).path == "/event/send_event/expense-42"
            until_listening(storage, "expense-42", "decision")
            yield process, Server(process, urlsplit(url).port or 0), json.loads(body)
        finally:
            process.kill()


def printed(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, errors
    return output


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (None, "a heliograph: 120.00 paid, approved by 'Ada'\n"),
        ({"approved": False}, "a heliograph: declined\n"),
        ("approved", "a heliograph: declined\n"),
    ],
)
def test_the_decision_is_acted_on(tmp_path: Path, decision: Any, said: str) -> None:
    with asking(tmp_path) as (process, server, body):
        body |= {} if decision is None else {"event_payload": decision}
        assert server.post("expense-42", body) == (200, {"status": "checkpointed"})
        assert printed(process) == said


def test_it_goes_on_waiting_after_a_kill(tmp_path: Path) -> None:
    with asking(tmp_path) as (process, _, _):
        process.send_signal(signal.SIGKILL)
    with asking(tmp_path) as (process, server, body):
        assert server.post("expense-42", body) == (200, {"status": "checkpointed"})
        assert printed(process) == "a heliograph: 120.00 paid, approved by 'Ada'\n"
