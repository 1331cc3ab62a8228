"""Lists, similar titles, recommendations, suggestions."""

from __future__ import annotations

import pytest

from tests.server.conftest import Gateway
from tv5core.errors import DiskFailureError

MATRIX = "tmdb:movie:603"


async def test_lists_are_those_of_the_catalogue(alone: Gateway) -> None:
    catalog = alone.resources.catalog
    _, body = await alone.get("/v1/browse?genre=drama&sort=date&k=5&offset=2")
    want = catalog.browse(genre="drama", sort="date", k=5, offset=2)
    assert [title["id"] for title in body["titles"]] == [title.id for title in want]
    _, body = await alone.get("/v1/trending?k=7")
    assert [hit["id"] for hit in body["hits"]] == [hit.id for hit in catalog.trending(k=7)]
    _, body = await alone.get(f"/v1/titles/{MATRIX}/similar?k=4")
    assert [hit["id"] for hit in body["hits"]] == [hit.id for hit in catalog.similar(MATRIX, 4)]
    _, body = await alone.get("/v1/suggest?q=matr")
    assert body["suggestions"][0]["text"] == catalog.suggest("matr", 8)[0].text


async def test_lists_have_pages(alone: Gateway) -> None:
    catalog = alone.resources.catalog
    query = "/v1/browse?where=year:1950..&sort=rating:asc&k=20&facets=genre"
    _, body = await alone.get(query)
    whole = catalog.browse(where="year:1950..", sort="rating:asc", k=1_000, facets=["genre"])
    found, pages = [title["id"] for title in body["titles"]], 1
    while body["cursor"]:
        before = body
        _, body = await alone.get(f"{query}&cursor={body['cursor']}")
        assert (body["total"], body["facets"]) == (before["total"], before["facets"])
        found, pages = [*found, *(title["id"] for title in body["titles"])], pages + 1
    assert found == [title.id for title in whole]
    assert pages > 5
    assert body["total"]["count"] == len(whole)
    response, problem = await alone.get("/v1/browse?k=20&cursor=nonsense")
    assert response.status == 400, problem
    _, first = await alone.get(f"/v1/titles/{MATRIX}/similar?k=4")
    _, body = await alone.get(f"/v1/titles/{MATRIX}/similar?k=4&cursor={first['cursor']}")
    want = [hit.id for hit in catalog.similar(MATRIX, 8)]
    assert [hit["id"] for hit in (*first["hits"], *body["hits"])] == want


async def test_recommendations_by_profile_and_by_taste(alone: Gateway) -> None:
    catalog = alone.resources.catalog
    name = next(iter(catalog.profiles()))
    response, body = await alone.get(f"/v1/recommendations?profile={name}&k=5&explain=true")
    want = catalog.recommend(profile=name, k=5)
    assert [each["id"] for each in body["recommendations"]] == [each.id for each in want]
    assert body["recommendations"][0]["reasons"]
    assert response.headers["Cache-Control"].startswith("public")
    taste = {"likes": [MATRIX], "seen": [want[0].id], "k": 6}
    response, body = await alone.post("/v1/recommendations", json=taste)
    found = [each["id"] for each in body["recommendations"]]
    assert found == [each.id for each in catalog.recommend([MATRIX], seen=[want[0].id], k=6)]
    assert response.headers["Cache-Control"].startswith("private")


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({}, "likes"),
        ({"likes": ["a"], "k": 0}, "k"),
        ({"likes": "a"}, "likes"),
        ({"like": ["a"]}, "body"),
        ({"profile": "nobody"}, "profile"),
    ],
)
async def test_a_wrong_taste_is_named(alone: Gateway, body: object, parameter: str) -> None:
    response, problem = await alone.post("/v1/recommendations", json=body)
    assert response.status == 400
    assert problem["parameter"] == parameter


async def test_the_last_list_then_the_static_set(
    alone: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise DiskFailureError("expected bytes, got none")

    _, known = await alone.get("/v1/browse?k=3")
    cached = alone.resources.cached
    await cached.cache.invalidate_kind("browse")
    for name in ("browse", "trending", "search", "suggest"):
        monkeypatch.setattr(alone.resources.catalog, name, fails)
    response, body = await alone.get("/v1/browse?k=3")
    assert response.headers["X-Tv5-Tier"] == "cached"
    assert body["titles"] == known["titles"]
    for path in ("/v1/trending?k=3", "/v1/search?q=shark+beach", "/v1/suggest?q=jaw"):
        response, body = await alone.get(path)
        assert response.status == 200, path
        assert response.headers["X-Tv5-Tier"] == "static"
        assert body["_fallback"] is True
    assert body["suggestions"][0]["text"] == "Jaws"
    response, body = await alone.get("/v1/search?where=year:1999")
    assert response.status == 503
    assert response.headers["Retry-After"]
