"""The OpenAPI description, made of the table of endpoints."""

from __future__ import annotations

from typing import Any, Final

from heliograph.web.api.endpoints import ACTIONS, ENDPOINTS, NUMBERS, Endpoint

_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string"},
                "at": {"type": "integer", "description": "the character of a search that is wrong"},
            },
        }
    },
}
_MEANINGS: Final = {
    "400": "a parameter that can't be, or that there is not; of a search, error.at is the character",
    "401": "there is a token, and the request doesn't carry it",
    "403": "for pages of other origins, or the server is read-only",
    "404": "no such workflow, task or function",
    "408": "the body takes too long to come",
    "409": "it can't be done as the workflow stands",
    "413": "the body is too large",
    "415": "the body is not sent as JSON",
    "429": "too many requests: Retry-After says when to come again",
    "503": "the storage can't be read",
}
_READING: Final = ("400", "401", "403", "404", "429", "503")
_CHANGING: Final = (*_READING, "408", "409", "413", "415")
_REPEATED: Final = frozenset({"by", "of", "open"})


def description(base: str = "") -> dict[str, Any]:
    """The description.

    Args:
        base: what stands before the paths, where the app is mounted.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "heliograph",
            "version": "1",
            "description": "Durable workflows and all that is known of them. Times are Unix seconds, "
            "durations seconds, sizes bytes; what is not known is absent.",
        },
        "servers": [{"url": base or "/"}],
        "paths": {f"/api/{endpoint.path}": {"get": _get(endpoint)} for endpoint in ENDPOINTS}
        | {f"/api/workflow/{name}": {"post": _post(name, summary)} for name, summary in ACTIONS.items()},
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _get(endpoint: Endpoint) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    if endpoint.holds is not None:
        schema = {"type": "array", "items": {"type": endpoint.holds}}
    return {
        "summary": endpoint.summary,
        "operationId": "get_" + endpoint.path.replace("/", "_"),
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": name in endpoint.required,
                "description": meaning,
                "schema": _schema(name),
            }
            for name, meaning in endpoint.parameters.items()
        ],
        "responses": {"200": _json("the answer", schema), **_errors(_READING)},
    }


def _schema(name: str) -> dict[str, Any]:
    if name in NUMBERS:
        return {"type": "integer", "minimum": 0}
    if name in _REPEATED:
        return {"type": "array", "items": {"type": "string"}}
    return {"type": "string", "maxLength": 4000}


def _post(name: str, summary: str) -> dict[str, Any]:
    ids = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1000}
    body = {"type": "object", "properties": {"id": {"type": "string"}, "ids": ids}}
    done = {"type": "object", "required": ["done"], "properties": {"done": {"type": "array"}}}
    return {
        "summary": summary,
        "operationId": f"post_{name}",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": _json("what became of each", done), **_errors(_CHANGING)},
    }


def _errors(codes: tuple[str, ...]) -> dict[str, Any]:
    error = {"$ref": "#/components/schemas/Error"}
    return {code: _json(_MEANINGS[code], error) for code in codes}


def _json(meaning: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}
