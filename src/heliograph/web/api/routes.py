"""The routes under ``/api``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from heliograph.web import actions, asking
from heliograph.web.answers import answer
from heliograph.web.api.endpoints import ENDPOINTS, Endpoint
from heliograph.web.api.openapi import description
from heliograph.web.handling import Handler, reading


def routes() -> list[Route]:
    """All routes below ``/api``."""
    return [
        Route("/api/openapi.json", _describe),
        *(
            Route(f"/api/{endpoint.path}", reading(_handler(endpoint), heavy=endpoint.heavy))
            for endpoint in ENDPOINTS
        ),
        Route("/api/workflow/{action}", actions.from_program, methods=["POST"]),
    ]


def _handler(endpoint: Endpoint) -> Handler:
    def handle(request: Request) -> Response:
        asking.check_names(request, endpoint.parameters)
        with asking.wrong_is_400():
            return answer(endpoint.answer(request))

    return handle


async def _describe(request: Request) -> Response:
    return answer(description(request.scope.get("root_path", "")))
