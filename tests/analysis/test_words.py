from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.analysis import words
from tv5core.analysis.words import fold, pairs, stems


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("terrorises", "terrorized"),
        ("colours", "color"),
        ("theatre", "theaters"),
        ("travelling", "traveled"),
        ("organisation", "organizations"),
        ("defence", "defense"),
        ("analyse", "analyzing"),
        ("thieves", "thief"),
        ("women", "woman's"),
        ("stolen", "steals"),
        ("Amélie", "AMELIE"),
        ("sci-fi", "science fiction"),
        ("SciFi", "Science-Fiction"),
        ("grey", "gray"),
    ],
)
def test_spellings_and_forms_meet(one: str, other: str) -> None:
    assert stems(one) == stems(other) != []


@pytest.mark.parametrize(
    ("one", "other"), [("four", "for a ford"), ("war", "ward"), ("1999", "1998"), ("up", "down")]
)
def test_different_words_stay_apart(one: str, other: str) -> None:
    assert stems(one) != stems(other)


def test_stop_words_count_only_where_there_is_nothing_else() -> None:
    assert stems("the thief who steals") == ["thief", "steal"]
    assert stems("Up") == ["up"]
    assert stems("It") == ["it"]


def test_unspaced_scripts_are_cut_into_pairs_of_characters() -> None:
    assert stems("東京物語") == ["東京", "京物", "物語"]
    assert stems("東") == ["東"]
    assert stems("Tokyo東京2020") == ["tokyo", "東京", "2020"]


def test_other_alphabets_are_kept() -> None:
    assert stems("Сталкер Тарковского") == ["сталкер", "тарковского"]
    assert fold("Łódź GROẞ Øre") == "lodz gross ore"


@pytest.mark.parametrize("text", ["", " ", "!!!", "…", "\x00", "_", "'", "\ud800"])
def test_texts_without_words(text: str) -> None:
    assert stems(text) == []


def test_pairs_join_neighbours() -> None:
    assert pairs(["a", "b", "c"]) == ["a b", "b c"]
    assert pairs(["a"]) == pairs([]) == []


@given(st.text())
def test_any_text_gives_terms_that_can_be_stored(text: str) -> None:
    for stem in stems(text):
        assert stem
        assert not set(stem) & set(" \n")
        stem.encode()


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_CACHE_WORDS", 10)
    stems(" ".join(f"zz{i}q" for i in range(100)))
    assert len(words._cache) <= 10


def test_long_runs_are_cut() -> None:
    assert len(stems("x" * 10_000)[0]) <= 40


def test_threads_agree() -> None:
    text = " ".join(f"running{i} children{i} organisation" for i in range(300))
    expected = stems(text)
    words._cache.clear()
    results: list[list[str]] = []
    threads = [threading.Thread(target=lambda: results.append(stems(text))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4
