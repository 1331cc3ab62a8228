"""JustWatch's GraphQL of the stand-in server: two queries and their errors.

It parses a query only as far as needed: which list or node it requests, and the offers of which
countries. Any other query is an error, as with the real API.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from tests.upstream.standin.works import Work, make_works

_GENRES = {
    "Action": "act", "Animation": "ani", "Comedy": "cmy", "Crime": "crm", "Documentary": "doc",
    "Drama": "drm", "Family": "fml", "Fantasy": "fnt", "Horror": "hrr", "History": "hst",
    "Music": "msc", "Romance": "rma", "Science Fiction": "scf", "Thriller": "trl", "War": "war",
    "Western": "wsn",
}  # fmt: skip
_COUNTRY_FIELD = re.compile(r"\b([A-Z]{2}): offers\(country: ([A-Z]{2}), platform: WEB\)")

Answer = tuple[int, Any]


class JustWatchContent:
    """The content of JustWatch.

    Attributes
    ----------
    closed : set of str
        Countries whose offers are an error.
    """

    def __init__(self, count: int = 300) -> None:
        self.works = {work.justwatch: work for work in make_works(count)}
        self.closed: set[str] = set()

    def answer(self, body: Any) -> Answer:
        """Return the response to the decoded body of a POST."""
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            return 400, _error("query must be provided")
        variables = body.get("variables") or {}
        if "popularTitles(" in body["query"]:
            return 200, self._titles(variables)
        if "node(id: $id)" in body["query"]:
            return 200, self._node(body["query"], variables)
        return 200, _error("Cannot query field on type Query")

    def _titles(self, asked: Mapping[str, Any]) -> Any:
        country = asked.get("country", "")
        if country in self.closed:
            return _error(f"country {country} is not available", ["popularTitles"])
        some = self._wanted(asked.get("filter") or {})
        start = _place(asked.get("after"))
        shown = some[start : start + asked["first"]]
        more = start + len(shown) < len(some)
        edges = [
            {"cursor": _cursor(start + n + 1), "node": _node(work, country),
             "__typename": "PopularTitlesEdge"}
            for n, work in enumerate(shown)
        ]  # fmt: skip
        last = edges[-1]["cursor"] if edges else None
        info = {"endCursor": last, "hasNextPage": more, "hasPreviousPage": start > 0}
        found = {"edges": edges, "pageInfo": info, "totalCount": len(some)}
        return {"data": {"popularTitles": found}}

    def _wanted(self, given: Mapping[str, Any]) -> list[Work]:
        words = given.get("searchQuery", "").casefold()
        kinds = given.get("objectTypes") or ["MOVIE", "SHOW"]
        some = [w for w in self.works.values() if _kind(w) in kinds and words in w.title.casefold()]
        return sorted(some, key=lambda work: -work.popularity)

    def _node(self, query: str, asked: Mapping[str, Any]) -> Any:
        work = self.works.get(asked["id"])
        if work is None:
            return {"data": {"node": None}}
        node: dict[str, Any] = {"id": work.justwatch}
        errors = []
        for name, country in _COUNTRY_FIELD.findall(query):
            node[name] = None if country in self.closed else _offers(work, country)
            if country in self.closed:
                errors += _error(f"country {country} is not available", ["node", name])["errors"]
        return {"data": {"node": node}} | ({"errors": errors} if errors else {})


def _error(message: str, path: list[str] | None = None) -> Any:
    found: dict[str, Any] = {"message": message, "extensions": {"code": "BAD_USER_INPUT"}}
    return {"errors": [found | ({"path": path} if path else {})], "data": None}


def _kind(work: Work) -> str:
    return "MOVIE" if work.media == "movie" else "SHOW"


def _cursor(place: int) -> str:
    return base64.b64encode(str(place).encode()).decode()


def _place(cursor: str | None) -> int:
    return int(base64.b64decode(cursor)) if cursor else 0


def _node(work: Work, country: str) -> Any:
    path = re.sub(r"\W+", "-", work.title.casefold()).strip("-")
    return {
        "id": work.justwatch,
        "objectId": work.id,
        "objectType": _kind(work),
        "content": {
            "title": work.title,
            "fullPath": f"/{country.lower()}/{work.media}/{path}",
            "originalReleaseYear": int(work.date[:4]),
            "originalReleaseDate": work.date,
            "runtime": work.runtime,
            "shortDescription": work.overview,
            "ageCertification": work.certification,
            "posterUrl": f"/poster/{work.id}/{{profile}}/{path}.{{format}}",
            "genres": [{"shortName": _GENRES[g]} for g in work.genres if g in _GENRES],
            "externalIds": {"imdbId": work.imdb, "tmdbId": str(work.id)},
            "scoring": {"imdbScore": work.rating, "imdbVotes": float(work.votes),
                        "tmdbPopularity": work.popularity, "__typename": "Scoring"},
            "__typename": "MovieContent" if work.media == "movie" else "ShowContent",
        },
        "offers": _offers(work, country),
        "__typename": "Movie" if work.media == "movie" else "Show",
    }  # fmt: skip


def _offers(work: Work, country: str) -> list[Any]:
    return [
        _offer(work, country, way, name, quality)
        for way, names in work.services.get(country, {}).items()
        for name in names
        for quality in (("HD", "_4K") if way in ("rent", "buy") else ("HD",))
    ]


def _offer(work: Work, country: str, way: str, name: str, quality: str) -> Any:
    paid = way in ("rent", "buy")
    return {
        "monetizationType": way.upper(),
        "presentationType": quality,
        "retailPriceValue": (3.99 if way == "rent" else 9.99) if paid else None,
        "currency": "USD" if country == "US" else "EUR",
        "standardWebURL": f"https://watch.example/{country.lower()}/{work.justwatch}",
        "package": {"packageId": len(name), "clearName": name,
                    "technicalName": name.lower().replace(" ", ""), "__typename": "Package"},
        "__typename": "Offer",
    }  # fmt: skip
