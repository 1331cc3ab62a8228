"""Suggestions: the most popular titles under a prefix, with typos."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.lexical import model
from tv5core import bitmap
from tv5core.lexical import SegmentStatistics, Statistics, WordSegment, suggest
from tv5core.lexical.suggestions import _phrases_of, popularity_of, typed_phrase
from tv5core.types import Title

few = settings(deadline=None, max_examples=examples(80))


def film(title: str, votes: int = 0, **fields) -> Title:
    return Title(id=f"x:{title}", kind="movie", title=title, votes=votes, **fields)


def statistics_of(titles, alive=None) -> Statistics:
    return Statistics([SegmentStatistics(WordSegment.build(titles), alive)])


def suggested(titles, text, k=5) -> list[str]:
    return [titles[found.document].title for found in suggest(statistics_of(titles), text, k)]


def begins(title: Title, prefix: str) -> bool:
    """Tell whether a phrase of a title begins so at one of its words."""
    return any(
        phrase[i:].startswith(prefix)
        for phrase in _phrases_of(title)
        for i in range(len(phrase))
        if i == 0 or phrase[i - 1] == " "
    )


@given(model.catalogues, st.data(), st.integers(1, 6))
@few
def test_top_is_what_a_look_at_every_title_finds(titles, data, k) -> None:
    phrases = [phrase for title in titles for phrase in _phrases_of(title)] or ["rocky"]
    phrase = data.draw(st.sampled_from(phrases))
    prefix = phrase[: data.draw(st.integers(1, len(phrase) or 1))] or "r"
    lives = data.draw(st.lists(st.booleans(), min_size=len(titles), max_size=len(titles)))
    found = WordSegment.build(titles).suggestions.top(
        prefix, k, bitmap.from_mask(np.array(lives, bool))
    )
    want = sorted(
        (-np.float32(popularity_of(title)), document)
        for document, title in enumerate(titles)
        if lives[document] and begins(title, prefix)
    )[:k]
    assert [one.document for one in found] == [document for _, document in want]


@pytest.mark.parametrize("k", [1, 10, 3000])
def test_block_maxima_lose_nothing(k) -> None:
    rng = np.random.default_rng(1)
    titles = [film(f"the {a} {i}", int(rng.integers(0, 900))) for i in range(700) for a in "mnx"]
    segment = WordSegment.build(titles)
    for prefix in ("t", "the m", "1", "the x 69", "z"):
        want = sorted(
            (-popularity_of(title), document)
            for document, title in enumerate(titles)
            if begins(title, prefix)
        )[:k]
        got = [one.document for one in segment.suggestions.top(prefix, k)]
        assert got == [document for _, document in want]


FILMS = [
    film("The Matrix", 90),
    film("The Matrix Reloaded", 50),
    film("Mad Max", 70),
    film("Spider-Man: Far from Home", 60),
    film("Rocky II", 40),
    film("Léon", 30),
    film("七人の侍", 20),
    film("Сталкер", 10),
    film("2001: A Space Odyssey", 80),
]


@pytest.mark.parametrize(
    ("typed", "want"),
    [
        ("m", ["The Matrix", "Mad Max", "Spider-Man: Far from Home", "The Matrix Reloaded"]),
        ("the mat", ["The Matrix", "The Matrix Reloaded"]),
        ("matrix r", ["The Matrix Reloaded"]),
        ("spider m", ["Spider-Man: Far from Home"]),
        ("Spider-M", ["Spider-Man: Far from Home"]),
        ("spiderman f", ["Spider-Man: Far from Home"]),
        ("far from", ["Spider-Man: Far from Home"]),
        ("rocky 2", ["Rocky II"]),
        ("rocky i", ["Rocky II"]),
        ("leo", ["Léon"]),
        ("侍", ["七人の侍"]),
        ("七人", ["七人の侍"]),
        ("stal", ["Сталкер"]),
        ("стал", ["Сталкер"]),
        ("200", ["2001: A Space Odyssey"]),
        ("matirx", ["The Matrix", "The Matrix Reloaded"]),
        ("the matrx rel", ["The Matrix Reloaded"]),
        ("odysey", ["2001: A Space Odyssey"]),
        ("space odis", ["2001: A Space Odyssey"]),
        ("maad matx", ["Mad Max"]),
        ("star matrix", []),
        ("farr from ho", ["Spider-Man: Far from Home"]),
        ("mtx", []),
        ("2002", []),
        ("zzzzzz", []),
        ("", []),
        ("...", []),
    ],
)
def test_what_is_suggested(typed, want) -> None:
    assert suggested(FILMS, typed) == want


def test_corrected_titles_follow_those_that_need_none() -> None:
    films = [film("Heath", 900), film("Heat", 1), film("Heatt", 3), film("Heart", 800)]
    found = suggest(statistics_of(films), "heatt", 5)
    assert (films[found[0].document].title, found[0].corrected) == ("Heatt", False)
    assert all(f.corrected for f in found[1:])


def test_a_word_that_titles_have_may_be_a_slip_where_nothing_else_fits() -> None:
    titles = [film("Harry Potter and the Stone", 9), film("Harry Potter", 5), film("Poter Harpy")]
    assert suggested(titles, "harry poter") == ["Harry Potter and the Stone", "Harry Potter"]
    assert suggested(titles, "harry potter") == ["Harry Potter and the Stone", "Harry Potter"]
    # "poter harry" would lead there, but somebody means what is called so
    assert suggested(titles, "poter harp") == ["Poter Harpy"]


def test_the_rarer_words_of_many_are_taken_for_slips() -> None:
    others = "Great Green", "Great Garden", "Green Garden", "Gneat Gneen Gorden"
    titles = [film("Great Green Garden Gate"), *map(film, others)]
    assert suggested(titles, "great gneen garden ga") == ["Great Green Garden Gate"]
    assert suggested(titles, "great green gorden ga") == ["Great Green Garden Gate"]
    assert suggested(titles, "gneat gneen gorden ga") == []


def test_several_segments_and_deletions() -> None:
    alive = bitmap.from_mask(np.array([i != 0 for i in range(len(FILMS))]))
    parts = [
        SegmentStatistics(WordSegment.build(FILMS), alive),
        SegmentStatistics(WordSegment.build([film("Matrix Redux", 60)])),
    ]
    found = suggest(Statistics(parts), "matrix", 5)
    assert [(f.segment, f.document) for f in found] == [(1, 0), (0, 1)]


@given(st.text(max_size=30))
@few
def test_any_text_may_be_typed(text) -> None:
    assert isinstance(suggest(statistics_of(FILMS), text, 3), list)
    assert typed_phrase(text) == typed_phrase(text).lstrip()
