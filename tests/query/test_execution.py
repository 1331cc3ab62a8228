"""Which titles a search compares by meaning."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tv5core import bitmap
from tv5core.lexical import Evidence
from tv5core.query.allowed import Allowed
from tv5core.query.evidence import Neighbours, WordShares
from tv5core.query.execution import (
    _likeliest,
    _matching_evidence,
    _sharing_words,
)
from tv5core.query.paging import highest

SIZES = (900, 100)
EVERYTHING = Allowed((None, None), SIZES, restricts=False)


def evidence(*found):
    return [
        Evidence(
            np.array(some, np.uint32),
            np.zeros((3, len(some)), np.float32),
            np.zeros((3, len(some)), np.uint64),
            np.zeros(len(some), np.uint8),
        )
        for some in found
    ]


def search(*, mode="hybrid", reads_words_only=True, k=10):
    segments = [range(size) for size in SIZES]
    view = SimpleNamespace(documents=SimpleNamespace(segments=segments))
    return SimpleNamespace(view=view, pool=50, k=k, mode=mode, reads_words_only=reads_words_only)


def test_titles_that_share_a_word_are_compared():
    found = _sharing_words(search(), EVERYTHING, evidence(range(0, 180, 3), [7, 99]))
    assert found.restricts
    assert found.counts == (60, 2)
    assert [
        bitmap.rows(some, size).tolist() for some, size in zip(found.bitmaps, SIZES, strict=True)
    ] == [
        list(range(0, 180, 3)),
        [7, 99],
    ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, 49),  # fewer than are looked at
        ({}, 334),  # more than a third
        ({"k": 70}, 60),
        ({"mode": "semantic"}, 60),
        ({"reads_words_only": False}, 60),  # its embedder knows other words
    ],
)
def test_all_titles_are_compared(asked, found):
    assert _sharing_words(search(**asked), EVERYTHING, evidence(range(found), [])) is EVERYTHING


@pytest.mark.parametrize("count", [1, 5, 64, 199, 200, 300])
def test_the_highest_are_those_of_the_lowest_keys_among_equals(count):
    rng = np.random.default_rng(count)
    values, keys = rng.integers(0, 6, 200).astype(np.float32), rng.permutation(200)
    want = sorted(range(200), key=lambda at: (-values[at], keys[at]))[:count]
    assert sorted(highest(values, keys, count).tolist()) == sorted(want)


def test_of_very_many_those_are_compared_that_words_say_most_for():
    rng = np.random.default_rng(1)
    some = [replace(one, scores=rng.integers(0, 5, one.scores.shape).astype(np.float32))
            for one in evidence(range(0, 900, 2), range(50))]  # fmt: skip
    chosen = _likeliest(some, 40)
    sums = np.concatenate([one.scores.sum(axis=0) for one in some])
    least = np.sort(sums)[-40]
    assert [len(one) for one in chosen] == [
        int((one.scores.sum(axis=0) >= least).sum()) for one in some
    ]
    assert 40 <= sum(map(len, chosen)) < 100
    assert [one.tolist() for one in _likeliest(some, 500)] == [
        one.documents.tolist() for one in some
    ]


def test_evidence_is_kept_of_what_matches_by_words_or_is_near():
    masks = np.array([[1, 2, 3, 0], [0, 0, 0, 0], [0, 0, 0, 1]], np.uint64)
    found = replace(evidence([3, 5, 8, 11])[0], words=masks, title_match=np.array([0, 1, 0, 0]))
    shares = WordShares(np.array([0.3, 0.7], np.float32), 1.0, (1.0,) * 3)
    asked = SimpleNamespace(words=SimpleNamespace(shares=shares), mode="hybrid")
    near = Neighbours(np.array([0, 1, 0]), np.array([11, 3, 99]), np.zeros(3, np.float32))

    def kept(near):
        (some,) = _matching_evidence(asked, [found], near)
        assert some.words.shape == (3, len(some.documents)) == some.scores.shape
        return some.documents.tolist()

    assert kept(None) == [5, 8]
    assert kept(near) == [5, 8, 11]
