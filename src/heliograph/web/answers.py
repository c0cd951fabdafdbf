"""The shape of answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from heliograph.insight.answers import finite


def error(code: int, message: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """An error, as JSON that says what is wrong."""
    return answer({"error": {"code": code, "message": message, **more}}, code, headers)


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON. Any text can be in it, lone surrogates too; what is no number in JSON is null."""
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        text = json.dumps(finite(value))
    return Response(text, status, headers, media_type=JSONResponse.media_type)
