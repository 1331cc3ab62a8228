"""Terms near a word: every backend finds what a plain Python distance finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lexical import model
from tv5core.lexical.terms import signatures_of

LETTERS = st.text("abcя七", min_size=1, max_size=12)
WORDS = st.lists(st.one_of(LETTERS, st.text("abcdefgh", min_size=1, max_size=70)), max_size=40)

many = settings(deadline=None, max_examples=120, derandomize=True)


def terms_of(words):
    encoded = [word.encode() for word in words]
    return (
        signatures_of(words),
        np.arange(len(words), dtype=np.uint32),
        np.cumsum([0, *map(len, encoded)]).astype(np.uint32),
        np.frombuffer(b"".join(encoded), np.uint8),
    )


def points(word):
    return np.array([ord(c) for c in word], np.uint32)


@given(
    word=LETTERS,
    words=WORDS,
    times=st.sampled_from([1, 5]),
    edits=st.integers(1, 2),
)
@many
def test_within_edits(any_backend, word, words, times, edits):
    words = words * times  # more than 64 wait to be compared
    signature = int(signatures_of([word])[0])
    given = (points(word), signature, edits, *terms_of(words))
    found, distances = any_backend.within_edits(*given)
    assert (found.dtype, distances.dtype) == (np.uint32, np.uint8)
    want = [(i, model.distance(word, other)) for i, other in enumerate(words) if len(other) <= 64]
    got = list(zip(found.tolist(), distances.tolist(), strict=True))
    assert got == [(i, distance) for i, distance in want if distance <= edits]


@given(
    word=st.one_of(LETTERS, st.text("ab", min_size=60, max_size=64)),
    words=st.lists(st.one_of(LETTERS, st.text("abc", min_size=1, max_size=70)), max_size=60),
    edits=st.integers(1, 2),
    data=st.data(),
)
@many
def test_prefixes_within_edits(any_backend, word, words, edits, data):
    words = sorted(set(words), key=str.encode)
    may = data.draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    allow = np.packbits(np.array(may, bool), bitorder="little")
    offsets, letters = terms_of(words)[2:]
    found, distances = any_backend.prefixes_within_edits(
        points(word), edits, allow, offsets, letters
    )
    assert (found.dtype, distances.dtype) == (np.uint32, np.uint8)
    want = [(i, model.prefix_distance(word, other)) for i, other in enumerate(words) if may[i]]
    got = list(zip(found.tolist(), distances.tolist(), strict=True))
    assert got == [(i, distance) for i, distance in want if distance <= edits]


@given(word=LETTERS, changes=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 11)), max_size=2))
@many
def test_a_word_is_found_after_edits(any_backend, word, changes):
    """The filter by signatures never loses a term."""
    other = word
    for kind, at in changes:
        at %= len(other) + 1
        other = (
            other[:at] + "x" + other[at:],
            other[:at] + other[at + 1 :],
            other[:at] + "b" + other[at + 1 :],
            other[:at] + other[at + 1 : at + 2] + other[at : at + 1] + other[at + 2 :],
        )[kind]
    if not other or model.distance(other, word) > 2:
        return
    signature = int(signatures_of([other])[0])
    found, _ = any_backend.within_edits(points(other), signature, 2, *terms_of([word]))
    assert found.tolist() == [0]


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_are_read_without_harm(native, seed):
    rng = np.random.default_rng(seed)
    offsets = rng.integers(0, 500, 101).astype(np.uint32)
    data = rng.integers(0, 256, 400, np.uint8)
    signatures = np.zeros(100, np.uint64)
    terms = rng.integers(0, 200, 100).astype(np.uint32)
    found, _ = native.within_edits(points("ab"), 0, 2, signatures, terms, offsets, data)
    assert set(found.tolist()) <= set(terms.tolist())
    allow = rng.integers(0, 256, 13, np.uint8)
    found, _ = native.prefixes_within_edits(points("ab"), 2, allow, offsets, data)
    assert np.unpackbits(allow, bitorder="little")[found].all()
    assert (np.diff(found.astype(np.int64)) > 0).all()


def test_arguments_are_checked(native):
    given = terms_of(["rocky"])
    for word, edits in ((np.zeros(0, np.uint32), 1), (points("x" * 65), 1), (points("x"), 3)):
        with pytest.raises(ValueError, match="expected"):
            native.within_edits(word, 0, edits, *given)
        with pytest.raises(ValueError, match="expected"):
            native.prefixes_within_edits(word, edits, np.zeros(1, np.uint8), *given[2:])
    with pytest.raises(ValueError, match="expected"):
        native.within_edits(points("x"), 0, 1, given[0][:0].copy(), *given[1:])
    with pytest.raises(ValueError, match="expected a bitmap"):
        native.prefixes_within_edits(points("x"), 1, np.zeros(0, np.uint8), *given[2:])
