"""Which titles a search compares by meaning."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tv5core import bitmap
from tv5core.lexical import Evidence, TitleMatch
from tv5core.query.allowed import Allowed
from tv5core.query.evidence import Neighbours, WordShares
from tv5core.query.execution import (
    _COMPARED_BESIDE_NAME,
    _COMPARED_BY_MEANING,
    _sharing_words,
    likeliest,
    matching_evidence,
)
from tv5core.query.paging import Ranking, highest

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


@pytest.mark.parametrize(("found", "all_compared"), [(19, True), (20, False)])
def test_beside_a_title_of_that_name_few_are_enough(found, all_compared):
    (some, rest) = evidence(range(found), [])
    some.title_match[3] = TitleMatch.EXACT
    compared = _sharing_words(search(), EVERYTHING, [some, rest])
    assert (compared is EVERYTHING) == all_compared


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
    chosen = likeliest(some, 40)
    sums = np.concatenate([one.scores.sum(axis=0) for one in some])
    least = np.sort(sums)[-40]
    assert [len(one) for one in chosen] == [
        int((one.scores.sum(axis=0) >= least).sum()) for one in some
    ]
    assert 40 <= sum(map(len, chosen)) < 100
    assert [one.tolist() for one in likeliest(some, 500)] == [
        one.documents.tolist() for one in some
    ]


@pytest.mark.parametrize(
    ("match", "most"),
    [
        (TitleMatch.MAIN, _COMPARED_BY_MEANING),
        (TitleMatch.OTHER_NEAR, _COMPARED_BESIDE_NAME),
    ],
)
def test_beside_a_title_of_that_name_fewer_are_compared(monkeypatch, match, most):
    monkeypatch.setitem(globals(), "SIZES", (20_000, 0))
    everything = Allowed((None, None), SIZES, restricts=False)
    (some, rest), levels = evidence(range(6_000), []), np.zeros(6_000, np.uint8)
    levels[77] = match
    scores = np.zeros((3, 6_000), np.float32)
    scores[1] = np.random.default_rng(2).permutation(6_000)
    found = _sharing_words(
        search(), everything, [replace(some, title_match=levels, scores=scores), rest]
    )
    assert found.counts == (most, 0)
    chosen = bitmap.rows(found.bitmaps[0], 20_000)
    assert sorted(scores[1, chosen].tolist()) == list(range(6_000 - most, 6_000))


@pytest.mark.parametrize("count", [1, 3, 8, 9, 16, 40])
def test_masks_stand_for_the_shares_of_their_words(count):
    rng = np.random.default_rng(count)
    weights = rng.random(count).astype(np.float32)
    shares = WordShares(weights / weights.sum(), 1.0, (1.0,) * 3)
    masks = rng.integers(0, 1 << count, 300).astype(np.uint64)
    has = masks[:, None] >> np.arange(count, dtype=np.uint64) & np.uint64(1)
    np.testing.assert_allclose(shares.of(masks), has @ shares.weights, rtol=1e-5, atol=1e-6)
    found = shares.of(masks)
    for least in (0.0, 0.4, 1.0):
        want = (found >= least) & (found > 0)
        assert shares.reach(masks, least).tolist() == want.tolist()


@pytest.mark.parametrize("kinds", [1, 7, 1_000, 10**9])
def test_a_ranking_descends_and_equal_ones_ascend_by_key(kinds):
    rng = np.random.default_rng(kinds)
    values = rng.integers(0, kinds, 500).astype(np.float64)
    values[rng.random(500) < 0.1] = -np.inf
    keys, ones = rng.permutation(500), np.ones(500, np.float32)
    found = Ranking.of(keys, values, ones, ones, {"value": values.astype(np.float32)})
    want = sorted(range(500), key=lambda at: (-values[at], keys[at]))
    assert found.keys.tolist() == keys[want].tolist()
    assert found.values.tolist() == values[want].tolist()
    assert found.parts["value"].tolist() == values[want].astype(np.float32).tolist()


def test_evidence_is_kept_of_what_matches_by_words_or_is_near():
    masks = np.array([[1, 2, 3, 0], [0, 0, 0, 0], [0, 0, 0, 1]], np.uint64)
    found = replace(evidence([3, 5, 8, 11])[0], words=masks, title_match=np.array([0, 1, 0, 0]))
    shares = WordShares(np.array([0.3, 0.7], np.float32), 1.0, (1.0,) * 3)
    asked = SimpleNamespace(words=SimpleNamespace(shares=shares), mode="hybrid")
    near = Neighbours(np.array([0, 1, 0]), np.array([11, 3, 99]), np.zeros(3, np.float32))

    def kept(near):
        (some,) = matching_evidence(asked, [found], near)
        assert some.words.shape == (3, len(some.documents)) == some.scores.shape
        return some.documents.tolist()

    assert kept(None) == [5, 8]
    assert kept(near) == [5, 8, 11]
