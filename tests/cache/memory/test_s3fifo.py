"""The ghost queue."""

from __future__ import annotations

import random

from tv5core.cache.memory.s3fifo import GhostQueue


def test_ghosts_remember_the_last_and_only_those() -> None:
    rng = random.Random(11)
    marks = [rng.getrandbits(64) for _ in range(5_000)]
    ghosts = GhostQueue(1 << 20)
    for mark in marks:
        ghosts.resize(1_000)
        ghosts.add(mark)
    assert not any(ghosts.pop(mark) for mark in marks[:4_000])
    assert not any(ghosts.pop(rng.getrandbits(64)) for _ in range(5_000))
    assert sum(ghosts.pop(mark) for mark in marks[4_000:]) > 850
    assert not any(ghosts.pop(mark) for mark in marks)
    assert ghosts.bytes <= 8 * 2_048 + 128


def test_ghosts_stay_within_their_limit() -> None:
    ghosts = GhostQueue(2_000)
    for _ in range(20):
        ghosts.resize(1_000_000)
    assert ghosts.bytes <= 2_000 + 128
