"""What name a text is a misspelling of, if any."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tv5core.lexical import SegmentStatistics, Statistics, Typed
from tv5core.query.documents import DocumentSegment, DocumentSnapshot
from tv5core.query.names import Names
from tv5core.query.parts import PARTS
from tv5core.query.search import WordSide
from tv5core.types import Person, Title


def film(title: str, votes: int = 0, **fields: Any) -> Title:
    return Title(f"x:{title}", "movie", title, votes=votes, **fields)


FILMS = [
    film("Ice Age", 900),
    film("Ice Ace", 3),
    film("The Big Loud House", 5),
    film("The Dig", 70),
    film("Lords of Scam", 8),
    film("Miss Potter", 400),
    film("Enola", cast=(Person("Ada Quill", "Miss Porter"),)),
    film("Kiss of the Dragon"),
    film("Gone Girl", 1_000),
    film("Rocky III", 60),
    film("Ida Quill"),
]


def meant(text: str, documents: DocumentSnapshot) -> str | None:
    parts = [SegmentStatistics(segment.words, segment.alive) for segment in documents.segments]
    statistics = Statistics(parts)
    return WordSide.of(Typed(text), statistics, Names(documents, statistics)).query.did_you_mean


@pytest.fixture(scope="module")
def documents() -> DocumentSnapshot:
    halves = (FILMS[:5], FILMS[5:])
    keys = (np.arange(5), np.arange(5, len(FILMS)))
    segments = (
        DocumentSegment.build(PARTS, some, titles, {})
        for some, titles in zip(keys, halves, strict=True)
    )
    return DocumentSnapshot(tuple(segments))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ice gae", "ice age"),
        ("ice aje", "ice age"),  # the best known of those as near
        ("the dg", "the dig"),
        ("lords of sam", "lords of scam"),
        ("kis of the drago", "kiss of the dragon"),
        ("gone gril", "gone girl"),
        ("the dgi", "the dig"),
        ("big loud hose", "big loud house"),
    ],
)
def test_the_name_that_is_meant(documents, text, name) -> None:
    assert meant(text, documents) == name


@pytest.mark.parametrize(
    "text",
    [
        "ice ace",  # a name itself, however little known
        "loud house",  # words of a title
        "miss porter",  # a character
        "ada quill",  # somebody
        "rocky iv",
        "dragon of",
        "dragon girl",
    ],
)
def test_what_is_right_is_left_alone(documents, text) -> None:
    assert meant(text, documents) is None


def test_a_deleted_title_is_meant_by_nobody(documents) -> None:
    left = documents.without(np.array([0, 8]))
    assert meant("ice aje", left) == "ice ace"
    assert meant("gone gril", left) is None
