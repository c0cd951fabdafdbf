"""The page that asks for the token: a browser shows it once, and has a cookie from then on."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from heliograph.web import asking, rendering
from heliograph.web.bodies import read_body
from heliograph.web.guard import COOKIE, is_token, session_of
from heliograph.web.rates import GUESSES, GUESSES_A_SECOND, Rates, client_of

_LARGEST = 10_000


class Login:
    """Takes the token.

    Args:
        token: it; None: there is none, and nobody is asked.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._guesses = Rates(GUESSES_A_SECOND, GUESSES)

    async def show(self, request: Request) -> Response:
        """The form."""
        return rendering.page(request, "login.html", next=asking.text(request, "next"), is_wrong=False)

    async def take(self, request: Request) -> Response:
        """Who knows the token gets the cookie."""
        body = (await read_body(request, _LARGEST)).decode("utf-8", "replace")
        given = {name: values[-1] for name, values in parse_qs(body).items()}
        wanted, client = given.get("next", "/"), client_of(request.scope)
        if self._guesses.is_out(client):
            raise HTTPException(429, "too many wrong tokens: wait a while", {"Retry-After": "5"})
        if self._token is not None and not is_token(given.get("token", ""), self._token):
            self._guesses.wait(client)
            return rendering.page(request, "login.html", 401, next=wanted, is_wrong=True)
        base = request.scope.get("root_path", "")
        answer = RedirectResponse(f"{base}{_inside(wanted)}", 303)
        if self._token is not None:
            answer.set_cookie(
                COOKIE,
                session_of(self._token),
                path=base or "/",
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
            )
        return answer


def _inside(wanted: str) -> str:
    r"""A path of this server, whatever was asked for.

    >>> _inside("/workflow?id=a"), _inside("//evil.example"), _inside("/\\evil.example"), _inside("https://x")
    ('/workflow?id=a', '/', '/', '/')
    """
    is_path = wanted.startswith("/") and wanted[1:2] not in ("/", "\\") and wanted.isprintable()
    return wanted if is_path else "/"
