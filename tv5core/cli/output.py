"""What every command shares: consoles, JSON, tables, progress and the catalogue option."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich import progress as bars
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tv5core.types import Hit, Progress, Title

__all__ = [
    "DEFAULT_CATALOG",
    "AsJson",
    "CatalogOption",
    "errors",
    "print_hits",
    "print_json",
    "print_status",
    "progress",
    "size",
    "title_line",
]

# Without emoji: ":tv:" in an id such as tmdb:tv:1399 is no picture.
errors = Console(stderr=True, emoji=False)
"""Messages and progress; never results."""

DEFAULT_CATALOG = Path("tv5-catalog")
CatalogOption = Annotated[
    Path,
    typer.Option(
        "--catalog", "-c", envvar="TV5_CATALOG", help="The catalogue's folder.", show_default=True
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def results() -> Console:
    """Return the console for results: as wide as it takes when it is not a terminal."""
    console = Console(soft_wrap=False, emoji=False)
    return console if console.is_terminal else Console(width=200, soft_wrap=False, emoji=False)


def print_json(value: Any) -> None:
    """Print a value as one JSON document."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")


def print_status(message: str) -> None:
    """Print a message for the user, not a result."""
    errors.print(message, highlight=False, markup=False, soft_wrap=True)


def size(count: int) -> str:
    """Name a number of bytes: ``1.5 GB``."""
    units = ("B", "kB", "MB", "GB", "TB")
    power = min(len(units) - 1, max(0, len(str(count)) - 1) // 3)
    return f"{count / 1000**power:.{int(power > 0)}f} {units[power]}"


def title_line(title: Title) -> str:
    """Name a title in one line: ``Inception (2010)``."""
    year = f" ({title.year})" if title.year else ""
    return f"{title.title}{year}"


def _people(title: Title) -> str:
    leads = [*title.directors, *title.creators][:1] + [person.name for person in title.cast[:2]]
    return ", ".join(dict.fromkeys(leads))


def print_hits(hits: Sequence[Hit], caption: str) -> None:
    """Print answers as a table, best first."""
    table = Table(box=None, pad_edge=False, caption=caption, caption_justify="left")
    for name, options in {
        "score": {"justify": "right"},
        "title": {"style": "bold", "max_width": 48},
        "genres": {"max_width": 30},
        "people": {"max_width": 52},
        "id": {"style": "dim", "no_wrap": True},
    }.items():
        table.add_column(name, **options)  # type: ignore[arg-type]
    for hit in hits:
        title = hit.title
        cells = (title_line(title), ", ".join(title.genres[:3]), _people(title), hit.id)
        # Text, not markup: a title may hold brackets.
        table.add_row(f"{hit.score:.3f}", *(Text(cell) for cell in cells))
    results().print(table)


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Progress]:
    """Show progress on standard error: a bar a stage, with rate and time left.

    Yields
    ------
    callable
        Takes (done, total, stage). Without a terminal, one line when a stage is over.
    """
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[rate]}"),
        bars.TimeRemainingColumn(),
    )
    live = errors.is_terminal and not quiet
    with bars.Progress(*columns, console=errors, disable=not live) as shown:
        stages: list[_Stage] = []

        def report(done: int, total: int, name: str) -> None:
            if not stages or stages[-1].name != name:
                if stages and not live and not quiet:
                    stages[-1].print()
                stages.append(_Stage(shown, name))
            stages[-1].update(done, total)

        yield report
        if stages and not live and not quiet:
            stages[-1].print()


class _Stage:
    """One bar, or one line where there is no terminal."""

    def __init__(self, shown: bars.Progress, name: str) -> None:
        self.name = name
        self._shown, self._done, self._rate = shown, 0, ""
        self._started = self._updated = time.monotonic()
        self._task = shown.add_task(name, total=None, rate="")

    def update(self, done: int, total: int) -> None:
        self._done, self._updated = done, time.monotonic()
        elapsed = self._updated - self._started
        self._rate = f"{done / elapsed:,.0f}/s" if elapsed > 0.05 and done else ""
        self._shown.update(self._task, completed=done, total=total, rate=self._rate)

    def print(self) -> None:
        """Print the stage as one line, for those without a terminal."""
        rate = f" ({self._rate})" if self._rate else ""
        print_status(f"{self.name}: {self._done:,} in {self._updated - self._started:.1f} s{rate}")
