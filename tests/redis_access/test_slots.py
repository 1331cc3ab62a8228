"""Slots of keys, compared with redis-py's; tags that are spread evenly."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.errors import InvalidInputError

pytest.importorskip("redis")

from redis.crc import key_slot as reference

from tv5core.redis_access.slots import SLOTS, key_slot, spread_tags


@given(st.binary(max_size=40) | st.text("{}ab", max_size=12).map(str.encode))
def test_a_key_is_in_the_slot_that_redis_says(key: bytes) -> None:
    assert key_slot(key) == reference(key)


@pytest.mark.parametrize("nodes", [1, 3, 5, 16])
def test_tags_are_spread_over_nodes(nodes: int) -> None:
    slots = [key_slot(tag.encode() + b":entry:x") for tag in spread_tags("tv5", 16)]
    held = Counter(slot * nodes // SLOTS for slot in slots)
    assert len(held) == nodes
    assert max(held.values()) - min(held.values()) <= 1


def test_a_prefix_with_braces_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="braces"):
        spread_tags("a}b", 2)
