"""What every command shares: consoles, JSON, tables, progress and the catalogue option."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich import progress as bars
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tv5core.results import FacetValue
from tv5core.types import Hit, Progress, Title

__all__ = [
    "DEFAULT_CATALOG",
    "FACET_VALUES",
    "Activity",
    "AsJson",
    "CatalogOption",
    "errors",
    "never_fail_to_encode",
    "print_facets",
    "print_hits",
    "print_json",
    "print_status",
    "progress",
    "readable",
    "results",
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


_PIPE_WIDTH = 200


def results() -> Console:
    """Return the console for results: wide where it is no terminal, unless COLUMNS says more."""
    console = Console(soft_wrap=False, emoji=False)
    if console.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return console
    return Console(width=_PIPE_WIDTH, soft_wrap=False, emoji=False)


def never_fail_to_encode() -> None:
    """Have standard output and error show a replacement for what they cannot encode."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def readable(text: str) -> str:
    """Return an argument as text, also where the system's locale could not decode it."""
    try:
        text.encode()
    except UnicodeEncodeError:  # it holds bytes that were escaped as surrogates
        return os.fsencode(text).decode(errors="replace")
    return text


def print_json(value: Any) -> None:
    """Print a value as one JSON document, in ASCII where the output is not UTF-8."""
    text = msgspec.json.format(msgspec.json.encode(value)).decode()
    if codecs.lookup(sys.stdout.encoding or "utf-8").name != "utf-8":
        text = "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text)
    sys.stdout.write(text + "\n")


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


_NARROW, _MEDIUM = 60, 100
"""Columns below which answers are no table, and below which only titles and genres are shown."""


def print_hits(hits: Sequence[Hit], caption: str, *, relevance: bool = False) -> None:
    """Print answers, best first: as a table, or two lines each where there is little room.

    Parameters
    ----------
    hits : sequence of Hit
    caption : str
    relevance : bool
        Show what compares answers of different searches instead of scores.
    """
    console = results()
    values = [f"{hit.relevance:.2f}" if relevance else f"{hit.score:.3f}" for hit in hits]
    if console.width < _NARROW:
        _print_hit_lines(console, hits, values, caption)
        return
    table = Table(box=None, pad_edge=False, caption=caption, caption_justify="left")
    table.add_column("relevance" if relevance else "score", justify="right")
    table.add_column("title", style="bold", min_width=16, max_width=48)
    table.add_column("genres", max_width=30)
    if wide := console.width >= _MEDIUM:
        table.add_column("people", max_width=52)
    table.add_column("id", style="dim", overflow="fold")
    for hit, value in zip(hits, values, strict=True):
        title = hit.title
        people = (_people(title),) * wide
        cells = (title_line(title), ", ".join(title.genres[:3]), *people, hit.id)
        # Text, not markup: a title may hold brackets.
        table.add_row(value, *(Text(cell) for cell in cells))
    console.print(table)


def _print_hit_lines(
    console: Console, hits: Sequence[Hit], values: Sequence[str], caption: str
) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for hit, value in zip(hits, values, strict=True):
        lines = Text.assemble((title_line(hit.title), "bold"), "\n", (hit.id, "dim"))
        table.add_row(value, lines)
    console.print(table)
    console.print(Text(caption, style="italic"))


FACET_VALUES = 10
"""Values of a facet that are shown beside hits."""


def print_facets(facets: Mapping[str, Sequence[FacetValue]], most: int | None = None) -> None:
    """Print how many titles have each value of some fields, of each at most so many."""
    console = results()
    for field, values in facets.items():
        console.print(Text(field, style="bold"))
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(justify="right")
        table.add_column(overflow="fold")
        for one in values[:most]:
            table.add_row(f"{one.count:,}", Text(str(one.value)))
        console.print(table)


class Activity(bars.ProgressColumn):
    """Time since the beginning and something that turns, at the newest bar, also when it is full.

    What a stage does after its last report, or without any, still shows that work goes on.
    """

    _FRAMES = "|/-\\"

    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()
        self._newest = -1

    def render(self, task: bars.Task) -> Text:
        """Return the cell of one bar; the newest has the highest number."""
        self._newest = max(self._newest, task.id)
        if task.id < self._newest:
            return Text("")
        elapsed = time.monotonic() - self._started
        minutes, seconds = divmod(int(elapsed), 60)
        frame = self._FRAMES[int(elapsed * 5) % len(self._FRAMES)]
        return Text(f"{frame} {minutes}:{seconds:02}")


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
        Activity(),
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
