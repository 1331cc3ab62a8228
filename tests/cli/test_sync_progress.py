"""The progress of a sync in words, on a clock of our own."""

from __future__ import annotations

import pytest

from tv5core.cli import sync_progress
from tv5core.upstream.sync.report import Failure, SyncReport


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(sync_progress.time, "monotonic", clock)
    return clock


def failed(*kinds: str) -> dict[str, Failure]:
    return {str(n): Failure(str(n), kind) for n, kind in enumerate(kinds)}


def test_a_line_now_and_then_with_rate_time_left_and_errors(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []
    report = SyncReport(planned=5_000, earlier=1_000)
    with sync_progress.sync_progress() as watch:
        watch(report)
        for _ in range(40):
            clock.now += 1.0
            report.fetched += 45
            report.failures = failed("not found", "timed out", "not found")
            watch(report)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, "one line after half a minute"
    assert lines[0] == ("2,353 of 5,000 titles, 45.1/s, 0 min 59 s left, 2 not found, 1 timed out")


def test_what_earlier_runs_did_is_no_speed(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    report = SyncReport(planned=1_000_000, earlier=900_000)
    with sync_progress.sync_progress() as watch:
        watch(report)
        clock.now += 100.0
        report.fetched = 900
        watch(report)
    assert capsys.readouterr().err == "900,900 of 1,000,000 titles, 9.0/s, 3 h 03 min left\n"


def test_quiet_says_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with sync_progress.sync_progress(quiet=True) as watch:
        for _ in range(3):
            clock.now += 100.0
            watch(SyncReport(planned=5, fetched=2))
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
