"""Cancel, resume, delete: all that can be changed here. A form has to come from a page of this server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from heliograph import workflow
from heliograph.engines import place
from heliograph.web import rendering
from heliograph.web.answers import answer
from heliograph.web.bodies import read_body
from heliograph.web.site import Site, site_of
from heliograph.web.storage import open_storage

MOST: Final = 1000
"""Workflows in one request."""
_PATIENCE: Final = 10.0
"""Seconds in which a resumed workflow begins, or says why it can't."""
_STEP: Final = 0.05


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one workflow.

    Attributes:
        workflow_id: its id.
        ok: whether what was asked for was done.
        told: why not, or what.
        code: of HTTP, where it was not done.
    """

    workflow_id: str
    ok: bool
    told: str
    code: int = 409

    def to_dict(self) -> dict[str, str | bool]:
        """By name."""
        return {"workflow_id": self.workflow_id, "ok": self.ok, "message": self.told}


async def from_page(request: Request) -> Response:
    """A form: asked once more, then done."""
    form = await _form(request)
    action, ids = form.get("do", [""])[-1], [unquote(one) for one in form.get("id", [])]
    _check(action, ids)
    back = form.get("back", [""])[-1]
    if form.get("confirmed") != ["yes"]:
        return rendering.page(request, "confirm.html", action=action, ids=ids, back=back)
    done = await asyncio.to_thread(_all, site_of(request), action, ids)
    return rendering.page(request, "done.html", action=action, done=done, back=back)


async def from_program(request: Request) -> Response:
    """JSON, ``{"id": …}`` or ``{"ids": […]}``: no page of another origin can send that unasked."""
    _check_writable(site_of(request))
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send JSON: Content-Type: application/json")
    try:
        given = json.loads(await read_body(request, site_of(request).max_body))
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON") from None
    ids = _named(given)
    if not ids or not all(isinstance(one, str) for one in ids):
        raise HTTPException(400, 'the body must be {"id": "…"} or {"ids": ["…", …]}')
    action = request.path_params["action"]
    _check(action, ids)
    done = await asyncio.to_thread(_all, site_of(request), action, ids)
    if len(done) == 1 and not done[0].ok:
        return answer({"error": {"code": done[0].code, "message": done[0].told}}, done[0].code)
    return answer({"done": [one.to_dict() for one in done]})


def _named(given: object) -> list[Any]:
    """What a body gives as ids, `id` and `ids` together; empty: it is not what it must be."""
    if not isinstance(given, dict):
        return []
    one, several = [given["id"]] if "id" in given else [], given.get("ids", [])
    is_right = isinstance(several, list) and (several or "ids" not in given)
    return [*several, *one] if is_right else []


async def _form(request: Request) -> dict[str, list[str]]:
    site = site_of(request)
    _check_writable(site)
    body = (await read_body(request, site.max_body)).decode("utf-8", "replace")
    form = parse_qs(body, keep_blank_values=True)
    if not site.is_ours(form.get("csrf", [""])[-1]):
        raise HTTPException(403, "this form is not from a page of this server, or an old one: load it anew")
    return form


def _check_writable(site: Site) -> None:
    if site.read_only:
        raise HTTPException(403, "this server is read-only")


def _check(action: str, ids: list[str]) -> None:
    if action not in _ACTIONS:
        raise HTTPException(400, f"there is no action {action[:40]!r}; there are {', '.join(_ACTIONS)}")
    if not ids:
        raise HTTPException(400, "no workflow was chosen")
    if len(ids) > MOST:
        raise HTTPException(400, f"at most {MOST} workflows at once, not {len(ids)}")


def _all(site: Site, action: str, ids: list[str]) -> list[Done]:
    open_storage(site.storage)
    do, told = _ACTIONS[action]
    done = []
    for workflow_id in ids:
        try:
            do(site, workflow_id)
            done.append(Done(workflow_id, True, told))
        except workflow.WorkflowNotFoundError as missing:
            done.append(Done(workflow_id, False, str(missing), 404))
        except (workflow.WorkflowError, TypeError, ValueError) as refusal:
            done.append(Done(workflow_id, False, str(refusal)))
    return done


def _resume(site: Site, workflow_id: str) -> None:
    """Resume a workflow in a process of its own: its code is never unpickled in here.

    Raises:
        WorkflowNotResumableError: it could not be begun.
    """
    before = workflow.get_metadata(workflow_id)
    if before["status"] in (workflow.RUNNING, workflow.PENDING):
        raise workflow.WorkflowNotResumableError(f"workflow {workflow_id!r} is {before['status']} already")
    # Not on the command line, which everybody on this machine can read: there may be a password in it.
    storage = str(site.storage) if site.storage is not None else place.here().name
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "heliograph", "resume", "--", workflow_id],
            env=os.environ | {"HELIOGRAPH_STORAGE": storage},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
        _reap(process)
        deadline = time.monotonic() + _PATIENCE
        while workflow.get_metadata(workflow_id)["runs"] == before["runs"]:
            if process.poll() is not None:
                if process.returncode == 0:  # there was nothing left to do
                    return
                said.seek(0)
                lines = said.read().decode("utf-8", "replace").strip().splitlines()
                raise workflow.WorkflowNotResumableError(lines[-1] if lines else "it ended at once")
            if time.monotonic() > deadline:
                raise workflow.WorkflowNotResumableError(
                    f"it has not begun after {_PATIENCE:g} s; process {process.pid} goes on trying"
                )
            time.sleep(_STEP)


_children: list[subprocess.Popen[bytes]] = []


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Let those that ended go; they outlive this server if need be."""
    _children[:] = [child for child in _children if child.poll() is None]
    _children.append(process)


_ACTIONS: Final[Mapping[str, tuple[Callable[[Site, str], None], str]]] = {
    "cancel": (lambda _site, workflow_id: workflow.cancel(workflow_id), "cancelled"),
    "resume": (_resume, "resumed, in a process of its own"),
    "delete": (lambda _site, workflow_id: workflow.delete(workflow_id), "deleted"),
}
