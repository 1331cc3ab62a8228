from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.analysis.names import (
    MAX_WORD,
    chunks,
    key_words,
    name_chunk,
    name_words,
    near_key,
    text_chunk,
)
from tv5core.analysis.scripts import fold_word, normalize
from tv5core.analysis.spellings import forms, looked_up


def terms_of(text: str) -> set[str]:
    return {term for chunk in chunks(text) for _, term in name_chunk(chunk).terms}


@pytest.mark.parametrize(
    ("title", "typed"),
    [
        ("Spider-Man", "spider man"),
        ("Spider-Man", "spiderman"),
        ("Spider Man", "spiderman"),
        ("M*A*S*H", "mash"),
        ("S.W.A.T.", "swat"),
        ("WALL·E", "wall-e"),
        ("WALL·E", "walle"),
        ("9½ Weeks", "9 1/2 weeks"),
        ("8½", "8 and a half"),
        ("[REC]", "rec"),
        ("[REC]²", "rec 2"),
        ("Tick, Tick... BOOM!", "tick tick boom"),
        ("Léon", "leon"),
        ("Amélie", "AMELIE"),
        ("Rocky II", "rocky 2"),
        ("Rocky V", "rocky five"),
        ("Se7en", "seven"),
        ("Thir13en Ghosts", "thirteen ghosts"),
        ("Thir13en Ghosts", "13 ghosts"),
        ("M3GAN", "megan"),
        ("Fant4stic", "fantastic"),
        ("Ocean's Eleven", "oceans 11"),
        ("Ocean\u2019s Eleven", "ocean's eleven"),
        ("Fast & Furious", "fast and furious"),
        ("Face/Off", "faceoff"),
        ("10,000 BC", "10000 bc"),
        ("Сталкер", "stalker"),
        ("Αντιγόνη", "antigoni"),
        ("기생충", "gisaengchung"),
        ("الرّسالة", "الرساله"),
        ("\uff21\uff2b\uff29\uff32\uff21", "akira"),
        ("Łódź", "lodz"),
    ],
)
def test_a_title_is_what_people_type_for_it(title: str, typed: str) -> None:
    assert near_key(key_words(title)) == near_key(key_words(typed)) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It", "Up"),
        ("The Who", "The What"),
        ("Rocky", "Rocky II"),
        ("1984", "1985"),
        ("X", "10"),
        ("I, Robot", "1 robot"),
        ("七人の侍", "七人"),
    ],
)
def test_different_titles_stay_apart(one: str, other: str) -> None:
    assert near_key(key_words(one)) != near_key(key_words(other))


def test_titles_of_stop_words_keep_them() -> None:
    assert [name_words(t)[0].term for t in ("It", "Her", "Up", "I")] == ["it", "her", "up", "i"]
    assert near_key(key_words("The The")) == "thethe"


def test_articles_and_conjunctions_do_not_matter_where_there_is_more() -> None:
    assert near_key(key_words("The Matrix")) == near_key(key_words("matrix"))


@pytest.mark.parametrize(
    ("title", "typed"),
    [
        ("Spider-Man", "spiderman"),
        ("Rocky II", "2"),
        ("Rocky II", "ii"),
        ("Rocky V", "5"),
        ("Rocky V", "v"),
        ("Seven", "7"),
        ("Se7en", "seven"),
        ("Müller", "mueller"),
        ("Müller", "muller"),
        ("L'Avventura", "avventura"),
        ("Ёлки", "елки"),
        ("Толстой", "tolstoy"),
        ("七人の侍", "の侍"),
        ("ต้มยำกุ้ง", "ต้"),
    ],
)
def test_a_title_is_indexed_under_all_forms(title: str, typed: str) -> None:
    assert typed in terms_of(title)


@pytest.mark.parametrize(
    "query", ["seven", "ii", "терминатор", "thir13en", "Léon", "o'brien", "侍"]
)
def test_what_a_query_looks_up_is_a_form_of_the_same_word(query: str) -> None:
    assert {word.term for word in name_words(query)} <= terms_of(query)


@given(st.text(max_size=60))
def test_any_query_finds_a_title_of_the_same_text(text: str) -> None:
    assert {word.term for word in name_words(text)} <= terms_of(text)


@given(st.text(max_size=60))
def test_positions_are_within_the_chunk_and_terms_bounded(text: str) -> None:
    for chunk in chunks(text):
        for analysis in (name_chunk(chunk), text_chunk(chunk)):
            assert all(0 <= position < analysis.positions for position, _ in analysis.terms)
            assert all(0 < len(term) <= MAX_WORD for _, term in analysis.terms)
            assert len(set(analysis.terms)) == len(analysis.terms) or analysis is text_chunk(chunk)


@given(st.text(max_size=40))
def test_terms_can_be_stored(text: str) -> None:
    for term in terms_of(text):
        term.encode("utf-8")


@given(st.text(max_size=20))
def test_forms_begin_with_the_folded_word(word: str) -> None:
    word = normalize(word).strip()
    if fold_word(word):
        assert forms(word)[0] == fold_word(word)
        assert looked_up(word)


def test_running_text_leaves_stop_words_out_and_keeps_their_place() -> None:
    found = [text_chunk(chunk) for chunk in chunks("The thief of Bagdad's gold")]
    assert [chunk.terms for chunk in found] == [
        (),
        ((0, "thief"),),
        (),
        ((0, "bagdad"),),
        ((0, "gold"),),
    ]
