"""The log of recent invalidations."""

from __future__ import annotations

from tv5core.cache.entry import Invalidation
from tv5core.cache.loading.invalidation_log import InvalidationLog


def test_what_is_no_longer_known_counts_as_invalidated() -> None:
    log = InvalidationLog()
    since = log.last_seq
    for n in range(1_000):
        log.append(Invalidation("key", "thing", (str(n),)))
    assert not log.invalidated_since(since, "thing", "other", ())
    assert log.invalidated_since(since, "thing", "0", ())
    log.append(Invalidation("tag", tag="t"))
    assert log.invalidated_since(since, "thing", "other", ())
    assert not log.invalidated_since(log.last_seq, "thing", "0", ("t",))
    assert log.invalidated_since(log.last_seq - 1, "thing", "x", ("t",))
