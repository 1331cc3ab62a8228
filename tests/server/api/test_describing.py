"""``/openapi.json`` and ``/docs``."""

from __future__ import annotations

import re
from typing import Any

from tests.server.conftest import Gateway
from tv5core.server.api.routes import ROUTES


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*(references(each) for each in value.values()))
    return set().union(*(references(each) for each in value)) if isinstance(value, list) else set()


async def test_every_route_is_described(alone: Gateway) -> None:
    response, body = await alone.get("/openapi.json")
    assert response.status == 200
    assert body["openapi"].startswith("3.1")
    described = {(path, m.upper()) for path, each in body["paths"].items() for m in each}
    assert described == {(route.path, route.method) for route in ROUTES}
    names = [o["operationId"] for each in body["paths"].values() for o in each.values()]
    assert len(set(names)) == len(names)
    for reference in references(body):
        assert reference.rpartition("/")[2] in body["components"]["schemas"]


async def test_parameters_are_those_of_the_types(alone: Gateway) -> None:
    _, body = await alone.get("/openapi.json")
    search = {each["name"]: each for each in body["paths"]["/v1/search"]["get"]["parameters"]}
    assert search["k"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}
    assert search["mode"]["schema"]["enum"] == ["hybrid", "keyword", "semantic"]
    assert (search["facets"]["style"], search["facets"]["explode"]) == ("form", False)
    suggest = body["paths"]["/v1/suggest"]["get"]["parameters"]
    assert [each["name"] for each in suggest if each["required"]] == ["q"]


async def test_the_page_needs_nothing_from_elsewhere(alone: Gateway) -> None:
    response, body = await alone.get("/docs")
    assert response.content_type == "text/html"
    text = body.decode()
    assert not re.search(r"(src|href)=\"(https?:)?//", text)
    assert "<script" not in text
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    for route in ROUTES:
        assert route.path.replace("{", "{") in text
