"""Answers about very large workflows, made in a process of their own.

To read all of 100,000 tasks takes seconds and hundreds of megabytes. In the server, nobody else would be
answered meanwhile, and it would keep much of that memory; here all of it goes with the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import IO, Final

from starlette.responses import Response, StreamingResponse

_PROCESS: Final = "heliograph.web.apart_process"
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
        sys.executable, "-m", _PROCESS, stdin=pipe, stdout=answer, stderr=pipe
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
