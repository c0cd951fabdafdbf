"""Bodies and requests that nobody means well with, or that somebody got wrong."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heliograph import web, workflow
from tests.web.sending import Server, rows, serving

PATH = "/event/send_event/mine"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "storage"


@pytest.fixture(scope="module")
def server(storage: Path) -> Iterator[Server]:
    with serving(storage) as server:
        yield server


def message(answer: tuple[int, Any], code: int) -> str:
    assert answer[0] == answer[1]["error"]["code"] == code
    return str(answer[1]["error"]["message"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"event_key=k&event_payload=1",
        b'{"event_key": "k", "event_payload": NaN}',
        b'{"event_key": "k", "event_payload": Infinity}',
        b'{"event_key": "k", "event_payload": 1} and more',
        b'{"event_key": "\xff", "event_payload": 1}',
        b"\x80\x05K\x01.",  # a pickle
        b'{"event_key": "k", "event_payload": ' + b"1" * 5000 + b"}",  # more digits than Python converts
    ],
)
def test_a_body_that_is_not_json(server: Server, body: bytes) -> None:
    assert message(server.post("mine", body), 400).startswith("the body is not JSON: ")


def test_a_body_nested_without_end(server: Server) -> None:
    body = b'{"event_key": "k", "event_payload": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    assert "nested too deeply" in message(server.post("mine", body), 400)


@pytest.mark.parametrize("body", [None, 1, "text", [], ["event_key", "event_payload"]])
def test_a_body_that_is_no_object(server: Server, body: Any) -> None:
    said = message(server.post("mine", body), 400)
    assert said == "the body must be a JSON object with event_key and event_payload"


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({}, "event_key and event_payload"),
        ({"event_key": "k"}, "event_payload"),
        ({"event_payload": 1, "Event_Key": "k"}, "event_key"),
    ],
)
def test_a_body_that_lacks_a_key(server: Server, body: Any, missing: str) -> None:
    assert message(server.post("mine", body), 400) == f"the body lacks {missing}"


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        (None, "event_key must be a str, not NoneType: None"),
        (7, "event_key must be a str, not int: 7"),
        (["k"], "event_key must be a str, not list: ['k']"),
        ("", "event_key must not be empty"),
        ("k" * 513, "event_key must have at most 512 characters, not 513"),
        ("a\x00b", "event_key holds a control character at position 1"),
        ("\ud800", "event_key holds half a character at position 0"),
    ],
)
def test_a_key_that_cannot_be_one(server: Server, key: Any, wrong: str) -> None:
    assert message(server.send("mine", key, 1), 400).startswith(wrong)


def test_keep_that_is_neither(server: Server) -> None:
    assert message(server.send("mine", "k", 1, query="?keep=perhaps"), 400) == (
        "keep must be true or false, not 'perhaps'"
    )


def test_an_idempotency_key_that_cannot_be_one(server: Server) -> None:
    headers = {"Idempotency-Key": "k" * 513}
    assert "at most 512 characters" in message(server.send("mine", "k", 1, headers=headers), 400)


@pytest.mark.parametrize("workflow_id", ["", "w" * 513, "a\x00b", "a\rb"])
def test_a_workflow_that_cannot_be(server: Server, workflow_id: str) -> None:
    assert message(server.send(workflow_id, "k", 1), 400).startswith("workflow_id ")


@pytest.mark.parametrize("workflow_id", ["'; DROP TABLE workflows; --", "%", "ä🌞", "a/b", "/", "a//../b"])
def test_a_workflow_that_is_not_there(server: Server, workflow_id: str) -> None:
    assert message(server.send(workflow_id, "k", 1), 404) == f"No such workflow_id {workflow_id!r}"


@pytest.mark.parametrize("path", ["/nowhere", "/event"])
def test_a_place_that_is_not_there(server: Server, path: str) -> None:
    assert message(server.ask("POST", path, b"{}"), 404) == "Not Found"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_wrong_method(server: Server, method: str) -> None:
    assert message(server.ask(method, PATH, b"{}"), 405) == "Method Not Allowed"


def test_a_page_of_another_origin(server: Server) -> None:
    def send(**headers: str) -> tuple[int, Any]:
        return server.send("mine", "k", 1, headers=headers)

    for origin in ("https://example.com", "null", "http://127.0.0.1:1", "http://[", "file://"):
        message(send(Origin=origin), 403)
    here = f"127.0.0.1:{server.port}"
    assert "No such workflow_id" in message(send(Origin=f"http://{here}"), 404)
    # A name of somebody's own that leads here: the page's origin and the host agree.
    message(send(Origin="http://evil.example", Host="evil.example"), 403)
    message(send(Host="evil.example"), 403)
    message(send(Host="["), 403)
    message(send(Host=f"localhost:{server.port}"), 404)


# -- sizes

LIMIT = web.MAX_BODY


def body_of(size: int) -> bytes:
    start = b'{"event_key": "k", "event_payload": "'
    return start + b"x" * (size - len(start) - 2) + b'"}'


def test_the_largest_body(server: Server) -> None:
    message(server.post("mine", body_of(LIMIT)), 404)
    assert message(server.post("mine", body_of(LIMIT + 1)), 413) == f"the body is larger than {LIMIT} bytes"


def answer_of(connection: socket.socket) -> tuple[int, dict[str, str], Any]:
    """The one answer that comes before the connection is closed, or before the rest is awaited."""
    data = b""
    while b"\r\n\r\n" not in data:
        got = connection.recv(65536)
        assert got, data
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return int(lines[0].split()[1]), headers, json.loads(body)


HEAD = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def test_a_large_body_is_refused_before_it_is_read(server: Server) -> None:
    with server.connected() as connection:
        connection.sendall(f"{HEAD}Content-Length: {10**18}\r\n\r\n".encode())
        code, headers, _ = answer_of(connection)
        assert (code, headers["connection"]) == (413, "close")


def test_chunks_without_end_are_not_read_to_the_end(server: Server) -> None:
    with server.connected() as connection:
        connection.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        sent = 0
        try:
            while sent < 64 * LIMIT:  # far more than all buffers on the way
                connection.sendall(chunk)
                sent += 0x10000
        except ConnectionError:
            return  # it was closed while this was being sent; the answer may be lost with that
        raise AssertionError(f"{sent} bytes were taken")


def test_a_chunked_body_of_a_good_size(server: Server) -> None:
    body = body_of(1000)
    with server.connected() as connection:
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:]))
        connection.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n")
        assert answer_of(connection)[0] == 404


@pytest.mark.parametrize("length", ["-1", "ten", "٣", "1e3", "0x10", "5, 6", "9" * 400])
def test_a_content_length_that_is_none(server: Server, length: str) -> None:
    with server.connected() as connection:
        connection.sendall(f"{HEAD}Content-Length: {length}\r\n\r\n".encode() + body_of(100))
        data = connection.recv(100)
        assert data[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 413") or not data


def test_a_body_shorter_than_it_says(server: Server) -> None:
    with server.connected() as connection:
        connection.sendall(f"{HEAD}Content-Length: 100\r\n\r\n".encode() + b'{"event_key"')
    message(server.send("mine", "k", 1), 404)  # the server goes on


def test_nothing_of_it_was_stored(server: Server, storage: Path) -> None:
    message(server.send("mine", "k", 1), 404)
    assert rows(storage, "http_events") == []


# -- the app by itself


def test_an_app_for_another_storage_than_the_open_one(tmp_path: Path) -> None:
    workflow.init(storage=tmp_path / "mine")
    try:
        web.app(storage=tmp_path / "mine")
        with pytest.raises(ValueError, match=r"storage is '.*mine.*' already, and can't be '.*other"):
            web.app(storage=tmp_path / "other")
    finally:
        workflow.shutdown()


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"max_body": 0}, "max_body must be a positive number of bytes, not 0"),
        ({"storage": "mysql://host/db"}, "unknown kind 'mysql'"),
        ({"token": ""}, "the token must not be empty"),
    ],
)
def test_an_app_that_cannot_be(given: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        web.app(**given)
