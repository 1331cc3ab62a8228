"""The progress of a sync on the terminal: counts, rate, time left, and errors so far."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as bars

from tv5core.cli.output import Activity, errors, print_status
from tv5core.upstream.sync.report import SyncProgress, SyncReport

__all__ = ["sync_progress"]

_LINE_EVERY_S = 30.0
_MIN_ELAPSED_S = 0.5  # before a rate means anything


@contextmanager
def sync_progress(*, quiet: bool = False) -> Iterator[SyncProgress]:
    """Show the progress of a sync on standard error: a bar, or a line every 30 s.

    Yields
    ------
    callable
        Takes the report of the sync, after each title.
    """
    live = errors.is_terminal and not quiet
    columns = (
        bars.TextColumn("fetching"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[state]}"),
        Activity(),
    )
    with bars.Progress(*columns, console=errors, disable=not live) as bar:
        rate = _Rate()
        task = bar.add_task("fetching", total=None, state="")

        def show(report: SyncReport) -> None:
            rate.start(report)
            if live:
                state = rate.describe(report)
                bar.update(task, completed=report.settled, total=report.planned, state=state)
            elif not quiet and rate.is_due():
                print_status(
                    f"{report.settled:,} of {report.planned:,} titles, {rate.describe(report)}"
                )

        yield show


class _Rate:
    """The rate of a sync, and when to print the next line."""

    def __init__(self) -> None:
        self._started = self._printed = time.monotonic()
        self._first = -1

    def start(self, report: SyncReport) -> None:
        """Start the clock at the first report, since reading the export takes time too."""
        if self._first < 0:
            self._first, self._started = report.settled, time.monotonic()

    def is_due(self) -> bool:
        """Return whether the next line is due."""
        now = time.monotonic()
        if now - self._printed < _LINE_EVERY_S:
            return False
        self._printed = now
        return True

    def describe(self, report: SyncReport) -> str:
        """Return rate, time left and errors by kind as text."""
        elapsed_s = time.monotonic() - self._started
        rate = (report.settled - self._first) / elapsed_s if elapsed_s > _MIN_ELAPSED_S else 0.0
        parts = []
        if rate:
            parts = [f"{rate:.1f}/s", f"{_duration((report.planned - report.settled) / rate)} left"]
        parts += [f"{count:,} {kind}" for kind, count in report.errors.most_common()]
        return ", ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
