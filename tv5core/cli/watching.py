"""Progress of a sync: how far, how fast, how long yet, and what went wrong so far."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as bars

from tv5core.cli.output import errors, tell
from tv5core.upstream.sync.report import SyncProgress, SyncReport

__all__ = ["watching"]

_LINE_EVERY_S = 30.0


@contextmanager
def watching(*, quiet: bool = False) -> Iterator[SyncProgress]:
    """Show a sync's progress on standard error: a bar, or a line now and then.

    Yields
    ------
    callable
        Takes the report as it grows.
    """
    live = errors.is_terminal and not quiet
    columns = (
        bars.TextColumn("fetching"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[state]}"),
    )
    with bars.Progress(*columns, console=errors, disable=not live) as shown:
        watch = _Watch()
        task = shown.add_task("fetching", total=None, state="")

        def report(done: SyncReport) -> None:
            watch.see(done)
            if live:
                state = watch.state(done)
                shown.update(task, completed=done.settled, total=done.planned, state=state)
            elif not quiet and watch.is_due():
                tell(f"{done.settled:,} of {done.planned:,} titles, {watch.state(done)}")

        yield report


class _Watch:
    def __init__(self) -> None:
        self._began = self._told = time.monotonic()
        self._first = -1

    def see(self, done: SyncReport) -> None:
        """Take the time from the first title on: reading the export is no fetching."""
        if self._first < 0:
            self._first, self._began = done.settled, time.monotonic()

    def is_due(self) -> bool:
        """Tell whether it is time for a line."""
        now = time.monotonic()
        if now - self._told < _LINE_EVERY_S:
            return False
        self._told = now
        return True

    def state(self, done: SyncReport) -> str:
        """Rate, time left and errors by kind, in words."""
        took = time.monotonic() - self._began
        rate = (done.settled - self._first) / took if took > 0.5 else 0.0
        parts = []
        if rate:
            parts = [f"{rate:.1f}/s", f"{_duration((done.planned - done.settled) / rate)} left"]
        parts += [f"{count:,} {kind}" for kind, count in done.errors.most_common()]
        return ", ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
