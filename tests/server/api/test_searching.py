"""``/v1/search``."""

from __future__ import annotations

import pytest

from tests.server.conftest import Gateway


async def test_a_search_finds_titles(alone: Gateway) -> None:
    response, body = await alone.get("/v1/search?q=shark+beach&k=3")
    assert response.status == 200
    assert body["hits"][0]["title"]["title"] == "Jaws"
    assert len(body["hits"]) == 3
    assert response.headers["X-Tv5-Tier"] == "full"
    assert body["_stale"] is body["_fallback"] is False
    assert "title:tmdb:movie:578" in response.headers["Surrogate-Key"].split()


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("k=0", "k"),
        ("k=101", "k"),
        ("k=ten", "k"),
        ("mode=fuzzy", "mode"),
        ("qq=1", "qq"),
        ("q=a&q=b", "q"),
        ("sort=relevance:asc", "sort"),
        ("group=null", "group"),
    ],
)
async def test_a_wrong_parameter_is_named(alone: Gateway, query: str, parameter: str) -> None:
    response, body = await alone.get(f"/v1/search?{query}")
    assert response.status == 400
    assert body["parameter"] == parameter
    assert body["expected"]
    assert body["got"]


async def test_facets_are_counted(alone: Gateway) -> None:
    _, body = await alone.get("/v1/search?where=year:1990..1999&facets=genre,kind&k=1")
    assert set(body["facets"]) == {"genre", "kind"}
    assert sum(each["count"] for each in body["facets"]["kind"]) == body["total"]["count"]
