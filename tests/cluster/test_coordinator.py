"""Shards answer what one catalogue of all titles answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cluster.films import GENRES, PEOPLE, WORDS, film
from tests.cluster.local import Pair
from tests.examples import examples
from tv5core.catalog import Catalog
from tv5core.cluster.placement import shard_of
from tv5core.cluster.results import Shards
from tv5core.columns import F
from tv5core.errors import InvalidFilterError, InvalidInputError, ShardError, UnknownIdError
from tv5core.query.request import SearchRequest


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("cluster")
    with Catalog.open(folder / "one", rescoring="float32") as one:
        one.add([film(number) for number in range(240)])
        one.embed_pending()
        one.seal()
        found = Pair(one, folder / "shards", 3)
        yield found
        found.shards.close()


MISSPELT = [word[:-2] + word[-1] + word[-2] for word in WORDS]
PIECES = [*WORDS, *MISSPELT, *PEOPLE, *GENRES, "the", "westerns", "from the 80s", "1984", "zzqx"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=5).map(" ".join)
FILTERS = st.sampled_from([None, "genre:Drama", "year:>=1980", "-genre:Comedy votes:>0"])


@given(TEXTS, st.sampled_from(["hybrid", "keyword", "semantic"]), FILTERS, st.booleans())
@settings(max_examples=examples(150), deadline=None)
def test_ranks_scores_and_totals_are_those_of_one_catalogue(
    pair: Pair, text: str, mode: str, where: str | None, understand: bool
) -> None:
    given = {"mode": mode, "where": where, "understand": understand, "exact": True}
    if any(map(str.isalnum, text)) or where:
        pair.check(text, 20, **given, facets=["genre", "year"])


@pytest.mark.parametrize("sort", ["votes", "rating", "date:asc", "title", "title:desc"])
@pytest.mark.parametrize("text", ["", "river stone", '"silent river"', "river -stone"])
def test_other_orders(pair: Pair, sort: str, text: str) -> None:
    pair.check(text, 25, sort=sort, exact=True)


@pytest.mark.parametrize("options", [{}, {"where": "genre:Drama"}, {"sort": "votes"}])
def test_pages_lead_through_all_matches(pair: Pair, options: dict[str, Any]) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        request = SearchRequest.of("river", 7, mode="keyword", cursor=cursor or None, **options)
        found = asyncio.run(pair.many.search(request))
        seen += [hit.id for hit in found]
        cursor = found.cursor or None
    want = pair.one.search("river", 1_000, mode="keyword", **options)
    assert seen == [hit.id for hit in want]
    assert len(seen) > 14


def test_a_cursor_of_another_process_goes_on(pair: Pair) -> None:
    request = SearchRequest.of("river", 7, mode="keyword")
    first = asyncio.run(pair.many.search(request))
    other = Pair.__new__(Pair)
    other.one, other.shards = pair.one, pair.shards
    other.many = type(pair.many)(pair.shards, {})
    again = SearchRequest.of("river", 7, mode="keyword", cursor=first.cursor)
    found = asyncio.run(other.many.search(again))
    assert [hit.id for hit in found] == [
        hit.id for hit in pair.one.search("river", 14, mode="keyword")
    ][7:]


def test_vectors_and_likeness(pair: Pair) -> None:
    (vector,) = pair.one.get_vectors(["made:7"])
    for options in ({}, {"where": "genre:Drama"}, {"allow": ["made:1", "made:2", "none"]}):
        pair.check(vector, 15, exact=True, **options)
    found = asyncio.run(pair.many.similar("made:7", 10))
    assert [hit.id for hit in found] == [hit.id for hit in pair.one.similar("made:7", 10)]
    with pytest.raises(UnknownIdError):
        asyncio.run(pair.many.similar("nothing", 5))
    liked = asyncio.run(pair.many.like(["made:7", "made:8"], 5, "genre:Drama"))
    assert len(liked) == 5
    assert not {"made:7", "made:8"} & {hit.id for hit in liked}
    assert all("Drama" in hit.title.genres for hit in liked)


@pytest.mark.parametrize("prefix", ["riv", "silent ri", "rvier", "stone h", "", "zzz", "fal"])
def test_suggestions(pair: Pair, prefix: str) -> None:
    """Those of equal popularity stand in any order."""
    one, many = pair.one.suggest(prefix, 300), asyncio.run(pair.many.suggest(prefix, 300))
    assert sorted(many, key=str) == sorted(one, key=str)
    votes = {f"made:{number}": film(number).votes for number in range(240)}
    assert [votes[found.id] for found in many] == [votes[found.id] for found in one]
    assert len(asyncio.run(pair.many.suggest(prefix, 5))) == min(5, len(many))


def test_titles_by_id(pair: Pair) -> None:
    ids = ["made:3", "none", "made:9"]
    assert asyncio.run(pair.many.get_many(ids)) == pair.one.get_many(ids)
    assert asyncio.run(pair.many.count()) == 240
    assert [part.count() for part in pair.shards.parts] == [
        sum(shard_of(f"made:{number}", 3) == shard for number in range(240)) for shard in range(3)
    ]


def test_grouping_highlighting_explaining_and_reranking(pair: Pair) -> None:
    def by_year(_: str, titles: Any) -> list[float]:
        return [float(title.year or 0) for title in titles]

    pair.check("river", 20, group="title", exact=True)
    pair.check("river stone", 10, reranker=by_year, exact=True)
    one, many = pair.searched("river stone", 5, highlight=True, explain=True, exact=True)
    assert [hit.fragments for hit in many] == [hit.fragments for hit in one]
    assert [set(hit.parts) for hit in many] == [set(hit.parts) for hit in one]


def test_ids_as_filters(pair: Pair) -> None:
    pair.check("", where=F.id("made:3", "made:5", "none"))
    pair.check("river", where=~F.id("made:3"), exact=True)


def test_most_texts_take_few_rounds(pair: Pair) -> None:
    asyncio.run(pair.many.search(SearchRequest.of("river", 10)))
    for text in ("silent river", "river stone hunter", "copper falcon"):
        before = pair.shards.rounds
        asyncio.run(pair.many.search(SearchRequest.of(text, 10)))
        assert pair.shards.rounds - before <= 6


def test_what_is_wrong_is_refused_as_by_a_catalogue(pair: Pair) -> None:
    with pytest.raises(InvalidFilterError, match="gener"):
        asyncio.run(pair.many.search(SearchRequest.of("river", 5, where="gener:Drama")))
    with pytest.raises(InvalidInputError):
        asyncio.run(pair.many.search(SearchRequest.of([1.0, 2.0], 5)))
    with pytest.raises(InvalidInputError):
        asyncio.run(pair.many.search(SearchRequest.of("river", 5, facets=["nothing"])))


def test_an_answer_without_a_shard_says_so_and_has_the_titles_of_the_others(pair: Pair) -> None:
    everything = asyncio.run(pair.many.search(SearchRequest.of("river", 200, mode="keyword")))
    assert (str(everything.shards), everything.shards.all) == ("3/3", True)
    pair.shards.lost = {1}
    try:
        found = asyncio.run(pair.many.search(SearchRequest.of("river", 200, mode="keyword")))
        assert found.shards == Shards(2, 3)
        ids = {hit.id for hit in everything if shard_of(hit.id, 3) != 1}
        assert {hit.id for hit in found} == ids
        assert found.total.count == len(ids)
        pair.shards.lost = {0, 1, 2}
        with pytest.raises(ShardError, match="3 shards, got none"):
            asyncio.run(pair.many.search(SearchRequest.of("river", 5)))
    finally:
        pair.shards.lost = set()


def test_shards_follow_changes_and_deletions(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "one", rescoring="float32") as one:
        one.add([film(number) for number in range(80)])
        one.embed_pending()
        one.seal()
        pair = Pair(one, tmp_path / "shards", 2)
        one.add([film(number) for number in range(80, 110)])
        one.add([film(number, seed=5) for number in range(10)])
        one.delete([f"made:{number}" for number in range(20, 30)])
        one.delete(["made:99"])
        one.add([film(99, seed=7)])
        pair.follow()
        for text in ("river", "silent stone", "copper falcon letter", "westerns", ""):
            pair.check(text, 30, exact=True, where=None if text else "*", facets=["genre"])
        assert all(part.verify().ok for part in pair.shards.parts)
        one.refit()
        assert not any(part.follow(one) for part in pair.shards.parts)  # another space: load anew
        pair.shards.close()
