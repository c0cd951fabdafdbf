"""The shape of answers."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse


def error(code: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error, as JSON that says what is wrong."""
    return JSONResponse({"error": {"code": code, "message": message}}, code, headers)
