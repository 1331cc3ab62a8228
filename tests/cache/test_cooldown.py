"""A pause after failures."""

from __future__ import annotations

import pytest

from tests.cache.made import Clock
from tv5core.cache.cooldown import Cooldown


def test_it_grows_with_each_failure_up_to_its_maximum(clock: Clock) -> None:
    cooldown = Cooldown(clock, max_s=3.0)
    assert not cooldown.active
    for failures, longest_s in enumerate([0.5, 1.0, 2.0, 3.0, 3.0]):
        assert cooldown.record_failure("down") == (failures == 0)
        assert cooldown.active
        assert longest_s / 2 - 1e-6 <= cooldown.remaining_s <= longest_s
        clock.now += longest_s
        assert not cooldown.active
        assert cooldown.reason == "down"


def test_a_success_ends_it(clock: Clock) -> None:
    cooldown = Cooldown(clock)
    assert not cooldown.record_success()
    cooldown.record_failure("down")
    assert cooldown.record_success()
    assert not cooldown.active
    assert cooldown.remaining_s == 0.0
    assert cooldown.reason == ""
    assert cooldown.record_failure("down again")
    assert cooldown.remaining_s == pytest.approx(0.375, abs=0.126)
