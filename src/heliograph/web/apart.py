"""Answers about very large workflows, made in a process of their own.

To read all of 100,000 tasks takes seconds and hundreds of megabytes. In the server, nobody else would be
answered meanwhile, and it would keep much of that memory; here all of it goes with the process.

``python -m heliograph.web.apart`` reads a job from its standard input, and writes the answer's status and
headers as a line of JSON, then its body.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message

LARGE: Final = 20_000
"""Tasks of a workflow that is read apart."""
_AT_ONCE: Final = 2
_PART: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Job:
    """A question, and what is needed to answer it.

    Attributes:
        storage: what is asked.
        read_only: whether pages have no buttons.
        csrf: what their forms carry.
        base: where the app is mounted.
        path: the question's, below that.
        query: its parameters.
        accept: what kind of answer is wanted.
    """

    storage: str
    read_only: bool
    csrf: str
    base: str
    path: str
    query: str
    accept: str


class Apart:
    """Has jobs done; two at a time."""

    def __init__(self) -> None:
        self._room: asyncio.Semaphore | None = None

    async def answer(self, job: Job) -> Response:
        """The answer to a job.

        Raises:
            RuntimeError: the process failed.
        """
        self._room = self._room or asyncio.Semaphore(_AT_ONCE)
        with contextlib.ExitStack() as until_sent:
            # By way of a file: the server would keep the many megabytes for as long as a client reads slowly.
            body = until_sent.enter_context(tempfile.TemporaryFile())
            async with self._room:
                await _do(job, body)
            body.seek(0)
            told = json.loads(body.readline())
            until_sent.pop_all()
        return StreamingResponse(_parts(body), told["status"], dict(told["headers"]))


async def _do(job: Job, answer: IO[bytes]) -> None:
    """Have a process do a job, and write what it says into a file."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=pipe, stdout=answer, stderr=pipe
    )
    try:
        _, errors = await process.communicate(json.dumps(asdict(job)).encode())
    finally:
        if process.returncode is None:  # nobody waits for the answer any more
            process.kill()
    if process.returncode:
        raise RuntimeError(errors.decode("utf-8", "replace").strip() or f"exit code {process.returncode}")


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(_PART):
            yield part


def job_of(request: Request) -> Job | None:
    """A request as a job; None: what it asks for is stored where only this process can say."""
    from heliograph.web.site import site_of

    site = site_of(request)
    if site.storage is None:
        return None
    base = request.scope.get("root_path", "")
    return Job(
        str(site.storage),
        site.read_only,
        site.csrf,
        base,
        request.url.path.removeprefix(base),
        request.url.query,
        request.headers.get("accept", ""),
    )


async def _done(job: Job) -> tuple[int, Sequence[tuple[str, str]], bytes]:
    from heliograph.web.application import make

    made: Starlette = make(job.storage, 1, None, None, job.read_only, job.csrf, apart=False)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": job.base + job.path,
        "root_path": job.base,
        "query_string": job.query.encode(),
        "headers": [(b"accept", job.accept.encode("latin-1", "replace"))],
        "server": ("localhost", 80),
        "scheme": "http",
        "http_version": "1.1",
    }
    await made(scope, receive, send)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]]
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])


def main() -> None:
    """Do the job that is on the standard input."""
    gc.disable()  # this process ends before there would be much to collect
    status, headers, body = asyncio.run(_done(Job(**json.loads(sys.stdin.buffer.read()))))
    sys.stdout.buffer.write(json.dumps({"status": status, "headers": headers}).encode() + b"\n")
    sys.stdout.buffer.write(body)
    sys.stdout.flush()
    os._exit(0)  # it has only read: to take hundreds of megabytes apart, object by object, helps nobody


if __name__ == "__main__":
    main()
