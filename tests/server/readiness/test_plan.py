"""Plans of warming, and when their phases are due."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tv5core.errors import InvalidInputError
from tv5core.server.readiness.plan import Phase, load_plan
from tv5core.server.readiness.warming import off_peak_wait_s, wait_s

TODAY = date(2026, 11, 30)


def test_the_plan_that_ships_has_what_a_demonstration_needs() -> None:
    plan = load_plan("demo", today=TODAY)
    assert [phase.hours_before for phase in plan.phases] == [24, 2, 1]
    titles, searches, profiles = plan.phases
    assert 300 <= sum(some.count for some in titles.titles) <= 400
    assert len(searches.queries) == 5
    assert searches.results == 50
    assert len(profiles.profiles) == 3
    assert titles.titles[0].where == "kind:movie year:2025..2026"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("phases = 3", "phases"),
        ("rate = 0\n[[phases]]\nname = 'x'", "rate"),
        ("[[phases]]\nname = 'x'\nunknown = 1", "unknown"),
        ("[[phases]", "expected a plan in"),
        ("phases = []", "length"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=said):
        load_plan(path, today=TODAY)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="expected a plan in"):
        load_plan(tmp_path / "none.toml", today=TODAY)


def test_a_phase_waits_for_its_time_before_the_demonstration() -> None:
    phase = Phase(name="x", hours_before=2)
    at = datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert wait_s(phase, at, datetime(2026, 11, 30, 9, tzinfo=UTC)) == 3_600
    assert wait_s(phase, at, datetime(2026, 11, 30, 11, tzinfo=UTC)) == 0
    assert wait_s(phase, None, at) == 0


@pytest.mark.parametrize(("hour", "wait_h"), [(0, 2), (1, 1), (2, 0), (5, 0), (6, 20), (23, 3)])
def test_off_peak_is_from_two_to_six_utc(hour: int, wait_h: int) -> None:
    now = datetime(2026, 11, 30, hour, tzinfo=UTC)
    assert off_peak_wait_s(now) == wait_h * 3_600
