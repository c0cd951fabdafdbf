"""Who may come in."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from heliograph.web.answers import error


class Guard:
    """Turns away who has no token, and pages of other origins.

    Any page that a browser shows may post to any address, loopback too, without asking: what it can't do is
    hide where it is from.

    Args:
        app: what is guarded.
        token: what requests have to carry; None: nothing.
        hosts: names of this server; a page whose own name was made to lead here calls it by that. None: any.
    """

    def __init__(self, app: ASGIApp, token: str | None, hosts: Collection[str] | None = None) -> None:
        self._app = app
        self._hosts = None if hosts is None else frozenset(hosts)
        self._digest = None if token is None else _digest(token.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if not self._has_token(headers):
                refusal = error(
                    401, "send the token: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"}
                )
                await refusal(scope, receive, send)
                return
            if not self._is_meant(headers) or not _is_same_origin(headers):
                await error(403, "this is not for pages of other origins")(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_meant(self, headers: Headers) -> bool:
        return self._hosts is None or _host_name(f"//{headers.get('host', '')}") in self._hosts

    def _has_token(self, headers: Headers) -> bool:
        if self._digest is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # Digests have one length: how long it takes to compare them says nothing of the token's.
        is_right = hmac.compare_digest(_digest(given.strip().encode("latin-1")), self._digest)
        return scheme.lower() == "bearer" and is_right


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_same_origin(headers: Headers) -> bool:
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == headers.get("host")
    except ValueError:
        return False
