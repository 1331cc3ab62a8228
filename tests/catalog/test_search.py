"""One ranked answer for what people type: names, slips, descriptions, filters, pages, facets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tv5core import F, SearchResult, Title, errors
from tv5core.catalog import Catalog
from tv5core.data import demo_titles
from tv5core.types import Collection, Offer, Person

OWN = [
    Title(
        "x:1",
        "movie",
        "Léon Noir",
        year=1986,
        genres=("Thriller",),
        countries=("FR",),
        runtime=95,
        votes=900,
        overview="A heist in Marseille goes wrong.",
        offers=(Offer("amazon prime video", "US"),),
    ),
    Title("x:2", "movie", "Thriller", year=1973, genres=("Thriller",), votes=5),
    Title("x:3", "show", "Harbour Lights", year=1984, genres=("Thriller",), votes=50,
          cast=(Person("Ada Quill"),), offers=(Offer("amazon prime video", "US"),)),
    Title("x:4", "movie", "Star Boat", year=2001, collection=Collection("c:1", "Star Boats")),
    Title("x:5", "movie", "Star Boat 2", year=2004, collection=Collection("c:1", "Star Boats")),
    Title("x:6", "movie", "Star Boat", year=2002, votes=3),
]  # fmt: skip


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    with Catalog.open(tmp_path_factory.mktemp("search") / "c") as opened:
        opened.add([*demo_titles(), *OWN])
        opened.seal()
        yield opened


def names(found: SearchResult) -> list[str]:
    return [hit.title.title for hit in found]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("jaws", "Jaws"),
        ("the matrix 1999", "The Matrix"),
        ("leon noir", "Léon Noir"),
        ("shawshenk redemtion", "The Shawshank Redemption"),
        ("toystory", "Toy Story"),
        ("a shark terrorises a beach town", "Jaws"),
        ("Thriller", "Thriller"),
    ],
)
def test_the_obvious_title_comes_first(catalog: Catalog, text: str, first: str) -> None:
    assert names(catalog.search(text, 3))[0] == first


def test_a_correction_is_said(catalog: Catalog) -> None:
    assert catalog.search("shawshenk redemtion").did_you_mean == "shawshank redemption"
    assert catalog.search("shawshank redemption").did_you_mean == ""


@pytest.mark.parametrize("text", ["zxcvbnm", "qzxj krxtplmn", "???", "%%% &&", "", "  ", "\x00"])
@pytest.mark.parametrize("mode", ["hybrid", "keyword", "semantic"])
def test_nothing_known_finds_nothing(catalog: Catalog, text: str, mode: Any) -> None:
    found = catalog.search(text, mode=mode)
    assert (len(found), found.total.count, found.cursor) == (0, 0, "")


def test_a_description_is_read_shown_and_switched_off(catalog: Catalog) -> None:
    found = catalog.search("amazon thrillers from the 80s")
    assert {hit.id for hit in found} == {"x:1", "x:3"}
    read = found.interpretation
    assert read is not None
    assert read.applied
    assert {one.kind for one in read.readings} == {"provider", "genre", "year"}
    again = catalog.search("", where=read.where)
    assert {hit.id for hit in again} == {"x:1", "x:3"}, "what is shown is a filter"
    plain = catalog.search("amazon thrillers from the 80s", understand=False)
    assert plain.interpretation is not None
    assert not plain.interpretation.applied
    named = catalog.search("french heist movies under two hours")
    assert names(named)[0] == "Léon Noir"
    assert names(catalog.search("ada quill thrillers")) == ["Harbour Lights"]


def test_a_name_and_an_empty_filter_win_over_readings(catalog: Catalog) -> None:
    found = catalog.search("Thriller")
    assert found.interpretation is not None
    assert found.interpretation.reason == "a title has this name"
    nothing = catalog.search("french westerns from the 30s on hulu")
    assert nothing.interpretation is not None
    assert not nothing.interpretation.applied


# -- filters, facets, order ---------------------------------------------------------------


@pytest.mark.parametrize("mode", ["hybrid", "keyword", "semantic"])
@pytest.mark.parametrize("where", ["year:1990..1999", "genre:Drama -genre:Crime", "kind:show"])
def test_filters_hold_and_fill_the_answer(catalog: Catalog, mode: Any, where: str) -> None:
    allowed = {hit.id for hit in catalog.search("", 1_000, where=where)}
    found = catalog.search("a man and a woman in the city", 1_000, mode=mode, where=where)
    assert {hit.id for hit in found} <= allowed
    assert found.total.count == len(found)
    if mode != "keyword":
        assert len(found) == len(allowed), "min(k, matches)"


@pytest.mark.parametrize("where", ["", "year:..2001"])
def test_exclusions_alone_leave_out_what_has_them(catalog: Catalog, where: str) -> None:
    everything = catalog.search("-zxcvbnm", 10_000, where=where)
    assert len(everything) == catalog.browse(where=where or None, k=10_000).total.count
    found = catalog.search("-boat -harbour", 10_000, where=where, facets=["kind"])
    gone = {hit.id for hit in everything} - {hit.id for hit in found}
    assert {"x:3", "x:4"} <= gone
    assert gone == {
        hit.id for word in ("boat", "harbour") for hit in everything if _has(hit.title, word)
    }
    assert sum(one.count for one in found.facets["kind"]) == found.total.count == len(found)


def _has(title: Title, word: str) -> bool:
    collection = title.collection.name if title.collection else ""
    people = [text for person in title.cast for text in (person.name, person.character)]
    texts = [title.title, title.overview, title.tagline, collection, *title.keywords, *people]
    return any(re.search(rf"\b{word}s?\b", text, re.IGNORECASE) for text in texts)


def test_equal_filters_are_equal_answers(catalog: Catalog) -> None:
    written = F.genre.any("Drama", "Crime") & F.year.between(1990, 1999)
    for where in (
        "year:1990..1999 genre:(Crime|Drama)",
        "year:>=1990 year:<2000 genre:(Drama|Crime)",
    ):
        assert catalog.search("murder", where=where) == catalog.search("murder", where=written)
        assert catalog.filter_text(where) == catalog.filter_text(written)


def test_facets_count_all_matches_without_the_own_clause(catalog: Catalog) -> None:
    titles = [hit.title for hit in catalog.search("", 1_000, where="kind:movie")]
    found = catalog.search("", 1, where="kind:movie genre:Crime", facets=["genre", "kind"])
    wanted = Counter(genre for title in titles for genre in set(title.genres))
    assert {one.value: one.count for one in found.facets["genre"]} == wanted
    crime = catalog.search("", 1_000, where="genre:Crime")
    kinds = Counter(hit.title.kind for hit in crime)
    assert {one.value: one.count for one in found.facets["kind"]} == kinds
    assert (
        catalog.facets({"genre": 2}, where="kind:movie")["genre"]
        == catalog.facets(["genre"], where="kind:movie")["genre"][:2]
    )


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("date", lambda t: -(t.year or 0)),
        ("date:asc", lambda t: t.year or 9999),
        ("title", lambda t: t.title.casefold().replace("é", "e").replace("'", "")),
    ],
)
def test_matches_are_sorted(catalog: Catalog, sort: str, value: Callable[[Title], Any]) -> None:
    found = [value(hit.title) for hit in catalog.search("", 200, where="genre:War", sort=sort)]
    assert len(found) > 5
    assert found == sorted(found)


def test_equal_titles_keep_the_order_in_which_they_were_added(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c", auto_seal=False) as catalog:
        catalog.add(demo_titles(), embed=False)
        for name, title in [("a", "Zz One"), ("b", "Zz Same"), ("c", "Zz Same"), ("a", "Zz Same")]:
            catalog.add([Title(name, "movie", title)], embed=False)
        found = [title.id for title in catalog.browse(sort="title:desc", k=3)]
        assert sorted(found) == ["a", "b", "c"]
        assert found == sorted(found, key=lambda name: catalog.get_versioned(name).row)


def test_groups_stand_for_their_titles(catalog: Catalog) -> None:
    assert {h.id for h in catalog.search("star boat", 3)} == {"x:4", "x:5", "x:6"}
    by_title = catalog.search("star boat", 5, group="title")
    assert [h.folded for h in by_title if h.id in {"x:4", "x:6"}] == [
        tuple({"x:4", "x:6"} - {h.id for h in by_title})
    ]
    (first, *_) = catalog.search("star boat", 5, group="collection")
    assert {first.id, *first.folded} == {"x:4", "x:5", "x:6"}


# -- pages --------------------------------------------------------------------------------


def pages(catalog: Catalog, text: str, k: int, between: Callable[[], None], **of: Any) -> list[Any]:
    found = [catalog.search(text, k, **of)]
    while found[-1].cursor:
        between()
        found.append(catalog.search(text, k, cursor=found[-1].cursor, **of))
    return found


@pytest.mark.parametrize("forget", [False, True], ids=["kept", "made again"])
@pytest.mark.parametrize(
    "of",
    [
        {"text": "love and war"},
        {"text": "", "where": "genre:Drama", "sort": "title"},
        {"text": "", "where": "year:>=1990", "sort": "date"},
        {"text": "murder", "mode": "keyword"},
        {"text": "star", "group": "collection"},
    ],
    ids=str,
)
def test_pages_neither_repeat_nor_miss_while_titles_are_added(
    tmp_path: Path, of: dict[str, Any], forget: bool
) -> None:
    options = dict(of)
    text = options.pop("text")
    with Catalog.open(tmp_path / "c") as catalog:
        catalog.add([*demo_titles(), *OWN])
        before = pages(catalog, text, 7, lambda: None, **options)
        added = iter(range(1_000))

        def between() -> None:
            n = next(added)
            catalog.add([Title(f"new:{n}", "movie", f"Love and War {n}", year=1999,
                               genres=("Drama",), overview="murder at the star")])  # fmt: skip
            if forget:
                catalog._searcher._pages._pages.clear()

        found = pages(catalog, text, 7, between, facets=["genre"], **options)
    ids = [hit.id for page in found for hit in page]
    assert len(ids) == len(set(ids))
    if not forget:
        assert ids == [hit.id for page in before for hit in page]
        assert len(ids) > 7
    assert not any(name.startswith("new:") for name in ids)
    if not forget or "sort" in options:
        assert {(page.total, page.facets["genre"]) for page in found} == {
            (found[0].total, found[0].facets["genre"])
        }


def browsed(catalog: Catalog, k: int, between: Callable[[], None], **of: Any) -> list[Any]:
    found = [catalog.browse(k=k, **of)]
    while found[-1].cursor:
        between()
        found.append(catalog.browse(k=k, cursor=found[-1].cursor, **of))
    return found


@pytest.mark.parametrize("kept", ["kept", "made again", "few kept"])
@pytest.mark.parametrize(
    "of",
    [{}, {"genre": "drama", "sort": "date:asc"}, {"sort": "rating", "where": "year:>=1980"},
     {"sort": "title"}, {"sort": "votes"}],
    ids=str,
)  # fmt: skip
def test_lists_page_without_repeats_or_gaps_while_titles_are_added(
    tmp_path: Path, of: dict[str, Any], kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kept == "few kept":
        monkeypatch.setattr("tv5core.catalog.searcher.MAX_KEPT", 70)
    with Catalog.open(tmp_path / "c", auto_seal=False) as catalog:
        catalog.add([*demo_titles(), *OWN], embed=False)
        want = [title.id for title in catalog.browse(k=1_000, **of)]
        added = iter(range(1_000))

        def between() -> None:
            n = next(added)
            catalog.add([Title(f"new:{n}", "movie", f"A {n}", year=1999, genres=("Drama",),
                               popularity=1e6, rating=9.0, votes=10**6)], embed=False)  # fmt: skip
            if kept == "made again":
                catalog._searcher._pages._pages.clear()

        found = browsed(catalog, 25, between, facets=["genre"], **of)
    assert [title.id for page in found for title in page] == want
    assert len(want) > 75
    assert {(page.total.count, page.facets["genre"]) for page in found} == {
        (len(want), found[0].facets["genre"])
    }


def test_a_list_begins_at_an_offset_or_a_cursor(catalog: Catalog) -> None:
    whole = catalog.browse(k=50)
    page = catalog.browse(k=10, offset=10)
    assert page == whole[10:20]
    assert catalog.browse(k=10, cursor=page.cursor) == whole[20:30]
    with pytest.raises(errors.InvalidInputError, match="offset or a cursor"):
        catalog.browse(k=10, offset=10, cursor=page.cursor)
    with pytest.raises(errors.InvalidInputError, match="expected a cursor"):
        catalog.browse(k=10, sort="date", cursor=page.cursor)


@pytest.mark.parametrize("like", ["vector", "title"])
def test_what_is_near_is_paged(catalog: Catalog, like: str) -> None:
    (name,) = [hit.id for hit in catalog.search("jaws", 1)]
    vector = catalog.embed_queries(["a shark at the beach"])[0]

    def near(k: int, cursor: str | None) -> SearchResult:
        if like == "title":
            return catalog.similar(name, k, cursor=cursor)
        return catalog.search(vector, k, cursor=cursor)

    whole, page = near(60, None), near(20, "")
    assert whole.cursor == ""
    found = [*page]
    while page.cursor and len(found) < 60:
        page = near(20, page.cursor)
        found += page
        assert page.total == near(20, "").total
    assert [hit.id for hit in found] == [hit.id for hit in whole]
    assert [hit.score for hit in found] == pytest.approx([hit.score for hit in whole])
    with pytest.raises(errors.InvalidInputError, match="expected a cursor"):
        catalog.search("jaws", 20, cursor=page.cursor)


@pytest.mark.parametrize("where", ["kind:movie", "year:>=1990 -genre:Drama", "year:1850", ""])
def test_what_is_near_under_filters(catalog: Catalog, where: str) -> None:
    """As many as are asked for, the same that pages begin with, and no more is looked at."""
    vector = catalog.embed_queries(["a shark at the beach"])[0]
    found = catalog.search(vector, 7, where=where)
    pages = catalog.search(vector, 7, where=where, cursor="")
    assert [hit.id for hit in found] == [hit.id for hit in pages]
    allowed = [title.id for title in catalog.browse(where=where, k=1_000)]
    assert len(found) == min(7, len(allowed))
    assert {hit.id for hit in found} <= set(allowed)
    assert found.cursor == ""
    some = catalog.search(vector, 5, where=where, allow=allowed[::3])
    assert {hit.id for hit in some} <= set(allowed[::3])
    assert len(some) == min(5, len(allowed[::3]))
    with pytest.raises(errors.InvalidFilterError):
        catalog.search(vector, 7, where="genres:x")


def test_a_page_can_be_explained_where_the_one_before_was_not(catalog: Catalog) -> None:
    first = catalog.search("love", 2)
    page = catalog.search("love", 2, cursor=first.cursor, explain=True)
    assert [hit.id for hit in page] == [hit.id for hit in catalog.search("love", 4)[2:]]
    assert page.explanation
    for hit in page:
        assert sum(hit.parts.values()) == pytest.approx(hit.score, rel=1e-4)


def test_a_cursor_of_another_search_is_refused(catalog: Catalog) -> None:
    cursor = catalog.search("love", 2).cursor
    for text, other in [("war", cursor), ("love", "x"), ("love", cursor[:-2]), ("love", "\ud800")]:
        with pytest.raises(errors.InvalidInputError, match="expected a cursor"):
            catalog.search(text, 2, cursor=other)


# -- the rest -----------------------------------------------------------------------------


def test_explanations_add_up(catalog: Catalog) -> None:
    found = catalog.search("toy story", 3, where="kind:movie", explain=True)
    for hit in found:
        assert sum(hit.parts.values()) == pytest.approx(hit.score, rel=1e-4)
        assert 0 <= hit.relevance <= 1
    assert found.explanation["allowed"] == len(catalog.search("", 1_000, where="kind:movie"))
    assert found.explanation["estimated"] >= found.explanation["allowed"]


@pytest.mark.parametrize("text", ["", "love and war", "zzzqqq"])
def test_plans_are_explained(catalog: Catalog, text: str) -> None:
    where = "genre:Drama -year:1990..1999 kind:movie"
    found = catalog.search(text, 3, where=where, explain=True).explanation
    listed = [hit.title for hit in catalog.search("", 1_000, where=where)]
    assert found["allowed"] == len(listed) <= found["estimated"]
    for clause in found["clauses"]:
        assert clause["matches"] == catalog.browse(where=clause["where"]).total.count
        assert clause["estimated"] >= clause["matches"]
    assert found["matches"] == catalog.search(text, 3, where=where).total.count
    if text == "love and war":
        (plan,) = found["plans"]
        assert (plan["space"], plan["plan"]) == ("first", "exact")
        assert plan["compared"] == plan["allowed"] <= plan["rows"]
    else:
        assert found["plans"] == []
    page = catalog.browse(where=where, k=2, explain=True)
    assert page.explanation["allowed"] == page.total.count == len(listed)


def test_a_reranker_orders_the_first(catalog: Catalog) -> None:
    def by_year(_: str, titles: Any) -> list[float]:
        return [-(title.year or 0) for title in titles]

    found = [hit.title.year or 0 for hit in catalog.search("war", 20, reranker=by_year)]
    assert found == sorted(found)
    with pytest.raises(errors.InvalidInputError, match="reranker"):
        catalog.search("war", reranker=lambda _, titles: [1.0])


def test_suggestions_and_fragments(catalog: Catalog) -> None:
    assert catalog.suggest("harb", 3)[0].text == "Harbour Lights"
    assert catalog.suggest("harbuor lig", 3)[0].corrected
    assert catalog.suggest("zzzz") == []
    (first, *_) = catalog.search("heist marseille", 1, highlight=True)
    assert "**heist**" in first.fragments["text"]


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.search("x", 0),
        lambda c: c.search("x", 10**6),
        lambda c: c.search("x" * 100_000),
        lambda c: c.search("a \ud800"),
        lambda c: c.search("x", mode="magic"),
        lambda c: c.search("x", sort="size"),
        lambda c: c.search("x", sort="relevance:asc"),
        lambda c: c.search("x", group="year"),
        lambda c: c.search("x", facets="genre"),
        lambda c: c.search("x", facets=["nonsense"]),
        lambda c: c.search("x", facets={"genre": 0}),
        lambda c: c.search("x", where="gnre:Drama"),
        lambda c: c.search("x", where="year:abc"),
        lambda c: c.search("x year:abc"),
        lambda c: c.search("x", where=5),
        lambda c: c.search("x", cursor=5),
        lambda c: c.search("x", explain="yes"),
        lambda c: c.search("x", reranker=5),
        lambda c: c.suggest(5),
        lambda c: c.suggest("a", 0),
        lambda c: c.suggest("a" * 100_000),
        lambda c: c.facets(["nonsense"]),
        lambda c: c.facets("genre"),
    ],
)
def test_bad_input_is_refused(catalog: Catalog, call: Callable[[Any], object]) -> None:
    with pytest.raises(errors.InvalidInputError, match="expected"):
        call(catalog)


def test_a_contradiction_finds_nothing(catalog: Catalog) -> None:
    found = catalog.search("love", where=(F.year < 1950) & (F.year > 1960), facets=["genre"])
    assert (len(found), found.total.count, found.facets["genre"]) == (0, 0, ())


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.text(max_size=40), st.sampled_from(["hybrid", "keyword", "semantic"]))
def test_any_text_is_answered_or_refused(catalog: Catalog, text: str, mode: Any) -> None:
    try:
        found = catalog.search(text, 5, mode=mode)
    except errors.InvalidInputError:
        return
    assert len(found) <= found.total.count
    values = [hit.score for hit in found]
    assert values == sorted(values, reverse=True)
