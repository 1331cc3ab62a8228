"""Which titles a search compares by meaning."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tv5core import bitmap
from tv5core.lexical import Evidence
from tv5core.query.allowed import Allowed
from tv5core.query.execution import _highest, _sharing_words

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
    assert sorted(_highest(values, keys, count).tolist()) == sorted(want)
