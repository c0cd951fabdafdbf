"""A person approves over HTTP: the workflow waits for the answer, for as long as that takes.

Run it; it says what to send, and waits. Stop it, even with `kill -9`, before or after somebody decided: run
it again, and it goes on where it was. Who has been answered `200` is sure that the decision is stored.

The server runs in this program, to have all in one place. It may run anywhere else that reaches the storage:
`heliograph serve --storage build/approval`, or `heliograph.web.app()` mounted in your own app.
"""

from __future__ import annotations

import argparse
import json
import shlex
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from heliograph import web, workflow

STORAGE = Path(__file__).resolve().parent.parent / "build" / "approval"
KEY = "decision"


@workflow.task
def request(amount: float, purpose: str) -> dict[str, Any]:
    """Write down what is asked for. Here one would also send a mail with a link."""
    return {"amount": amount, "purpose": purpose}


@workflow.task
def settle(asked: dict[str, Any], event: tuple[str, Any]) -> str:
    """Act on the decision. It came from outside: what it holds is not to be trusted."""
    _, decision = event
    if not isinstance(decision, dict) or decision.get("approved") is not True:
        return f"{asked['purpose']}: declined"
    return f"{asked['purpose']}: {asked['amount']:.2f} paid, approved by {decision.get('by', 'somebody')!r}"


@contextmanager
def serving(storage: Path, port: int) -> Iterator[int]:
    """Receive events in a thread of this program, on the port that is given; answer all before it ends."""
    listener = socket.create_server(("127.0.0.1", port))
    hosts = ("127.0.0.1", "localhost")
    server = uvicorn.Server(uvicorn.Config(web.app(storage, hosts=hosts), log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def main() -> None:
    """Ask, wait for the decision, act on it."""
    parser = argparse.ArgumentParser(description="Ask for an approval over HTTP, and act on it.")
    parser.add_argument("--storage", type=Path, default=STORAGE)
    parser.add_argument("--port", type=int, default=8000, help="0: one that is free")
    parser.add_argument("--id", default="expense-42")
    given = parser.parse_args()

    workflow.init(storage=given.storage)
    asked = request.bind(120, "a heliograph")
    # If it is stored already, it goes on from there: the same call starts and resumes.
    decided = workflow.wait_for_event(workflow.HTTPListener, KEY)
    output = workflow.run_async(settle.bind(asked, decided), workflow_id=given.id)
    if not output.done():
        with serving(given.storage, given.port) as port:
            url = f"http://127.0.0.1:{port}/event/send_event/{given.id}"
            body = json.dumps({"event_key": KEY, "event_payload": {"approved": True, "by": "Ada"}})
            print(f"waiting for a decision; send one:\n  {shlex.join(['curl', '-d', body, url])}", flush=True)
            output.result()
    print(output.result())


if __name__ == "__main__":
    main()
