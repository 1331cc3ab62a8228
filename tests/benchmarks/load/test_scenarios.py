"""What users ask, and when."""

from __future__ import annotations

import pytest

from benchmarks.load.scenarios import Pace


@pytest.mark.parametrize("begin", [0.0, 0.4, 1.9])
def test_a_user_keeps_its_own_beginning(begin: float) -> None:
    pace, now, asked = Pace(2.0, 100 + begin), 100 + begin, list[float]()
    for took_s in (0.1, 0.7, 0.0, 1.9):
        asked.append(now)
        now += took_s
        now += pace.wait_s(now)
    assert asked == pytest.approx([100 + begin + 2.0 * n for n in range(4)])


def test_one_that_is_late_asks_at_once_and_then_in_time_again() -> None:
    pace = Pace(2.0, 0.0)
    assert pace.wait_s(5.0) == 0.0
    assert pace.wait_s(5.1) == 0.0
    assert pace.wait_s(5.2) == pytest.approx(0.8)


def test_without_thinking_time_nobody_waits() -> None:
    assert Pace(0.0, 3.0).wait_s(3.5) == 0.0
