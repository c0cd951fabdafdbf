"""The shape of answers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response


def error(code: int, message: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """An error, as JSON that says what is wrong."""
    return answer({"error": {"code": code, "message": message, **more}}, code, headers)


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON. Any text can be in it, lone surrogates too; what is no number in JSON is null."""
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value))
    return Response(text, status, headers, media_type=JSONResponse.media_type)


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(one) for key, one in value.items()}
        case list() | tuple():
            return [_finite(one) for one in value]
    return value
