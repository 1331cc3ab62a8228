from __future__ import annotations

from tv5core.embedding.documents import CAST, document, pieces, title_terms
from tv5core.embedding.lsa import query_terms
from tv5core.types import Person, Title

FULL = Title(
    id="t1",
    kind="show",
    title="The Lighthouse Keepers",
    original_title="Les Gardiens",
    year=2011,
    overview="Two sisters tend a lighthouse.",
    tagline="Mind the light.",
    genres=("Drama", "documentation"),
    keywords=("storm at sea",),
    cast=tuple(Person(f"Ann Number{i}", "Old Maren") for i in range(20)),
    directors=("Jo Van Brandt",),
    creators=("Jo Van Brandt", "Kim Oh"),
)


def test_document_says_what_matters_most_first() -> None:
    text = document(FULL)
    assert text.startswith("The Lighthouse Keepers (2011). Two sisters tend a lighthouse.")
    for part in ("Mind the light.", "Drama", "series", "storm at sea", "Jo Van Brandt, Kim Oh"):
        assert part in text
    assert text.count("Ann") == CAST
    assert text.count("Van Brandt") == 1


def test_document_of_a_bare_title() -> None:
    assert document(Title(id="x", kind="movie", title="Up")) == "Up. film."
    assert document(Title(id="x", kind="movie", title="")) == "film."


def test_terms_of_fields_add_up_by_weight() -> None:
    terms = title_terms(pieces(FULL))
    assert terms["lighthous"] > terms["sister"] > terms["storm sea"] > 0
    assert terms["sister tend"] < terms["sister"]
    assert "2011" in terms
    assert "gardien" in terms


def test_of_a_name_the_surname_and_the_pairs_count() -> None:
    terms = title_terms(pieces(FULL))
    assert "brandt" in terms
    assert "van brandt" in terms
    assert "jo" not in terms
    assert "number9" not in terms


def test_people_count_once_whatever_they_did() -> None:
    once = Title(id="1", kind="movie", title="A", directors=("Kim Oh",))
    twice = Title(id="1", kind="movie", title="A", directors=("Kim Oh",), creators=("Kim Oh",))
    assert title_terms(pieces(once)) == title_terms(pieces(twice))


def test_sources_words_for_genres_meet() -> None:
    one = Title(id="1", kind="movie", title="", genres=("scifi", "documentation"))
    other = Title(id="1", kind="movie", title="", genres=("Science Fiction", "Documentary"))
    assert title_terms(pieces(one)) == title_terms(pieces(other))


def test_query_terms_are_titles_terms() -> None:
    assert set(query_terms("two sisters tend lighthouses")) <= set(title_terms(pieces(FULL)))
    assert query_terms("!") == {}
