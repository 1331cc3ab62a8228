"""Whatever a client sends is answered: by a problem that says what is wrong, or by no hits."""

from __future__ import annotations

from urllib.parse import quote

import aiohttp
from yarl import URL

from tests.server.conftest import Gateway


def where(text: str) -> str:
    return f"/v1/search?where={quote(text, safe='')}"


def search(text: str) -> str:
    return f"/v1/search?q={quote(text, safe='')}"


REFUSED = {
    "an unknown field": (where("flavour:sweet"), "known are year, runtime"),
    "a field misspelt": (where("gener:Drama"), "did you mean genre"),
    "an unknown facet": ("/v1/search?facets=flavour", "expected a field"),
    "an unknown order": ("/v1/search?sort=flavour", "sort: expected"),
    "no answers": ("/v1/search?q=a&k=0", "from 1 to 100"),
    "a million answers": ("/v1/search?q=a&k=1000000", "from 1 to 100"),
    "a number of 5,000 digits": (f"/v1/search?q=a&k={'9' * 5_000}", "from 1 to 100"),
    "a million like one": ("/v1/titles/tmdb:movie:578/similar?k=1000000", "from 1 to 100"),
    "a million suggestions": ("/v1/suggest?q=a&k=1000000", "from 1 to 50"),
    "a text too long": (search("shark " * 200), "at most 1,000 characters"),
    "a text of 100 KB": (f"/v1/search?q={'a' * 100_000}", "at most 65,536 bytes"),
    "a filter too long": (where("a" * 4_001), "at most 4,000 characters"),
    "a control character in a filter": (where("\0"), "no control character"),
    "a control character in a genre": ("/v1/browse?genre=%00", "without control char"),
    "a cursor of nobody": ("/v1/search?q=a&cursor=xyz", "expected a cursor of this search"),
    "a long cursor of nobody": (f"/v1/search?q=a&cursor={'A' * 3_999}", "expected a cursor"),
    "a cursor of nobody for a list": ("/v1/browse?cursor=xyz", "expected a cursor"),
    "a cursor of nobody for likeness": (
        "/v1/titles/tmdb:movie:578/similar?cursor=xyz",
        "expected a cursor",
    ),
    "a cursor of no text": ("/v1/search?q=a&cursor=%ED%A0%80", "expected a cursor"),
    "a filter too deep": (where("(" * 500 + "year:1990" + ")" * 500), "up to 64 deep"),
    "a bracket that is not closed": (where("(year:1990"), "a closing bracket"),
    "a quote that is not closed": (where('person:"a'), "a closing quotation mark"),
    "a clause without a value": (where("year:"), "a value for year"),
    "an operator alone": (where("|"), "a field and its value"),
    "a rating that is no number": (where("rating:>nan"), "a number for rating"),
    "a title nobody has": ("/v1/titles/nope:1/similar", "the id of a title"),
}
NOTHING = {
    "no text": "/v1/search?q=",
    "blanks": "/v1/search?q=%20%20",
    "a filter that contradicts itself": where("year:1990 year:1991"),
    "a field above and below": where("year:>2000 year:<1990"),
    "a thing and its opposite": where("adult -adult"),
    "a year of 3,000 digits": where("year:" + "9" * 3_000),
    "control characters": "/v1/search?q=%00%01%02%1b%7f",
    "a lone surrogate": "/v1/search?q=%ED%A0%80",
    "a lone surrogate in a filter": "/v1/search?where=genre:%ED%A0%80",
    "bytes that are no text": "/v1/search?q=%ff%fe",
    "brackets": search("(" * 900),
    "quotation marks": search('"' * 901),
    "signs": search("*" * 500),
    "marks of direction": search("\u202e" * 300),
}
WRONG_BODIES = {
    b"null": ("`object`", "`null`"),
    b"[" * 5_000 + b"]" * 5_000: ("`object`", "`array`"),
    b'{"liek": []}': ("known fields only", "the field `liek`"),
    b'{"likes": 7}': ("`array`", "`int`"),
    b'{"likes": ["tmdb:movie:578"], "k": 1000000}': ("`int` <= 100", "another value"),
}


async def get(gateway: Gateway, path: str) -> tuple[aiohttp.ClientResponse, dict[str, object]]:
    """Get a path exactly as it is written."""
    async with gateway.session.get(URL(gateway.url + path, encoded=True)) as response:
        return response, await response.json(content_type=None)


async def test_what_is_wrong_is_said(alone: Gateway) -> None:
    for name, (path, says) in REFUSED.items():
        response, problem = await get(alone, path)
        assert response.status in (400, 404, 414), name
        assert response.content_type == "application/problem+json", name
        assert says in str(problem["detail"]), name


async def test_what_matches_nothing_finds_nothing(alone: Gateway) -> None:
    for name, path in NOTHING.items():
        response, body = await get(alone, path)
        assert response.status == 200, name
        assert body["hits"] == [], name
        assert body["total"] == {"count": 0, "relation": "exact"}, name


async def test_what_is_wrong_in_a_body_is_said(alone: Gateway) -> None:
    headers = {"Content-Type": "application/json"}
    for body, says in WRONG_BODIES.items():
        response, problem = await alone.post("/v1/recommendations", data=body, headers=headers)
        assert response.status == 400, body
        assert (problem["expected"], problem["got"]) == says
