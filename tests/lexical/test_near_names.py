"""Names within a few slips of a text, against a look at every name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from tv5core import bitmap
from tv5core.lexical import WordSegment, near_names
from tv5core.lexical.near_names import allowed_slips
from tv5core.lexical.suggestions import Suggestions, _phrases_of
from tv5core.types import Title

WORDS = "ice age princess the dig lords of scam office space kiss dragon men sál кино".split()
names = st.lists(st.sampled_from(WORDS), min_size=2, max_size=5).map(" ".join)


def suggestions_of(titles: list[str], votes: dict[str, int] | None = None) -> Suggestions:
    films = [
        Title(f"x:{number}", "movie", title, votes=(votes or {}).get(title, 0))
        for number, title in enumerate(titles)
    ]
    return WordSegment.build(films).suggestions


def found(titles: list[str], text: str, guess: str = "") -> list[str]:
    return sorted(one.name for one in near_names(suggestions_of(titles), text, guess or text, None))


def _slipped(draw, word: str) -> str:
    """Omit, double, replace or exchange letters of a word."""
    at = draw(st.integers(0, len(word) - 1))
    kinds = [word[:at] + word[at:][:1] * 2 + word[at + 1 :], word[:at] + "q" + word[at + 1 :]]
    if len(word) > 1:
        kinds.append(word[:at] + word[at + 1 :])
        kinds.append(word[: at - 1] + word[at : at - 2 : -1] + word[at + 1 :] if at > 1 else word)
    return draw(st.sampled_from(kinds))


@given(st.lists(names, min_size=1, max_size=8), st.data())
@settings(deadline=None, max_examples=150)
def test_a_slip_in_each_of_two_words_finds_the_name(titles, data) -> None:
    name = data.draw(st.sampled_from(titles))
    words = name.split(" ")
    slips = 1 if len(words) == 2 or allowed_slips(name) < 2 else 2
    places = data.draw(st.permutations(range(len(words))))[:slips]
    for place in places:
        words[place] = _slipped(data.draw, words[place])
    text = " ".join(words)
    got = near_names(suggestions_of(titles), text, text, None)
    folded = name.replace("á", "a")
    if allowed_slips(text) >= OSA.distance(text.replace("á", "a"), folded):
        assert folded in {one.name for one in got}
    every = {phrase for title in titles for phrase in _phrases_of(Title("x:1", "movie", title))}
    for one in got:
        assert one.name in every
        assert one.edits == OSA.distance(text.replace("á", "a"), one.name) <= allowed_slips(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ice gae", "Ice Age"),  # below four letters
        ("lords of sam", "Lords of Scam"),  # every word is one
        ("the secret of my succe s", "The Secret of My Success"),  # a space too many
        ("offis space", "Office Space"),  # two edits of a short word
    ],
)
def test_slips_that_no_word_shows(text, name) -> None:
    assert found([name, "Something Else"], text) == [name.lower()]


def test_a_part_that_is_right_in_the_guess_will_do() -> None:
    titles = ["Ice Princess", "Ice Age"]
    assert found(titles, "ike peincess") == []
    assert found(titles, "ike peincess", "ike princess") == ["ice princess"]


def test_numbers_are_no_slips() -> None:
    titles = ["Rocky II", "Rocky III", "Saw 3D"]
    assert found(titles, "rokcy ii") == ["rocky ii"]
    assert found(titles, "rocky iv") == []
    assert found(titles, "saw 4d") == []


def test_short_texts_and_single_words_are_left_alone() -> None:
    assert found(["Up At", "Alien"], "up a") == []
    assert found(["Alien"], "alein") == []


def test_only_alive_titles_and_their_popularity() -> None:
    some = suggestions_of(["Ice Age", "Ice Ages"], {"Ice Age": 9})
    near = near_names(some, "ice aje", "ice aje", None)
    assert [one.popularity > 0 for one in near] == [True]
    alive = bitmap.from_mask(np.array([False, True]))
    assert near_names(some, "ice aje", "ice aje", alive) == []
    assert [one.name for one in near_names(some, "ice agges", "ice agges", alive)] == ["ice ages"]
