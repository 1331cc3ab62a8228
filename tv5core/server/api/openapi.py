"""``/openapi.json``: the description of all routes, made of their types (OpenAPI 3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import msgspec
from msgspec import inspect

from tv5core.server.api.problem_type import ProblemDetails
from tv5core.server.api.routing import Route

__all__ = ["describe"]

_REF = "#/components/schemas/{name}"
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "A title's id, or an external one such as imdb:tt0133093.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 256},
    "example": "tmdb:movie:603",
}
_HEADERS = {
    "X-Request-Id": "The request's id.",
    "X-Tv5-Tier": "full, cached or static: where the answer comes from.",
    "ETag": "Its version; send it as If-None-Match.",
}
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "admin": [{"token": []}],
    "hook": [{"signature": []}],
    "public": [{}, {"key": []}],
}
_STATUSES = {
    "public": (400, 404, 414, 429, 503),
    "operator": (400, 414, 503),
    "admin": (400, 401, 403, 409, 413, 414, 415, 429),
    "hook": (400, 401, 403, 413, 414, 415, 429),
}
_DESCRIPTION = (
    "Search of film and TV titles. Answers say how current they are: the header `X-Tv5-Tier`, "
    "and `_stale` and `_fallback` in the body. Errors are problems as of RFC 9457."
)


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the description of some routes."""
    listed = list(routes)
    schemas, components = _schemas(listed)
    paths: dict[str, dict[str, Any]] = {}
    for route in listed:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "tv5core", "version": version("tv5core"), "description": _DESCRIPTION},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _schemes()},
    }


def _schemas(routes: Sequence[Route]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Return the schema of each type, and the components they refer to."""
    types = {route.answer for route in routes} | {route.body for route in routes} - {None}
    ordered = [*sorted(types, key=lambda kind: kind.__name__), ProblemDetails]
    found, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    return dict(zip(ordered, found, strict=True)), components


def _operation(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [route.access],
        "parameters": [*([_ID] if "{id}" in route.path else []), *_parameters(route.query)],
        "responses": _responses(route, schemas),
    }
    if route.body is not None:
        content = {"application/json": {"schema": schemas[route.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    if route.access in _SECURITY:
        operation["security"] = _SECURITY[route.access]
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"[a-z0-9]+", f"{route.method.lower()} {route.path.removeprefix('/v1')}")
    return "_".join(words)


def _parameters(query: type[msgspec.Struct]) -> list[dict[str, Any]]:
    described = inspect.type_info(query)
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"expected a struct, got {query}")
    (schema,), components = msgspec.json.schema_components([query], ref_template=_REF)
    properties = components[schema["$ref"].rpartition("/")[2]].get("properties", {})
    return [_parameter(each, dict(properties[each.encode_name])) for each in described.fields]


def _parameter(field: inspect.Field, schema: dict[str, Any]) -> dict[str, Any]:
    schema.pop("default", None)
    schema = _without_null(schema)
    parameter: dict[str, Any] = {"name": field.encode_name, "in": "query"}
    if (said := schema.pop("description", None)) is not None:
        parameter["description"] = said
    parameter |= {"required": field.required, "schema": schema}
    if schema.get("type") == "array":
        parameter |= {"style": "form", "explode": False}
    if not field.required and field.default not in (msgspec.NODEFAULT, None, "", ()):
        schema["default"] = field.default
    return parameter


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out that a value may be null: a parameter that is not given is left out."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    if len(kinds) == 1:
        return {**kinds[0], **rest}
    if "enum" in schema:
        return {**schema, "enum": [value for value in schema["enum"] if value is not None]}
    return schema


def _responses(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    headers = {
        name: {"description": said, "schema": {"type": "string"}} for name, said in _HEADERS.items()
    }
    good = {
        "description": route.summary,
        "headers": headers,
        "content": {route.content_type: {"schema": schemas[route.answer]}},
    }
    problem = {
        "description": "A problem",
        "content": {"application/problem+json": {"schema": schemas[ProblemDetails]}},
    }
    found: dict[str, Any] = {str(route.status): good}
    if route.path == "/readyz":
        return {**found, "503": good}
    statuses = _STATUSES[route.access]
    if route.body is not None:
        statuses = (*statuses, 413, 415)
    return found | {str(status): problem for status in sorted(set(statuses))}


def _schemes() -> dict[str, Any]:
    return {
        "token": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
        "signature": {"type": "apiKey", "in": "header", "name": "X-Tv5-Signature"},
    }
