"""Texts that describe titles are read as filters, and names of titles are not."""

from __future__ import annotations

import pytest

from tv5core.query.interpretation import Understood, understand
from tv5core.query.phrases import Numbers
from tv5core.query.vocabulary import Vocabulary, normal

GENRES = (
    "Action Adventure Animation Comedy Crime Documentary Drama Family Horror Romance Thriller War "
    "Western Kids"
).split()
VALUES = {
    "genre": dict.fromkeys([*GENRES, "Science Fiction"], 500) | {"Spy": 1},
    "on": dict.fromkeys(["amazon prime video", "netflix", "hulu", "disney plus"], 50),
    "country": dict.fromkeys("FR US IT JP GB IN".split(), 30),
    "language": dict.fromkeys("fr en ja it hi".split(), 30),
    "certification": {"PG-13": 3, "R": 3},
}
VOCABULARY = Vocabulary.of(VALUES, 3_000)
PEOPLE = {normal(name): name for name in ("Audrey Hepburn", "Tom Hanks", "Jean-Claude Van Damme")}


def read(text: str) -> Understood:
    return understand(text, VOCABULARY, lambda name: PEOPLE.get(normal(name)))


def conditions(text: str) -> list[object]:
    return [one for found in read(text).found for one in found.conditions]


def years(low: int | None, high: int | None) -> Numbers:
    return Numbers("year", low, high)


FRENCH, ITALIAN, JAPANESE = (("country", "FR"),), (("country", "IT"),), (("country", "JP"),)
THRILLER, WESTERN = (("genre", "Thriller"),), (("genre", "Western"),)
MOVIE, SHOW = (("kind", "movie"),), (("kind", "show"),)
CHILDREN = (("genre", "Kids"), ("genre", "Family"))


@pytest.mark.parametrize(
    ("text", "rest", "expected"),
    [
        (
            "amazon thrillers from the 80s",
            "",
            [(("on", "amazon prime video"),), THRILLER, years(1980, 1989)],
        ),
        ("italian westerns of the sixties", "", [ITALIAN, WESTERN, years(1960, 1969)]),
        (
            "french heist movies under two hours",
            "heist",
            [FRENCH, MOVIE, Numbers("runtime", None, 120)],
        ),
        ("audrey hepburn comedies", "", [(("person", "Audrey Hepburn"),), (("genre", "Comedy"),)]),
        (
            "japanese series for children on hulu",
            "",
            [JAPANESE, SHOW, CHILDREN, (("on", "hulu"),)],
        ),
        (
            "sci-fi shows on Disney+",
            "",
            [(("genre", "Science Fiction"),), SHOW, (("on", "disney plus"),)],
        ),
        ("netflix originals", "", [(("on", "netflix"),)]),
        ("thrillers before 1960", "", [THRILLER, years(None, 1959)]),
        ("thrillers since 2010", "", [THRILLER, years(2010, None)]),
        ("thrillers between 1950 and 1969", "", [THRILLER, years(1950, 1969)]),
        ("early 90s thrillers", "", [years(1990, 1993), THRILLER]),
        ("thrillers of the 20s", "", [THRILLER, years(2020, 2029)]),
        ("movies in french", "", [MOVIE, (("language", "fr"),)]),
        ("films from the uk", "", [MOVIE, (("country", "GB"),)]),
        ("films less than 1h 30", "", [MOVIE, Numbers("runtime", None, 90)]),
        (
            "documentaries over three and a half hours",
            "",
            [(("genre", "Documentary"),), Numbers("runtime", 210, None)],
        ),
        (
            "rated r romantic comedies",
            "",
            [(("certification", "R"),), (("genre", "Romance"),), (("genre", "Comedy"),)],
        ),
        ("films with jean claude van damme", "", [MOVIE, (("person", "Jean-Claude Van Damme"),)]),
        ("french comedy", "", [FRENCH, (("genre", "Comedy"),)]),
        ("movies set in the 80s about robots", "set in the 80s about robots", [MOVIE]),
    ],
)
def test_a_description_is_read(text: str, rest: str, expected: list[object]) -> None:
    found = read(text)
    assert found.describes
    assert (found.rest, conditions(text)) == (rest, expected)


@pytest.mark.parametrize(
    "text",
    [
        "American Gangster",
        "The Italian Job",
        "scarface 1983",
        "a series of unfortunate events",
        "amazon",
        "amazon jungle adventure",
        "star wars",
        "war of the worlds",
        "that '80s show",
        "2 hours",
        "spy",
        "",
        "...",
    ],
)
def test_a_name_is_not_a_description(text: str) -> None:
    assert not read(text).describes


def test_what_the_catalogue_does_not_have_means_nothing() -> None:
    nothing = understand("french thrillers on hulu", Vocabulary.of({}, 0), lambda _: None)
    assert nothing.found == ()
    assert nothing.rest == "french thrillers on hulu"


def test_a_long_text_is_a_plot() -> None:
    text = "movies " + "word " * 50
    assert read(text).found == ()
