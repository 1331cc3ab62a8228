"""The first matches of an order are found without ordering all of them."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from tv5core import bitmap
from tv5core.query.paging import Ranking
from tv5core.query.request import Sort
from tv5core.query.sorting import first_places, keys_at, ordered, values_at


def segments(seed):
    """Segments of columns with many equal and some missing values, and bitmaps of matches."""
    rng = np.random.default_rng(seed)
    sizes, keys = (400, 0, 90), rng.permutation(490).astype(np.int64)
    made = []
    for size in sizes:
        own, keys = keys[:size], keys[size:]
        votes = rng.integers(0, 6, size).astype(np.float32)
        columns = {"votes": votes, "popularity": rng.integers(0, 3, size).astype(np.float32)}
        columns["votes"][::7] = np.nan
        made.append(Segment(keys=own, columns=SimpleNamespace(numeric=columns.__getitem__)))
    share = rng.random()
    return made, [bitmap.from_mask(rng.random(size) < share) for size in sizes]


class Segment(SimpleNamespace):
    def __len__(self):
        return len(self.keys)


@pytest.mark.parametrize("sort", ["relevance", "votes", "votes:asc", "title"])
@pytest.mark.parametrize("seed", range(8))
def test_the_first_are_those_of_the_whole_order(seed, sort):
    some, matches = segments(seed)
    rng, by = np.random.default_rng(seed), Sort.of(sort)
    alphabet = [rng.integers(0, 20, len(one)).astype(np.float64) for one in some]
    total = sum(map(bitmap.count, matches))

    def listed(first):
        order_of = partial(ordered, some, sort=by, titles=lambda: alphabet)
        places = first_places(matches, some, first, order_of)
        values = values_at(some, by, places, lambda: alphabet)
        scores = np.zeros(len(values), np.float32)
        return Ranking.listed(keys_at(some, places), values, scores, total, first)

    whole = listed(None)
    assert len(whole) == total
    assert not whole.rest
    assert whole.keys.tolist() == whole.keys[np.lexsort((whole.keys, -whole.values))].tolist()
    for first in (1, 7, 60, total, total + 1):
        found = listed(first)
        assert found.keys.tolist() == whole.keys[:first].tolist()
        assert found.values.tolist() == whole.values[:first].tolist()
        assert found.rest == (first < total)
