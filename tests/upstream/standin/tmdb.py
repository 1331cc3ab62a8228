"""TMDB's API, version 3, of the stand-in server.

It maps a path and its parameters to a status and a body. Sockets, keys, rates and faults are in
``server``.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.upstream.standin.tmdb_bodies import GENRE_NUMBERS, details, number_of, part, result
from tests.upstream.standin.works import Work, make_works

PAGE_SIZE = 20
CHANGES_PAGE_SIZE = 100
MAX_PAGES = 500
_MAX_PARTS = 20
_MAX_DAYS = 14
_MESSAGES = {
    6: (404, "Invalid id: The pre-requisite id is invalid or not found."),
    7: (401, "Invalid API key: You must be granted a valid key."),
    20: (422, "Invalid date range: Should be a range no longer than 14 days."),
    22: (400, "Invalid page: Pages start at 1 and max at 500. They are expected to be an integer."),
    25: (429, "Your request count (51) is over the allowed limit of 50."),
    27: (400, "Too many append to response objects: The maximum number of remote calls is 20."),
    34: (404, "The resource you requested could not be found."),
}

Answer = tuple[int, Any]
Query = Mapping[str, str]


class RefusedError(Exception):
    """The response is one of TMDB's errors."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def refusal(code: int) -> Answer:
    """The status and the body of one of TMDB's errors."""
    status, message = _MESSAGES[code]
    return status, {"success": False, "status_code": code, "status_message": message}


class TmdbContent:
    """The content of TMDB.

    Parameters
    ----------
    count : int
        Number of works.

    Attributes
    ----------
    works : dict
        By kind and number.
    export_days : set of date
        Days of which there is an export.
    """

    def __init__(self, count: int = 1_000) -> None:
        works = make_works(count)
        self.works = {(work.media, work.id): work for work in works}
        self.changed: list[tuple[date, str, int]] = []
        today = datetime.now(UTC).date()
        self.export_days = {today, today - timedelta(days=1)}
        self._alike = works[:400]
        self._routes = [
            (re.compile(pattern), answer)
            for pattern, answer in {
                r"(movie|tv)/(popular|top_rated)": self._ranked,
                r"(movie|tv)/changes": self._changes,
                r"(movie|tv)/(\d+)": self._details,
                r"(movie|tv)/(\d+)/(.+)": self._part,
                r"search/(movie|tv|multi)": self._search,
                r"trending/(movie|tv|all)/(day|week)": self._trending,
                r"discover/(movie|tv)": self._discover,
                r"genre/(movie|tv)/list": self._genres,
                r"find/(\w+)": self._find,
                r"configuration": self._configuration,
                r"watch/providers/regions": self._regions,
                r"watch/providers/(movie|tv)": self._services,
            }.items()
        ]

    def change(self, work: Work, day: date) -> None:
        """Replace a work (or add it), and list it as changed on a day."""
        self.works[work.media, work.id] = work
        self.changed.append((day, work.media, work.id))

    def remove(self, media: str, id: int, day: date) -> None:
        """Take a work away, and list it as changed on a day."""
        del self.works[media, id]
        self.changed.append((day, media, id))

    def answer(self, path: str, query: Query) -> Answer:
        """Answer one request; ``path`` is what follows ``/3/``."""
        try:
            for pattern, route in self._routes:
                if found := pattern.fullmatch(path):
                    return 200, route(query, *found.groups())
        except RefusedError as refused:
            return refusal(refused.code)
        return refusal(34)

    def export(self, media: str) -> bytes:
        """The daily export of ids: gzip, one JSON object a line, in the order of numbers."""
        name = "original_title" if media == "movie" else "original_name"
        some = sorted((w for w in self.works.values() if w.media == media), key=lambda w: w.id)
        lines = (
            {"adult": False, "id": w.id, name: w.original_title, "popularity": w.popularity}
            | ({"video": False} if media == "movie" else {})
            for w in some
        )
        return gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode(), mtime=0)

    # -- one title ----------------------------------------------------------------------------

    def _work(self, media: str, id: str) -> Work:
        try:
            return self.works[media, int(id)]
        except KeyError:
            raise RefusedError(34) from None

    def _details(self, query: Query, media: str, id: str) -> Any:
        work = self._work(media, id)
        names = [name for name in query.get("append_to_response", "").split(",") if name]
        if len(names) > _MAX_PARTS:
            raise RefusedError(27)
        appended = {name: part(work, name, self._alike) for name in names}
        # TMDB leaves out what it does not know, without a word.
        return details(work) | {name: body for name, body in appended.items() if body is not None}

    def _part(self, query: Query, media: str, id: str, name: str) -> Any:
        found = part(self._work(media, id), name, self._alike)
        if found is None:
            raise RefusedError(34)
        return {"id": int(id), **found} if name != "changes" else found

    def _find(self, query: Query, id: str) -> Any:
        if query.get("external_source") != "imdb_id":
            raise RefusedError(6)
        found = [work for work in self.works.values() if work.imdb == id]
        return {
            "movie_results": [result(w, media_type=True) for w in found if w.media == "movie"],
            "person_results": [],
            "tv_results": [result(w, media_type=True) for w in found if w.media == "tv"],
            "tv_episode_results": [],
            "tv_season_results": [],
        }

    # -- lists --------------------------------------------------------------------------------

    def _of(self, media: str) -> list[Work]:
        wanted = ("movie", "tv") if media in ("all", "multi") else (media,)
        some = (work for work in self.works.values() if work.media in wanted)
        return sorted(some, key=lambda work: -work.popularity)

    def _ranked(self, query: Query, media: str, by: str) -> Any:
        some = self._of(media)
        if by == "top_rated":
            some.sort(key=lambda work: -work.rating)
        return page(query, [result(work) for work in some])

    def _trending(self, query: Query, media: str, window: str) -> Any:
        return page(query, [result(work, media_type=True) for work in self._of(media)])

    def _search(self, query: Query, media: str) -> Any:
        words = query.get("query", "").casefold()
        if not words:
            return page(query, [])
        year = query.get("year") or query.get("first_air_date_year") or ""
        found = [
            work
            for work in self._of(media)
            if words in work.title.casefold() and work.date.startswith(year)
        ]
        return page(query, [result(work, media_type=media == "multi") for work in found])

    def _discover(self, query: Query, media: str) -> Any:
        wanted = {int(n) for n in query.get("with_genres", "").split(",") if n}
        some = [
            work
            for work in self._of(media)
            if wanted <= {GENRE_NUMBERS.get(name, 0) for name in work.genres}
        ]
        return page(query, [result(work) for work in some])

    def _changes(self, query: Query, media: str) -> Any:
        start, end = _window(query)
        found = dict.fromkeys(
            number for day, kind, number in self.changed if kind == media and start <= day <= end
        )
        listed = [{"id": number, "adult": False} for number in found]
        return page(query, listed, CHANGES_PAGE_SIZE)

    # -- what things are called ---------------------------------------------------------------

    def _genres(self, query: Query, media: str) -> Any:
        return {"genres": [{"id": n, "name": name} for name, n in GENRE_NUMBERS.items()]}

    def _configuration(self, query: Query) -> Any:
        sizes = ["w92", "w342", "original"]
        return {
            "images": {
                "base_url": "http://image.tmdb.org/t/p/",
                "secure_base_url": "https://image.tmdb.org/t/p/",
                "backdrop_sizes": sizes, "logo_sizes": sizes, "poster_sizes": sizes,
                "profile_sizes": sizes, "still_sizes": sizes,
            },
            "change_keys": ["title", "overview"],
        }  # fmt: skip

    def _regions(self, query: Query) -> Any:
        names = {"DE": "Germany", "FR": "France", "GB": "United Kingdom", "US": "United States"}
        return {
            "results": [
                {"iso_3166_1": code, "english_name": name, "native_name": name}
                for code, name in names.items()
            ]
        }

    def _services(self, query: Query, media: str) -> Any:
        some = [work.services for work in self._alike if work.media == media]
        names = {
            n for by in some for ways in by.values() for listed in ways.values() for n in listed
        }
        return {
            "results": [
                {"display_priorities": {"US": 1}, "display_priority": 1, "logo_path": "/x.jpg",
                 "provider_name": name, "provider_id": number_of(name, 2_000)}
                for name in sorted(names)
            ]
        }  # fmt: skip


def page(query: Query, some: Sequence[Any], size: int = PAGE_SIZE) -> dict[str, Any]:
    """One page of a list, as TMDB cuts it."""
    given = query.get("page", "1")
    if not given.isdecimal() or not 1 <= int(given) <= MAX_PAGES:
        raise RefusedError(22)
    number = int(given)
    return {
        "page": number,
        "results": list(some[(number - 1) * size : number * size]),
        "total_pages": max(1, -(-len(some) // size)),
        "total_results": len(some),
    }


def _window(query: Query) -> tuple[date, date]:
    today = datetime.now(UTC).date()
    end = date.fromisoformat(query.get("end_date") or today.isoformat())
    start = date.fromisoformat(query.get("start_date") or (end - timedelta(days=1)).isoformat())
    if not timedelta(0) <= end - start <= timedelta(days=_MAX_DAYS):
        raise RefusedError(20)
    return start, end
