"""``heliograph serve``: where it listens, who may come in, and what it says when it can't start."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from heliograph import web, workflow
from heliograph.cli.app import run
from heliograph.errors import WorkflowError
from tests.conditions import DEADLINE
from tests.scripts import ROOT, environment
from tests.web.sending import Server, serving


def refused(storage: Path, *arguments: str, **more: str) -> tuple[int, str]:
    """The exit code and what is said by one that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "heliograph", "serve", *arguments],
        env=environment(storage) | {"COLUMNS": "200"} | more,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_where_others_can_reach_it_a_token_is_made_and_shown_once(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "heliograph", "serve", "--host", "0.0.0.0", "--port", "0"],
        env=environment(tmp_path),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline().rpartition(":")[2])
        token = process.stdout.readline().rpartition(": ")[2].strip()
        assert len(token) >= 32

        def status(**headers: str) -> int:
            with closing(HTTPConnection("127.0.0.1", port, timeout=DEADLINE)) as connection:
                connection.request("GET", "/api/workflows", headers=headers)
                return connection.getresponse().status

        assert status() == 401
        assert status(Authorization="Bearer something else") == 401
        assert status(Authorization=f"Bearer {token}") == 200
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE)


def test_an_empty_token_is_none(tmp_path: Path) -> None:
    code, said = refused(tmp_path, "--host", "0.0.0.0", "--token", " ")
    assert code == 2
    assert "the token must not be empty" in said


def test_a_host_that_is_none(tmp_path: Path) -> None:
    code, said = refused(tmp_path, "--host", "no host.invalid")
    assert code == 2
    assert "'no host.invalid' is no address" in said


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = refused(tmp_path, "--port", str(port))
    assert code == 1
    assert f"can't listen on 127.0.0.1 port {port}: Address already in use" in said


def test_a_storage_that_is_not_there_or_none(tmp_path: Path) -> None:
    code, said = refused(tmp_path, "--storage", str(tmp_path / "typo"))
    assert (code, "there is no storage at" in said) == (1, True)
    (tmp_path / "heliograph.db").write_bytes(b"no database" * 1000)
    code, said = refused(tmp_path)
    assert (code, "file is not a database" in said) == (1, True)


def test_what_is_read_apart_is_read_of_the_default_storage_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []

    def app(storage: object, **_: object) -> None:
        given.append(storage)
        raise WorkflowError("enough")

    monkeypatch.setattr(web, "app", app)
    monkeypatch.setenv("HELIOGRAPH_STORAGE", str(tmp_path))
    assert run(["serve", "--port", "0"]) == 1
    workflow.init()
    workflow.shutdown()
    assert run(["serve", "--port", "0"]) == 1
    assert given == [None, str(tmp_path / "heliograph.db")]


TOKEN = "sésame, ouvre-toi"


def ask(server: Server, authorization: str | None) -> tuple[int, Any]:
    headers = {} if authorization is None else {"Authorization": authorization}
    return server.send("mine", "k", 1, headers=headers)


def test_with_a_token_only_who_has_it_comes_in(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0", "--token", TOKEN) as server:
        encoded = TOKEN.encode().decode("latin-1")
        assert ask(server, f"Bearer {encoded}")[0] == 404
        assert ask(server, f"bearer  {encoded}")[0] == 404
        for wrong in (None, "", "Bearer", "Bearer ", f"Bearer {encoded}x", f"Basic {encoded}", encoded):
            assert ask(server, wrong) == (
                401,
                {"error": {"code": 401, "message": "send the token: Authorization: Bearer …"}},
            )
        assert server.ask("GET", "/")[0] == 401  # not even what is there


def test_the_token_may_come_from_the_environment(tmp_path: Path) -> None:
    os.environ["HELIOGRAPH_TOKEN"] = "secret"
    try:
        with serving(tmp_path) as server:
            assert ask(server, None)[0] == 401
            assert ask(server, "Bearer secret")[0] == 404
    finally:
        del os.environ["HELIOGRAPH_TOKEN"]


def test_ipv6_and_names(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "::1") as server:
        server.host = "::1"
        assert ask(server, None)[0] == 404
    with serving(tmp_path, "--host", "localhost") as server:
        server.host = "localhost"
        assert ask(server, None)[0] == 404


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
@pytest.mark.parametrize("is_asked", [False, True])
def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals, code: int, is_asked: bool) -> None:
    with serving(tmp_path) as server:
        if is_asked:
            with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert connection.recv(100).startswith(b"HTTP/1.1 200")
        server.process.send_signal(number)
        assert server.process.wait(DEADLINE) == code


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_one_line_names_it(tmp_path: Path, missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from heliograph.cli.app import run\n"
        "sys.exit(run(['serve']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path) | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert 'pip install "heliograph[web]"' in done.stderr


def test_out_of_a_zip_file_one_line_says_what_to_do(tmp_path: Path) -> None:
    source = Path(workflow.__file__).parents[1]
    zipped = shutil.make_archive(str(tmp_path / "app"), "zip", source, "heliograph")
    done = subprocess.run(
        [sys.executable, "-m", "heliograph", "serve"],
        env=environment(tmp_path) | {"PYTHONPATH": zipped},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: the web pages can't be served: there is no folder {zipped}/heliograph/web/static. "
        "If heliograph is in a zip file, unpack it; else install it anew\n"
    )


def test_read_only_is_true_or_false() -> None:
    with pytest.raises(TypeError, match="read_only must be True or False, not 'no'"):
        web.app(read_only="no")  # type: ignore[arg-type]
