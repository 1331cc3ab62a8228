"""TMDB's client against the stand-in: every call, and what it says when refused."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.upstream.clients import tmdb_client, tmdb_server
from tests.upstream.standin.serve import add_tmdb
from tests.upstream.standin.server import Faults, Standin
from tests.upstream.standin.tmdb import TmdbContent
from tv5core.errors import (
    CredentialsError,
    InvalidInputError,
    MalformedResponseError,
    TitleNotFoundError,
    UpstreamStatusError,
)
from tv5core.upstream.tmdb.changes import split_into_windows
from tv5core.upstream.tmdb.client import Tmdb
from tv5core.upstream.tmdb.exports import ExportedId, latest_export_day
from tv5core.upstream.tmdb.mapping import title_from
from tv5core.upstream.tmdb.provider import TMDB_FILES_URL, TMDB_URL, tmdb_provider

DAY = date(2026, 3, 10)


@pytest.fixture(scope="module")
def content() -> TmdbContent:
    return TmdbContent(1_000)


@pytest.fixture
async def server(content: TmdbContent) -> AsyncIterator[Standin]:
    async with tmdb_server(content) as server:
        yield server


@pytest.fixture
async def tmdb(server: Standin) -> AsyncIterator[Tmdb]:
    async with tmdb_client(server) as opened:
        yield opened


async def test_a_film_comes_whole_in_one_request(server: Standin, tmdb: Tmdb) -> None:
    title = await tmdb.title("tmdb:movie:603")
    assert (title.id, title.title, title.year) == ("tmdb:movie:603", "The Matrix", 1999)
    assert title.external_ids["imdb"] == "tt0133093"
    assert title.cast
    assert title.directors
    assert title.keywords
    assert title.certification == "PG"
    assert [name.title for name in title.alternative_titles] == [
        "Le The Matrix", "The Matrix (Uncut)"
    ]  # fmt: skip
    assert {offer.region for offer in title.offers} == {"US", "GB", "DE", "FR"}
    assert all(offer.checked_at == title.updated_at > 0 for offer in title.offers)
    assert len(server.arrivals) == 1
    asked = server.queries[0]
    assert asked["append_to_response"] == (
        "credits,keywords,external_ids,watch/providers,similar,alternative_titles,"
        "translations,release_dates"
    )
    assert asked["language"] == "en-US"
    details = await tmdb.movie(603)
    assert details.similar is not None
    assert details.similar.results


async def test_a_series_by_its_id_elsewhere(tmdb: Tmdb) -> None:
    title = await tmdb.title("imdb:tt0944947")
    assert (title.id, title.kind) == ("tmdb:tv:1399", "show")
    assert title.seasons
    assert (await tmdb.title("tmdb:tv:1399")).title == title.title
    assert (await tmdb.tv(1399, append=())).credits is None


async def test_lists_come_in_pages(tmdb: Tmdb) -> None:
    first, second = await tmdb.popular("movie"), await tmdb.popular("movie", page=2)
    assert (len(first.results), first.page, second.page) == (20, 1, 2)
    assert first.total_pages == -(-first.total_results // 20)
    assert {r.id for r in first.results}.isdisjoint(r.id for r in second.results)
    popularities = [r.popularity for r in (*first.results, *second.results)]
    assert popularities == sorted(popularities, reverse=True)
    rated = await tmdb.top_rated("tv")
    assert rated.results[0].vote_average >= rated.results[-1].vote_average
    assert title_from(rated.results[0]).kind == "show"
    drama = await tmdb.discover("movie", {"with_genres": "18", "include_adult": False})
    assert drama.results
    assert all(18 in r.genre_ids for r in drama.results)


async def test_search_and_what_is_trending(server: Standin, tmdb: Tmdb) -> None:
    found = await tmdb.search_movie("matrix", year=1999)
    assert [r.title for r in found.results] == ["The Matrix"]
    assert not (await tmdb.search_movie("matrix", year=1950)).results
    series = await tmdb.search_tv("game of thrones")
    assert series.results[0].id == 1399
    mixed = await tmdb.search_multi("the")
    assert {r.media_type for r in mixed.results} <= {"movie", "tv"}
    assert title_from((await tmdb.search_multi("game of thrones")).results[0]).kind == "show"
    trending = await tmdb.trending("all", "week", page=2)
    assert trending.page == 2
    assert len({title_from(r).id for r in trending.results}) == 20
    assert all("year" not in query for query in server.queries[2:]), "nothing asked for nothing"


async def test_what_things_are_called(tmdb: Tmdb) -> None:
    assert {g.name: g.id for g in await tmdb.genres("movie")}["Drama"] == 18
    assert (await tmdb.configuration()).images.secure_base_url.startswith("https://")
    assert "Netflix" in {s.provider_name for s in await tmdb.services("tv", "US")}
    assert "DE" in {r.iso_3166_1 for r in await tmdb.regions()}
    assert set((await tmdb.watch_providers("movie", 603)).results) == {"US", "GB", "DE", "FR"}


async def test_changes_over_any_time(content: TmdbContent, tmdb: Tmdb) -> None:
    films = [work for work in content.works.values() if work.media == "movie"]
    for place, work in enumerate(films[:600]):
        content.change(work, DAY - timedelta(days=place % 40))
    page = await tmdb.changes("movie", DAY - timedelta(days=14), DAY)
    assert (len(page.results), page.total_pages) == (100, 3)
    numbers = await tmdb.changed_ids("movie", DAY - timedelta(days=39), DAY)
    assert numbers == sorted(work.id for work in films[:600])
    assert await tmdb.changed_ids("tv", DAY, DAY) == []
    assert (await tmdb.title_changes("movie", films[0].id, DAY, DAY)).changes == ()


def test_windows_share_their_ends_and_leave_no_gap() -> None:
    cut = list(split_into_windows(DAY, DAY + timedelta(days=30)))
    assert cut[0][0] == DAY
    assert cut[-1][1] == DAY + timedelta(days=30)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(cut))
    assert all((end - start).days <= 14 for start, end in cut)
    assert list(split_into_windows(DAY, DAY)) == [(DAY, DAY)]


async def test_the_export_of_a_day(content: TmdbContent, tmdb: Tmdb) -> None:
    day = max(content.export_days)
    lines = [line async for line in tmdb.export("tv", day)]
    assert all(isinstance(line, ExportedId) for line in lines)
    wanted = {work.id for work in content.works.values() if work.media == "tv"}
    assert {line.id for line in lines if isinstance(line, ExportedId)} == wanted
    with pytest.raises(TitleNotFoundError):
        [line async for line in tmdb.export("tv", day - timedelta(days=400))]


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 3, 10, 7, 59, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 3, 10, 8, 0, tzinfo=UTC), date(2026, 3, 10)),
        (datetime.fromisoformat("2026-03-10T09:30:00+02:00"), date(2026, 3, 9)),
        (datetime(2026, 1, 1, 3, 0, tzinfo=UTC), date(2025, 12, 31)),
    ],
)
def test_the_newest_export(now: datetime, day: date) -> None:
    assert latest_export_day(now) == day


# -- refusals ----------------------------------------------------------------------------------


async def test_a_title_that_is_not_there(tmdb: Tmdb) -> None:
    for unknown in ("tmdb:movie:1", "tmdb:tv:603", "imdb:tt9999999"):
        with pytest.raises(TitleNotFoundError):
            await tmdb.title(unknown)


async def test_a_wrong_key(server: Standin) -> None:
    async with tmdb_client(server, "another-key") as wrong:
        with pytest.raises(CredentialsError, match="Invalid API key") as caught:
            await wrong.title("tmdb:movie:603")
    assert "another-key" not in str(caught.value)
    assert len(server.arrivals) == 1, "a refused key is not tried again"


async def test_an_error_of_tmdbs_own(content: TmdbContent, tmdb: Tmdb) -> None:
    many = [f"part_{'abcdefghijklmnopqrst'[n]}" for n in range(20)]
    assert (await tmdb.movie(603, append=many)).id == 603
    with pytest.raises(TitleNotFoundError, match="Invalid id"):
        await tmdb.find("121361", "tvdb_id")
    with pytest.raises(UpstreamStatusError, match="20: Invalid date range") as caught:
        await tmdb._get(
            "movie/changes", dict, {"start_date": "2020-01-01", "end_date": "2021-01-01"}
        )
    assert (caught.value.status, caught.value.code) == (422, 20)


async def test_wrong_types_are_reported_with_their_place(content: TmdbContent) -> None:
    server = Standin(faults=Faults({"wrong_types": 1.0}))
    add_tmdb(server, content)
    async with server, tmdb_client(server) as tmdb:
        with pytest.raises(MalformedResponseError, match=r"tmdb movie/603: .*\$\.") as caught:
            await tmdb.movie(603)
        assert caught.value.where.startswith("$.")


@pytest.mark.parametrize(
    "id",
    ["", "603", "tmdb:movie:0", "tmdb:movie:-1", "tmdb:film:603", "tmdb:movie:603/x", "imdb:nm1"],
)
async def test_ids_that_are_none(server: Standin, tmdb: Tmdb, id: str) -> None:
    with pytest.raises(InvalidInputError, match="expected tmdb:movie:603"):
        await tmdb.title(id)
    assert not server.arrivals


async def test_arguments_are_checked_before_anything_is_asked(server: Standin, tmdb: Tmdb) -> None:
    day = date(2026, 1, 1)
    for call in (
        lambda: tmdb.popular("film"),  # type: ignore[arg-type]
        lambda: tmdb.popular("movie", page=0),
        lambda: tmdb.popular("movie", page=501),
        lambda: tmdb.search_movie("  "),
        lambda: tmdb.search_multi("x" * 501),
        lambda: tmdb.trending("all", "month"),  # type: ignore[arg-type]
        lambda: tmdb.movie(True),
        lambda: tmdb.movie(603, append=["a"] * 21),
        lambda: tmdb.movie(603, append=["credits&x"]),
        lambda: tmdb.find("tt1/..", "imdb_id"),
        lambda: tmdb.find("tt1", "myspace_id"),
        lambda: tmdb.changes("movie", day, day + timedelta(days=15)),
        lambda: tmdb.changes("movie", day, day - timedelta(days=1)),
        lambda: tmdb.changes("movie", datetime(2026, 1, 1, tzinfo=UTC), day),
    ):
        with pytest.raises(InvalidInputError, match="expected"):
            await call()
    assert not server.arrivals


# -- where TMDB is -----------------------------------------------------------------------------


def test_keys_and_addresses_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    for name in ("TMDB_BEARER_TOKEN", "TMDB_API_KEY", "TV5_TMDB_URL", "TV5_TMDB_FILES_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    with pytest.raises(CredentialsError, match="TMDB_BEARER_TOKEN"):
        tmdb_provider()
    monkeypatch.setenv("TMDB_API_KEY", "canary")
    provider = tmdb_provider(bulk_share=0.5)
    assert (provider.base_url, provider.files_base_url) == (TMDB_URL, TMDB_FILES_URL)
    assert (provider.contract, provider.rate, provider.burst) == (50, 45.0, 5)
    assert (provider.bulk_share, provider.max_connections) == (0.5, 20)
    assert provider.allowed_hosts() == {"api.themoviedb.org", "files.tmdb.org"}
    assert not provider.allow_private
    assert provider.credentials.params() == {"api_key": "canary"}
    assert "canary" not in repr(provider)
    monkeypatch.setenv("TV5_TMDB_URL", "http://127.0.0.1:8765/3")
    mirror = tmdb_provider()
    assert mirror.allow_private
    assert mirror.files_url("p/exports/x.json.gz") == "http://127.0.0.1:8765/p/exports/x.json.gz"
