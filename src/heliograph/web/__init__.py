"""Heliograph over HTTP: an ASGI app that any server can mount. Needs the extra ``web``.

It shows what is stored, on pages for people and as JSON under ``/api`` (described in
``/api/openapi.json``); ``/metrics`` is for Prometheus. Nothing is unpickled in it: what is resumed from a
page runs in a process of its own. And it receives the events that `workflow.HTTPListener` waits for:

``POST /event/send_event/{workflow_id}`` with the JSON object ``{"event_key": …, "event_payload": …}``.

=====  ==================================================================================================
200    The event is checkpointed: the task that waited for it has it in its stored output. With
       ``?keep=true``, and nobody waiting yet: it is kept, and whoever waits for it next will get it. The
       answer's ``status`` says which: ``checkpointed`` or ``kept``.
400    The body is not JSON, not an object, or lacks a key; or the key, or the workflow's id, can't be one.
       ``error.message`` says what is wrong.
401    There is a token, and the request doesn't carry it (``Authorization: Bearer …``).
403    A web page of another origin sent it, it is for a host that is not this one, or the app is read-only.
404    Nobody waits for it, and it is not stored: there is no such workflow, it is not running, none of its
       tasks waits for that key, or the one that does was sent an event already; or the workflow ended
       without taking it.
413    The body is larger than the limit: 1 MiB, if nothing else is said.
422    The ``Idempotency-Key`` was used for another payload before.
500    It could not be stored; or, once it was, the storage could not be read.
=====  ==================================================================================================

The answer comes when it is true: a request may take as long as the workflow does. Who stops waiting does not
take the event back: it is stored, it is not lost if the process that waits for it is killed, and the workflow
gets it when it is resumed. Only a 404 means that it will not.

A request may be sent again. If it carries the header ``Idempotency-Key`` (any text that the sender makes up,
up to 512 characters), it is the same event as the first time, and gets the same answer, also after it was
checkpointed. Without one, it is another event.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from heliograph.errors import MissingExtraError

if TYPE_CHECKING:
    from starlette.applications import Starlette

MAX_BODY: Final = 1024 * 1024
"""The largest body that is read, in bytes, if nothing else is said."""


def app(
    storage: str | os.PathLike[str] | None = None,
    *,
    max_body: int = MAX_BODY,
    token: str | None = None,
    hosts: Collection[str] | None = None,
    read_only: bool = False,
) -> Starlette:
    """An ASGI app: mount it, or run it with any server, as ``uvicorn --factory heliograph.web:app`` does.

    Args:
        storage: the storage to show, as for `workflow.init`; a process has one open at a time. None: the one
            that this process has open when a request comes, else the default one.
        max_body: the largest body of a request that is read, in bytes.
        token: requests must carry it, as ``Authorization: Bearer …``. None: everybody is let in.
        hosts: the host names that requests may be for, such as ``localhost``. None: any.
        read_only: nothing can be changed: no event is taken, and no workflow cancelled, resumed or deleted.

    Raises:
        MissingExtraError: Starlette is not installed.
        TypeError: `read_only` is not a bool.
        ValueError: `storage` is not valid, or another one is open; `max_body` is not positive; or the token
            is empty.
        StorageError: the storage can't be opened.
        WorkflowError: heliograph is installed in a zip file, from which pages can't be served.
    """
    try:
        import jinja2  # noqa: F401
        import starlette  # noqa: F401
    except ImportError as error:
        raise missing_extra() from error
    from heliograph.web.application import make

    return make(storage, max_body, token, hosts, read_only)


def missing_extra() -> MissingExtraError:
    """The error of who has not installed what this needs."""
    return MissingExtraError('heliograph\'s web app needs its extra: pip install "heliograph[web]"')
