"""The channel between a coordinator and those who call it: no cluster is needed for that."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from heliograph.engines.ray.channel import Channel, ChannelServer
from tests import scripts

SECRET = "known to both"
FULL = """
import os, resource, signal, sys
from heliograph.engines.ray.channel import ChannelServer

server = ChannelServer(lambda question: question, sys.argv[1])
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, most))
try:
    while True:
        os.dup(0)
except OSError:
    print(*server.place, flush=True)
signal.pause()
"""


def backwards(question: bytes) -> bytes:
    return question[::-1]


@pytest.fixture
def server() -> Iterator[ChannelServer]:
    made = ChannelServer(backwards, SECRET)
    yield made
    made.close()


def test_questions_are_answered_whatever_their_size(server: ChannelServer) -> None:
    assert server.place is not None
    channel = Channel(server.place, SECRET)
    for question in (b"abc", b"", bytes(range(256)) * 100_000):
        assert channel.ask(question) == question[::-1]


def test_both_ends_may_look_out_for_each_other() -> None:
    server = ChannelServer(backwards, SECRET, lambda: True)
    assert server.place is not None
    channel = Channel(server.place, SECRET)
    for number in range(1_000):
        question = str(number).encode()
        assert channel.ask(question, is_alone=number % 10 != 0) == question[::-1]
    server.close()


def test_many_lines_at_once() -> None:
    all_there = threading.Barrier(8)

    def answer(question: bytes) -> bytes:
        all_there.wait(timeout=60)
        return question

    server = ChannelServer(answer, SECRET)
    assert server.place is not None
    channels = [Channel(server.place, SECRET) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        questions = [bytes([number]) for number in range(8)]
        assert list(threads.map(Channel.ask, channels, questions)) == questions
    server.close()


def test_who_does_not_know_the_secret_is_not_heard(server: ChannelServer) -> None:
    assert server.place is not None
    with pytest.raises(OSError, match="AuthenticationError"):
        Channel(server.place, "guessed")
    assert Channel(server.place, SECRET).ask(b"ab") == b"ba"  # others are


@pytest.mark.parametrize("is_alone", [False, True])
def test_a_line_whose_other_end_is_gone(is_alone: bool) -> None:
    def fail(_question: bytes) -> bytes:
        raise ConnectionError("as if the process were gone")

    server = ChannelServer(fail, SECRET)
    assert server.place is not None
    channel = Channel(server.place, SECRET)
    with pytest.raises(OSError, match="broke"):
        channel.ask(b"", is_alone)
    server.close()


class Interruption(BaseException):
    """What the handler of a signal raises."""


def test_no_question_gets_the_answer_to_one_that_was_interrupted() -> None:
    has_left = threading.Event()

    def answer(question: bytes) -> bytes:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        has_left.wait()
        return question

    def interrupt(*_: object) -> None:
        raise Interruption

    server = ChannelServer(answer, SECRET)
    assert server.place is not None
    channel = Channel(server.place, SECRET)
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(Interruption):
            channel.ask(b"first")
    finally:
        signal.signal(signal.SIGUSR1, before)
        has_left.set()
        server.close()
    assert channel.is_closed
    with pytest.raises(OSError, match="closed"):
        channel.ask(b"second")


def test_nothing_listens_where_ray_encrypts_what_it_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USE_TLS", "1")
    server = ChannelServer(backwards, SECRET)
    assert server.place is None
    server.close()


def test_who_calls_a_process_that_can_open_no_more_is_refused(tmp_path: Path) -> None:
    with scripts.start(FULL, tmp_path, SECRET) as process:
        assert process.stdout is not None
        host, port = process.stdout.readline().split()
        channels: list[Channel] = []

        def call_twice() -> (
            None
        ):  # where its thread waited for calls already, Linux has a place for the first
            while len(channels) < 2:
                channels.append(Channel((host, int(port)), SECRET))

        try:
            with pytest.raises(OSError):  # noqa: PT011 - refused or reset: whichever comes first
                call_twice()
            assert [channel.ask(b"ab") for channel in channels] == [b"ab"] * len(channels)
        finally:
            process.kill()
