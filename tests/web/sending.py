"""A server that takes events, and what sends to it: nothing but what is meant."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from heliograph.storage.location import locate
from tests import commands, forked, invariants
from tests.conditions import DEADLINE, until
from tests.scripts import ROOT, environment

Answer = tuple[int, Any]


@dataclass
class Server:
    """``heliograph serve`` in a process of its own."""

    process: forked.Program | subprocess.Popen[str]
    port: int
    host: str = "127.0.0.1"
    threads: list[threading.Thread] = field(default_factory=list)

    def post(
        self, workflow_id: str, body: Any, *, query: str = "", headers: dict[str, str] | None = None
    ) -> Answer:
        """Send something, and wait for the answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        path = f"/event/send_event/{quote(workflow_id, safe='')}{query}"
        return self.ask("POST", path, data, headers)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE)
        with closing(connection):
            connection.request(method, path, body, {"Content-Type": "application/json"} | (headers or {}))
            answer = connection.getresponse()
            text = answer.read()
        return answer.status, json.loads(text) if text else None

    def send(self, workflow_id: str, key: str, payload: Any, **more: Any) -> Answer:
        return self.post(workflow_id, {"event_key": key, "event_payload": payload}, **more)

    def sending(self, workflow_id: str, key: str, payload: Any, **more: Any) -> Future[Answer]:
        """Send, and go on; the answer comes later."""
        answer: Future[Answer] = Future()

        def work() -> None:
            try:
                answer.set_result(self.send(workflow_id, key, payload, **more))
            except BaseException as error:
                answer.set_exception(error)

        thread = threading.Thread(target=work, daemon=True)
        self.threads.append(thread)
        thread.start()
        return answer

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        with socket.create_connection((self.host, self.port), timeout=DEADLINE) as connection:
            yield connection

    def stop(self) -> str:
        self.process.terminate()
        _, errors = self.process.communicate(timeout=DEADLINE)
        for thread in self.threads:
            thread.join(DEADLINE)
        return errors


@contextmanager
def serving(storage: Path, *arguments: str) -> Iterator[Server]:
    process = commands.program(["serve", "--port", "0", *arguments], environment(storage), ROOT)
    said = process.stdout.readline().decode()
    server = Server(process, int(said.rpartition(":")[2]) if said else 0)
    try:
        yield server
    finally:
        errors = server.stop()
    assert said, errors
    assert "Traceback" not in errors, errors


def rows(storage: Path, table: str) -> list[dict[str, Any]]:
    """What a table holds, with the id of each row's workflow in place of its key."""
    with closing(invariants.connect(locate(storage).path or str(storage))) as connection:
        found = connection.execute(
            f"SELECT {table}.*, workflow_id, workflows.run AS workflow_run "
            f"FROM {table} LEFT JOIN workflows ON key = {table}.workflow"
        )
        return [dict(row) for row in found]


def until_listening(storage: Path, workflow_id: str, key: str, count: int = 1) -> None:
    def listening() -> bool:
        here = [row for row in rows(storage, "http_listeners") if row["workflow_id"] == workflow_id]
        # One of an earlier run was killed, and could not say that it waits no more.
        return sum(row["event_key"] == key and row["run"] == row["workflow_run"] for row in here) == count

    until(listening, what=f"{count} to wait for {key!r} of {workflow_id!r}")


def until_state(storage: Path, state: str, where: Callable[[dict[str, Any]], bool] = lambda _: True) -> None:
    until(
        lambda: any(row["state"] == state and where(row) for row in rows(storage, "http_events")),
        what=f"an event to be {state}",
    )
