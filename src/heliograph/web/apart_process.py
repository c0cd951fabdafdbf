"""The process that answers for `heliograph.web.apart`.

It reads a job from its standard input, and writes the answer's status and headers as a line of JSON, then its
body.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.types import Message

from heliograph.web.apart import Job
from heliograph.web.application import make


async def _done(job: Job) -> tuple[int, Sequence[tuple[str, str]], bytes]:
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
