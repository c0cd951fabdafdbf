"""Who may come in."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Collection
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from heliograph.web.answers import error
from heliograph.web.rates import A_SECOND, AT_ONCE, GUESSES, GUESSES_A_SECOND, Rates, client_of

BEARER: Final = "heliograph.bearer"
"""In the scope of a request that carried the token in a header: no page of another origin can do that."""
COOKIE: Final = "heliograph_session"
LOGIN: Final = "/login"
_OPEN: Final = "/static/"


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
        self._rates = Rates(A_SECOND, AT_ONCE)
        self._guesses = Rates(GUESSES_A_SECOND, GUESSES)
        self._hosts = None if hosts is None else frozenset(hosts)
        self._digest = None if token is None else _digest(token.encode())
        self._session = None if token is None else session_of(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            scope[BEARER] = self._has_token(headers)
            refusal = self._too_often(scope, headers) or self._refusal(scope, headers)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _too_often(self, scope: Scope, headers: Headers) -> Response | None:
        client = client_of(scope)
        seconds = self._rates.wait(client)
        if self._digest is not None and "authorization" in headers and not scope[BEARER]:
            seconds = max(seconds, self._guesses.wait(client))  # a wrong token is a guess
        if not seconds:
            return None
        return error(429, "too many requests: ask less often", {"Retry-After": f"{math.ceil(seconds)}"})

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        base = scope.get("root_path", "")
        path = scope["path"].removeprefix(base)
        if self._digest is not None and not (scope[BEARER] or self._has_session(headers)):
            is_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
            if is_page and path != LOGIN and not path.startswith(_OPEN):
                query = scope.get("query_string", b"").decode("latin-1")
                wanted = quote(f"{path}?{query}" if query else path, safe="")
                return RedirectResponse(f"{base}{LOGIN}?next={wanted}", 303)
            if path != LOGIN and not path.startswith(_OPEN):
                return error(401, "send the token: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"})
        if not self._is_meant(headers) or not _is_same_origin(headers):
            return error(403, "this is not for pages of other origins")
        return None

    def _is_meant(self, headers: Headers) -> bool:
        return self._hosts is None or _host_name(f"//{headers.get('host', '')}") in self._hosts

    def _has_token(self, headers: Headers) -> bool:
        if self._digest is None:
            return False
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # Digests have one length: how long it takes to compare them says nothing of the token's.
        is_right = hmac.compare_digest(_digest(given.strip().encode("latin-1")), self._digest)
        return scheme.lower() == "bearer" and is_right

    def _has_session(self, headers: Headers) -> bool:
        given = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        return self._session is not None and hmac.compare_digest(
            given.encode("latin-1", "replace"), self._session.encode()
        )


def session_of(token: str) -> str:
    """The cookie of who has shown the token; the token can't be told from it."""
    return hmac.new(token.encode(), b"heliograph session", hashlib.sha256).hexdigest()


def csrf_of(secret: str) -> str:
    """What forms carry: made of the token where there is one, so that all processes of a server agree."""
    return hmac.new(secret.encode(), b"heliograph form", hashlib.sha256).hexdigest()


def is_token(given: str, token: str) -> bool:
    """Whether somebody knows the token."""
    return hmac.compare_digest(_digest(given.strip().encode("utf-8", "replace")), _digest(token.encode()))


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_same_origin(headers: Headers) -> bool:
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == headers.get("host")
    except ValueError:
        return False
