"""Many at once, slow ones, those that guess, and a storage that goes away: the server stays."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.testclient import TestClient
from starlette.types import Message

from heliograph import web, workflow
from heliograph.web import bodies, guard
from heliograph.web.live import MOST_STREAMS
from tests.conditions import DEADLINE, until
from tests.web.sending import Server, serving

PAGE = {"Accept": "text/html"}


@workflow.task
def one() -> int:
    return 1


def test_a_storage_that_vanishes_is_told_and_the_server_goes_on(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    workflow.init(storage=storage, workers="threads", num_workers=1)
    workflow.run(one.bind(), workflow_id="one")
    workflow.shutdown()
    with serving(storage) as server:
        assert server.ask("GET", "/api/workflow?id=one")[0] == 200
        away = storage.rename(tmp_path / "away")
        until(lambda: server.ask("GET", "/api/workflow?id=one")[0] == 503)  # who reads looks now and then
        for path in ("/api/workflow?id=one", "/api/workflows", "/api/workflow/profile?id=one", "/metrics"):
            code, said = server.ask("GET", path)
            assert (code, "was removed while it was in use" in said["error"]["message"]) == (503, True), path
        assert server.ask("GET", "/api/openapi.json")[0] == 200
        away.rename(storage)
        assert server.ask("GET", "/api/workflow?id=one")[0] == 200
        shutil.rmtree(storage)
        assert server.ask("GET", "/api/workflows")[0] == 503


async def stream(server: Server, path: str, opened: asyncio.Semaphore, seen: asyncio.Event) -> str:
    """Open an event stream, say so, and read until something has changed, or it is refused."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        status = (await reader.readline()).decode().split()[1]
        opened.release()
        if status == "200":
            await reader.readuntil(b"event: change")
            seen.set()
        return status
    finally:
        writer.close()


def test_a_thousand_streams_hear_of_a_change_and_one_more_is_refused(tmp_path: Path) -> None:
    workflow.init(storage=tmp_path, workers="threads", num_workers=1)
    with serving(tmp_path) as server:

        async def all_of_them() -> None:
            opened, seen = asyncio.Semaphore(0), asyncio.Event()
            mark = "seen=none"
            path = "/live/workflows?q=workflow_id+%3D+late&" + mark
            # What they have seen is how it is: they are told nothing, until something changes.
            first = stream(server, path, opened, seen)
            assert await first == "200"
            now = await current_mark(server)
            listening = [
                asyncio.create_task(
                    stream(server, f"/live/workflows?q=workflow_id+%3D+late&seen={now}", opened, seen)
                )
                for _ in range(MOST_STREAMS)
            ]
            for _ in range(MOST_STREAMS + 1):
                await opened.acquire()
            seen.clear()
            assert await stream(server, path, opened, seen) == "503"
            assert (await asyncio.to_thread(server.ask, "GET", "/api/workflows"))[0] == 200
            await asyncio.to_thread(workflow.run, one.bind(), workflow_id="late")
            assert set(await asyncio.gather(*listening)) == {"200"}

        asyncio.run(asyncio.wait_for(all_of_them(), 2 * DEADLINE))
    workflow.shutdown()


async def current_mark(server: Server) -> str:
    """The mark of what a stream of the list is about now."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        writer.write(
            b"GET /live/workflows?q=workflow_id+%3D+late&seen=none HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        await reader.readuntil(b"data: ")
        return (await reader.readline()).decode().strip()
    finally:
        writer.close()


def test_slow_clients_keep_nobody_else_waiting(tmp_path: Path) -> None:
    workflow.init(storage=tmp_path, workers="threads", num_workers=1)
    workflow.run(one.bind(), workflow_id="one")
    workflow.shutdown()
    with serving(tmp_path) as server, ExitStack() as open_ones:
        for _ in range(50):
            never_asks = open_ones.enter_context(server.connected())
            never_asks.sendall(b"GET / HTTP/1.1\r\nHost: localh")
            never_reads = open_ones.enter_context(server.connected())
            never_reads.sendall(b"GET /static/vendor/dagre.min.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
            never_ends = open_ones.enter_context(server.connected())
            never_ends.sendall(
                b"POST /event/send_event/one HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
            )
        assert server.ask("GET", "/api/workflow?id=one")[0] == 200


def test_a_body_that_never_ends_is_not_awaited_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(bodies, "_PATIENCE", 0.01)
    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(HTTPException, match="the body did not come within") as refused:
        asyncio.run(bodies.read_body(request, 10))
    assert refused.value.status_code == 408


def test_who_guesses_tokens_has_to_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "GUESSES_A_SECOND", 0.001)  # however long this takes
    with TestClient(web.app(tmp_path, token="right"), base_url="http://localhost") as client:
        guesses = [client.post("/login", data={"token": "wrong"}).status_code for _ in range(12)]
        assert (guesses[0], guesses[-1]) == (401, 429)
        assert client.post("/login", data={"token": "right"}).status_code == 429
        wrong = {"Authorization": "Bearer wrong"}
        codes = [client.get("/api/workflows", headers=wrong).status_code for _ in range(12)]
        assert (codes[0], codes[-1]) == (401, 429)
        right = client.get("/api/workflows", headers={"Authorization": "Bearer right"})
        assert right.status_code == 200
    workflow.shutdown()


def test_who_asks_too_often_is_told_when_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "AT_ONCE", 3.0)
    monkeypatch.setattr(guard, "A_SECOND", 0.001)
    with TestClient(web.app(tmp_path), base_url="http://localhost") as client:
        codes = [client.get("/api/openapi.json").status_code for _ in range(4)]
        assert codes == [200, 200, 200, 429]
        refused = client.get("/", headers=PAGE)
        assert int(refused.headers["retry-after"]) > 100
        assert "default-src 'none'" in refused.headers["content-security-policy"]
    workflow.shutdown()
