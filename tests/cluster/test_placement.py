"""Titles are spread evenly, and one shard more moves no more than its share."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tv5core.cluster.placement import shard_of


@given(st.text(max_size=30), st.integers(1, 40))
def test_a_shard_more_takes_titles_and_moves_no_other(id: str, shards: int) -> None:
    before, after = shard_of(id, shards), shard_of(id, shards + 1)
    assert 0 <= before < shards
    assert after in (before, shards)


def test_shards_have_about_as_many() -> None:
    counts = Counter(shard_of(f"tmdb:movie:{number}", 8) for number in range(16_000))
    assert set(counts) == set(range(8))
    assert max(counts.values()) < 1.1 * min(counts.values())
