"""Queries: what is looked up, what is corrected, what is found first."""

from __future__ import annotations

import pytest

from tv5core.lexical import (
    SegmentStatistics,
    Statistics,
    TitleMatch,
    WordSegment,
    expand,
    highlight,
    score,
)
from tv5core.types import AlternativeTitle, Collection, Person, Title


def film(title: str, **fields) -> Title:
    return Title(id=f"x:{title}", kind="movie", title=title, **fields)


FILMS = [
    film("Spider-Man", cast=(Person("Tobey Maguire", "Peter Parker"),), year=2002),
    film("Spiderman"),
    film("M*A*S*H"),
    film("9½ Weeks"),
    film("[REC]²"),
    film("Tick, Tick... BOOM!"),
    film("Léon: The Professional", overview="A hitman takes in a girl."),
    film("Rocky II", collection=Collection("c:1", "Rocky Collection")),
    film("Rocky V"),
    film("Rocky"),
    film("Thir13en Ghosts"),
    film("The Matrix", overview="A hacker learns that thieves of energy rule the world."),
    film("Star Wars: Episode IV - A New Hope"),
    film("Star Wars"),
    film("It"),
    film("X"),
    film("七人の侍", alternative_titles=(AlternativeTitle("Seven Samurai", "en"),)),
    film("Сталкер"),
    film("1984"),
    film("1985"),
    film("Mash Up"),
]
SEGMENT = WordSegment.build(FILMS)
STATISTICS = Statistics([SegmentStatistics(SEGMENT)])


def best(text: str) -> tuple[str, str]:
    """Return the first title by match of the whole title, then scores; and how it matches."""
    found = score(SEGMENT, expand(text, STATISTICS), STATISTICS)
    order = sorted(
        range(len(found)),
        key=lambda i: (-int(found.title_match[i]), -float(found.scores[:, i].sum())),
    )
    first = order[0]
    return FILMS[found.documents[first]].title, TitleMatch(int(found.title_match[first])).name


@pytest.mark.parametrize(
    ("text", "title", "match"),
    [
        ("spider man", "Spider-Man", "EXACT"),
        ("mash", "M*A*S*H", "EXACT"),
        ("9 1/2 weeks", "9½ Weeks", "EXACT"),
        ("rec 2", "[REC]²", "EXACT"),
        ("tick tick boom", "Tick, Tick... BOOM!", "EXACT"),
        ("leon", "Léon: The Professional", "MAIN"),
        ("rocky 2", "Rocky II", "EXACT"),
        ("rocky two", "Rocky II", "EXACT"),
        ("rocky 5", "Rocky V", "EXACT"),
        ("thirteen ghosts", "Thir13en Ghosts", "EXACT"),
        ("matrix", "The Matrix", "NEAR"),
        ("star wars", "Star Wars", "EXACT"),
        ("it", "It", "EXACT"),
        ("x", "X", "EXACT"),
        ("seven samurai", "七人の侍", "OTHER_EXACT"),
        ("stalker", "Сталкер", "EXACT"),
        ("1984", "1984", "EXACT"),
        ("侍", "七人の侍", "NONE"),
        ("tobey maguire", "Spider-Man", "NONE"),
        ("peter parker", "Spider-Man", "NONE"),
        ("hitmen", "Léon: The Professional", "NONE"),
        ("2002", "Spider-Man", "NONE"),
        ("rocky collection", "Rocky II", "NONE"),
        ("thief", "The Matrix", "NONE"),
    ],
)
def test_names_are_found(text, title, match) -> None:
    assert best(text) == (title, match)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("matirx", "matrix"),
        ("the matrxi", "the matrix"),
        ("samuray seven", "samurai seven"),
        ("profesional", "professional"),
        ("porfesionla", None),  # three edits
        ("starwars", "star wars"),
        ("rcky", "rocky"),
        ("rky", None),  # too short to correct
        ("1986", None),  # never on digits
        ("matrix", None),
        ("rocky matirx", "rocky matrix"),
    ],
)
def test_what_was_meant(typed, meant) -> None:
    query = expand(typed, STATISTICS)
    assert query.did_you_mean == meant
    assert expand(typed, STATISTICS, correct=False).did_you_mean is None


def test_exact_beats_corrected() -> None:
    films = [film("Heat"), film("Heart"), film("Neat")]
    segment = WordSegment.build(films)
    statistics = Statistics([SegmentStatistics(segment)])
    query = expand("heat", statistics)
    assert score(segment, query, statistics).documents.tolist() == [0]
    assert query.did_you_mean is None


def test_corrected_words_score_below_exact_ones() -> None:
    exact, corrected = (expand(text, STATISTICS) for text in ("matrix", "matirx"))
    found = [score(SEGMENT, query, STATISTICS).scores[0].max() for query in (exact, corrected)]
    assert found[0] > found[1] > 0


@pytest.mark.parametrize(
    ("text", "title", "want"),
    [
        ("spider man", 0, {"title": "**Spider-Man**"}),
        ("maguire", 0, {"people": "Tobey **Maguire**"}),
        ("hitmen", 6, {"text": "A **hitman** takes in a girl."}),
        ("samurai", 16, {"other_titles": "Seven **Samurai**"}),
        ("の侍", 16, {"title": "七人**の侍**"}),
        ("matirx", 11, {"title": "The **Matrix**"}),
        ("boom", 5, {"title": "Tick, Tick... **BOOM**!"}),
        ("nothing", 0, {}),
    ],
)
def test_highlight(text, title, want) -> None:
    assert highlight(FILMS[title], expand(text, STATISTICS)) == want


def test_long_texts_are_cut_where_most_words_match() -> None:
    filler = "word " * 100
    one = film("A", overview=f"{filler}heist {filler}heist in paris {filler}")
    statistics = Statistics([SegmentStatistics(WordSegment.build([one]))])
    found = highlight(one, expand("paris heist", statistics), width=60, marks=("<", ">"))["text"]
    assert "<heist> in <paris>" in found
    assert found[0] == found[-1] == "…"
    assert len(found) <= 60 + 2 + 4
