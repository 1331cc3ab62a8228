"""Shares of a limit that are owned by one process at a time."""

from __future__ import annotations

from pathlib import Path

from tv5core.upstream.limiting.in_flight import COUNTED_S
from tv5core.upstream.limiting.share_lock import ShareLock


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def test_a_share_has_one_owner_and_the_next_one_waits_until_its_requests_count_no_more(
    tmp_path: Path,
) -> None:
    clock = Clock()
    first, second, third = (ShareLock(tmp_path / "shares", 2, clock) for _ in range(3))
    assert not first.is_owned(), "somebody may have owned it a moment ago"
    assert not second.is_owned()
    clock.now += COUNTED_S
    assert [each.is_owned() for each in (first, second, third)] == [True, True, False]
    clock.now += 100
    assert not third.is_owned()
    first.close()
    clock.now += 1
    assert not third.is_owned(), "taken now"
    clock.now += COUNTED_S - 0.1
    assert not third.is_owned()
    clock.now += 0.2
    assert third.is_owned()
    second.close()
    third.close()
