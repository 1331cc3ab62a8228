"""TMDB's bodies as structs: forgiving of what is missing, exact about what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.upstream.tmdb.recorded import FILM, LIST, SERIES, as_body
from tv5core.errors import MalformedResponseError
from tv5core.types import AlternativeTitle, Collection, Offer, Person
from tv5core.upstream.fetching.decoding import decode, drop_nulls
from tv5core.upstream.fetching.omissions import record_omissions
from tv5core.upstream.justwatch.types import GraphqlResponse, Popular
from tv5core.upstream.tmdb.details import (
    Credits,
    ExternalIds,
    Keywords,
    MovieDetails,
    ReleaseDates,
    TvDetails,
    WatchProviders,
)
from tv5core.upstream.tmdb.mapping import offers_from, title_from
from tv5core.upstream.tmdb.types import (
    ChangedId,
    Configuration,
    Country,
    ErrorBody,
    FindResults,
    Genres,
    Language,
    MovieResult,
    MultiResult,
    Page,
    Region,
    ServiceListing,
    Services,
    TvResult,
)

RECORDED = Path(__file__).parents[4] / "shared" / "data" / "tmdb_responses"


def film(**changes: Any) -> MovieDetails:
    return decode(as_body(FILM | changes), MovieDetails, "tmdb movie/7001")


def test_a_film_with_what_was_appended() -> None:
    title = title_from(film(), checked_at=1_700_000_000)
    assert (title.id, title.kind, title.title) == ("tmdb:movie:7001", "movie", FILM["title"])
    assert (title.year, title.release_date, title.runtime) == (2019, "2019-11-08", 104)
    assert title.genres == ("Science Fiction",)
    assert title.keywords == ("salvage", "moon")
    assert title.cast == (Person("Jonas Egger"), Person("Mira Lind", "Pilot"))
    assert (title.directors, title.creators) == (("Ada Holm",), ("Luis Abel",))
    assert (title.rating, title.votes, title.popularity) == (7.0, 412, 93.4917)
    assert title.external_ids == {"tmdb": "7001", "imdb": "tt7001001"}
    assert title.certification == "PG-13"
    assert title_from(film(), region="DE").certification == "12"
    assert (title.languages, title.countries) == (("en",), ("US",))
    assert (title.source, title.updated_at) == ("tmdb", 1_700_000_000)
    us, fr = title.offers
    assert us == Offer(
        "netflix",
        "US",
        "flatrate",
        url="https://www.themoviedb.org/movie/7001/watch?locale=US",
        checked_at=1_700_000_000,
        source="tmdb",
    )
    assert (fr.provider, fr.region, fr.kind) == ("disney plus", "FR", "buy")
    assert title.alternative_titles == (
        AlternativeTitle("Marée basse à Callisto", "fr", "FR"),
        AlternativeTitle("Callisto", region="US"),
    )
    assert title.collection == Collection("tmdb:77", "Callisto Collection")
    assert not title.adult
    assert title_from(film(adult=True)).adult


def test_a_series() -> None:
    details = decode(as_body(SERIES), TvDetails, "tmdb tv/8002")
    title = title_from(details)
    assert (title.id, title.kind, title.seasons) == ("tmdb:tv:8002", "show", 3)
    assert title.genres == ("Science Fiction", "Fantasy")
    assert title.keywords == ("radio",)
    assert title.certification == "TV-MA"
    assert title.creators == ("Karin Dubois",)
    assert title.external_ids == {"tmdb": "8002", "imdb": "tt0944947"}
    assert title.rating is None, "nobody voted"
    assert title.overview == ""
    assert title.countries == ("GB",)


@pytest.mark.parametrize("name", sorted(FILM))
def test_any_field_may_be_null_or_missing(name: str) -> None:
    if name == "id":
        return
    without = {key: value for key, value in FILM.items() if key != name}
    assert title_from(film(**{name: None})) == title_from(
        decode(as_body(without), MovieDetails, "film")
    )


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"id": None}, "field `id`"),
        ({"id": "seven"}, "$.id"),
        ({"id": 7001.5}, "$.id"),
        ({"title": None, "original_title": None}, "expected a title"),
        ({"title": "", "original_title": {"en": "x"}}, "expected a title"),
    ],
)
def test_an_unusable_id_or_title_is_an_error_with_its_place(
    changes: dict[str, Any], place: str
) -> None:
    with pytest.raises(MalformedResponseError) as caught:
        film(**changes)
    assert place in str(caught.value), str(caught.value)
    assert str(caught.value).startswith("tmdb movie/7001: ")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "an empty body"),
        (b"<html>down for maintenance</html>", "<html>down"),
        (as_body(FILM)[:200], "200 bytes beginning"),
        (b"[" * 200_000, "expected JSON"),
        (b"[1, 2]", "got `array`"),
    ],
)
def test_what_is_no_body_at_all(body: bytes, said: str) -> None:
    with pytest.raises(MalformedResponseError, match="tmdb film") as caught:
        decode(body, MovieDetails, "tmdb film")
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


def test_nulls_go_at_any_depth_and_nothing_else() -> None:
    given = {"a": None, "b": [None, {"c": None, "d": 0}], "e": "", "f": False}
    assert drop_nulls(given) == {"b": [{"d": 0}], "e": "", "f": False}


def test_a_mixed_list() -> None:
    page = decode(as_body(LIST), Page[MultiResult], "tmdb search/multi")
    assert (page.page, page.total_pages, page.total_results) == (1, 500, 10_000)
    one, two, three = page.results
    assert title_from(one).id == "tmdb:movie:1"
    assert title_from(one).genres == ("Horror",)
    assert title_from(two).id == "tmdb:tv:2"
    assert title_from(two).year == 2020
    with pytest.raises(MalformedResponseError, match="got a person"):
        title_from(three)


def test_films_are_no_series() -> None:
    films = as_body({"page": 1, "results": [{"id": n, "title": "Four"} for n in range(4, 9)]})
    assert decode(films, Page[MovieResult], "x").results[0].title == "Four"
    with pytest.raises(MalformedResponseError, match=r"expected a name.*\$\.results\[0\]"):
        decode(films, Page[TvResult], "tmdb search/tv")


@pytest.mark.parametrize("odd", ["", "x", "NaN", 95.5, -1, 10**20, 1e300, True, [], {}, [[]], [{}]])
def test_one_odd_value_anywhere_costs_that_value_alone(odd: Any) -> None:
    whole = title_from(film())
    for path in _paths(FILM):
        with record_omissions() as omitted:
            try:
                details = decode(as_body(_replaced(FILM, path, odd)), MovieDetails, "x")
            except MalformedResponseError:
                assert path == ("id",)
                continue
            title = title_from(details)
        changed = {name for name in title.__struct_fields__
                   if getattr(title, name) != getattr(whole, name)}  # fmt: skip
        affected = _AFFECTED.get(str(path[0]), {str(path[0])})
        assert changed <= affected, (path, odd, changed)
        assert sum(omitted.values()) <= 2, (path, odd, omitted)


_AFFECTED = {
    "id": {"id", "external_ids"},
    "title": {"title"},
    "release_date": {"release_date", "year"},
    "vote_average": {"rating"},
    "vote_count": {"votes", "rating"},
    "credits": {"cast", "directors", "creators"},
    "keywords": {"keywords"},
    "watch/providers": {"offers"},
    "external_ids": {"external_ids"},
    "imdb_id": {"external_ids"},
    "release_dates": {"certification"},
    "spoken_languages": {"languages"},
    "original_language": {"languages"},
    "production_countries": {"countries"},
    "origin_country": {"countries"},
    "genre_ids": {"genres"},
    "translations": {"alternative_titles"},
    "belongs_to_collection": {"collection"},
    "similar": set[str](),
}


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value inside a document."""
    keys: Any = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield (*path, key)
        yield from _paths(value[key], (*path, key))


def _replaced(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("changes", "omitted"),
    [
        ({"runtime": 95.5}, {"runtime": 1}),
        ({"external_ids": {"imdb_id": "", "tvdb_id": ""}}, {"external_ids.tvdb_id": 1}),
        ({"credits": []}, {"credits": 1}),
        ({"watch/providers": {"results": []}}, {"watch/providers.results": 1}),
        ({"watch/providers": {"results": {"US": [], "FR": {}}}}, {"watch/providers.results[]": 1}),
        (
            {"similar": {"results": [{"id": 5, "title": ""}, {"id": 6, "title": "Six"}]}},
            {"similar.results[]": 1},
        ),
        ({"similar": {"results": [{"id": n} for n in range(9)]}}, {"similar": 1}),
        ({"similar": {"results": [], "total_pages": "many"}}, {"similar": 1}),
        ({"genres": [{"id": "18", "name": 1917}]}, {}),
        ({"popularity": "NaN"}, {"popularity": 1}),
        ({"runtime": 10**9}, {"runtime out of range": 1}),
        ({"release_date": "soon"}, {"date malformed": 1}),
    ],
)
def test_what_is_left_out_is_counted(changes: dict[str, Any], omitted: dict[str, int]) -> None:
    with record_omissions() as counted:
        assert title_from(film(**changes)).title == FILM["title"]
    assert counted == omitted


@pytest.mark.parametrize("kind", [MovieResult, TvResult, MultiResult])
def test_an_untitled_entry_of_a_page_is_left_out(kind: Any) -> None:
    one = {"id": 1, "title": "One", "name": "One"}
    body = as_body({"page": 1, "results": [one, {"id": 2, "title": "", "name": None}, {"id": "x"}]})
    with record_omissions() as omitted:
        page = decode(body, Page[kind], "x")
    assert [each.id for each in page.results] == [1]
    assert omitted == {"results[]": 2}
    only = as_body({"results": [{"id": 2, "title": ""}]})
    assert decode(only, Page[kind], "x").results == ()


def test_an_unreadable_number_of_pages_is_an_error() -> None:
    with pytest.raises(MalformedResponseError, match="total_pages"):
        decode(b'{"results": [{"id": 7}], "total_pages": "many"}', Page[ChangedId], "changes")


def test_json_as_other_encoders_write_it() -> None:
    body = b'\xef\xbb\xbf{"id": 1, "title": "One", "overview": "a \\ud83d b", "popularity": NaN}'
    with record_omissions() as omitted:
        found = decode(body, MovieResult, "x")
    assert (found.overview, found.popularity) == ("a \ufffd b", 0.0)
    assert sum(omitted.values()) == 2
    huge = decode(b'{"id": 1, "title": "One", "popularity": 1e999}', MovieResult, "x")
    assert huge.popularity == 0.0


def test_omissions_are_counted_by_outer_blocks_too() -> None:
    with record_omissions() as outer:
        with record_omissions() as inner:
            film(runtime=95.5)
        film(runtime="x")
        film()
    assert (inner, outer) == ({"runtime": 1}, {"runtime": 2})


def test_bytes_that_are_not_utf_8_are_replaced_and_counted() -> None:
    body = '{"id": 1, "title": "Caf\u00e9 \ufffd", "overview": "\u00e9t\u00e9"}'.encode("utf-8")
    broken = body.replace("\u00e9t\u00e9".encode(), b"\xe9t\xe9")
    with record_omissions() as omitted:
        film = decode(broken, MovieResult, "x")
    assert (film.title, film.overview) == ("Caf\u00e9 \ufffd", "\ufffdt\ufffd")
    assert omitted == {"(not UTF-8)": 2}
    with record_omissions() as omitted:
        assert decode(body, MovieResult, "x").overview == "\u00e9t\u00e9"
    assert not omitted
    with pytest.raises(MalformedResponseError, match="expected JSON"):
        decode(b"\xff\xfe{", MovieResult, "x")


def test_offers_of_some_countries() -> None:
    providers = decode(as_body(FILM["watch/providers"]), WatchProviders, "x")
    assert {offer.region for offer in offers_from(providers)} == {"US", "FR"}
    assert [o.region for o in offers_from(providers, ["FR"], checked_at=3)] == ["FR"]
    assert offers_from(providers, ["FR"], checked_at=3)[0].checked_at == 3


# -- the real bodies, where they are -----------------------------------------------------------

_KINDS: list[tuple[str, Any]] = [
    ("tv-series-details-append-response|tv-details|tv-latest|tv__all|tv-series.json", TvDetails),
    (
        "movie-details|movie-latest|movie__all|adamayoung__movie.json|movie-with",
        MovieDetails,
    ),
    ("api-configuration|configuration__get", Configuration),
    ("configuration-countries", list[Country]),
    ("configuration-languages", list[Language]),
    ("error-|invalid-api-key|resource-not-found|validation-error", ErrorBody),
    ("find-results", FindResults),
    ("genre", Genres),
    ("all-changes|changes__movies", Page[ChangedId]),
    ("watch-provider-regions", Services[Region]),
    ("watch-provider-movie-list|watch-provider-tv-list", Services[ServiceListing]),
    ("watch-providers|watch-provider-result", WatchProviders),
    ("credits", Credits),
    ("external-ids", ExternalIds),
    ("keywords__movies", Page[MovieResult]),
    ("keywords", Keywords),
    ("release-dates", ReleaseDates),
    ("tv-search-decoding-error|movie-popular|movie-top|movie-similar", Page[MovieResult]),
    ("recommendations|search-movie|movie-pageable", Page[MovieResult]),
    ("tv-popular|tv-similar|search-tv|tv-series-pageable", Page[TvResult]),
    ("media-pageable|trending-all", Page[MultiResult]),
]


def _kind_of(name: str) -> Any:
    found = (kind for parts, kind in _KINDS if any(part in name for part in parts.split("|")))
    return next(found, None)


def _recorded() -> list[Path]:
    return sorted(RECORDED.glob("*.json")) if RECORDED.is_dir() else []


@pytest.mark.skipif(not _recorded(), reason="no recorded bodies beside the checkout")
def test_every_recorded_body_decodes() -> None:
    typed = 0
    for path in _recorded():
        body = path.read_bytes()
        kind = _kind_of(path.name)
        if path.name.startswith("justwatch"):
            envelope = decode(body, GraphqlResponse, path.name)
            decode(json.dumps(envelope.data).encode(), Popular, path.name)
        elif kind is None:
            # Seasons, people, images and the like: nothing here asks for them.
            assert decode(body, dict[str, Any], path.name)
        else:
            found = decode(body, kind, path.name)
            typed += 1
            if isinstance(found, MovieDetails | TvDetails):
                assert title_from(found).title
            if isinstance(found, Page) and not isinstance(found.results[0], ChangedId):
                assert all(title_from(r).title for r in found.results if r.media_type != "person")
    assert typed >= 45


@pytest.mark.skipif(not _recorded(), reason="no recorded bodies beside the checkout")
def test_the_body_that_is_wrong_on_purpose_says_where() -> None:
    body = (RECORDED / "jdrouet__tv-search-decoding-error.json").read_bytes()
    with pytest.raises(MalformedResponseError, match=r"expected a name.*`?\$\.results\[0\]"):
        decode(body, Page[TvResult], "tmdb search/tv")
