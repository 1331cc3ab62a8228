"""What every reader of a file format shares.

A *reader* turns one file into items, in the file's order:

:class:`Row`
    a title, to be stored or merged;
:class:`Reject`
    a row that cannot be used, with the line and the reason;
:class:`Link`
    two ids of one work, without a title;
:class:`Used`
    rows of a side file (credits) that went into titles.

Readers never touch the catalogue and never open a file other than the one they
are given and the partner that :mod:`tv5core.importers.expand` found for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import msgspec

from tv5core.errors import ImportFormatError
from tv5core.sources.dates import DateReader
from tv5core.types import Title

__all__ = [
    "Context",
    "Format",
    "Item",
    "Link",
    "Options",
    "Reader",
    "Reject",
    "Row",
    "Source",
    "UnreadableFileError",
    "Used",
    "excerpt",
    "folded",
    "shortened",
]

_EXCERPT_CHARS = 200


class UnreadableFileError(ImportFormatError):
    """A file named like data is damaged, packed in a way that is not read, or needs a library."""


class Source(msgspec.Struct, frozen=True):
    """One file to read: its path, its format, and how that was recognised.

    ``member`` is the file's name inside where ``path`` is a ZIP archive, ``partner`` the credits
    file that belongs to a JustWatch titles file.
    """

    path: Path
    format: str
    why: str = ""
    partner: Source | None = None
    member: str = ""

    @property
    def label(self) -> Path:
        """Path for messages; of a file in an archive, the archive's path and the member's."""
        return self.path / self.member if self.member else self.path

    @property
    def name(self) -> Path:
        """Path of what is in the file: ``x.csv`` for ``x.csv.gz`` and for a member ``x.csv``."""
        path = self.label
        return path.with_suffix("") if path.suffix.casefold() == ".gz" else path


class Options(msgspec.Struct, frozen=True):
    """Options of an import.

    Attributes
    ----------
    provider : str or None
        Service of every offer; None takes it from the file's name.
    region : str
        ISO 3166-1 alpha-2 country of offers and age ratings.
    mapping : mapping of str to str or None
        Title field to CSV column, for format ``csv``.
    date_format : str
        ``day-first``, ``month-first`` or a pattern of ``strptime``; empty lets each file decide.
    encoding : str
        Of text files without a byte order mark; empty takes UTF-8, and Windows-1252 for lines
        that are not.
    prefer : str
        Whose fields win where two titles are one work; see :func:`tv5core.importers.merge.merge`.
    extra_fields : mapping of str to str
        Types of the catalogue's own fields by name.
    """

    provider: str | None = None
    region: str = "US"
    mapping: Mapping[str, str] | None = None
    date_format: str = ""
    encoding: str = ""
    prefer: str = ""
    extra_fields: Mapping[str, str] = {}


class Row(msgspec.Struct, frozen=True):
    """A title read from one row.

    The title's id is empty unless the row states one itself; the importer then
    derives it. ``fallback`` is an id for rows that have neither an external id
    nor a year. ``dated`` is the date as it is written, where that is all that tells
    rows of one name apart: two rows with different dates are two works.
    """

    line: int
    title: Title
    fallback: str = ""
    dated: str = ""


class Reject(msgspec.Struct, frozen=True):
    """A row (or ``count`` rows) that could not be used.

    ``reason`` is one of a small number of phrases to count by, ``detail`` says
    what was expected and what was found. ``path`` is set where the row is in
    the partner file.
    """

    line: int
    reason: str
    detail: str = ""
    excerpt: str = ""
    path: Path | None = None
    count: int = 1


class Link(msgspec.Struct, frozen=True):
    """The same film at IMDb (``tt0114709``) and at TMDB (``862``)."""

    line: int
    imdb: str
    tmdb: str


class Used(msgspec.Struct, frozen=True):
    """``count`` rows of a side file that went into titles."""

    path: Path
    count: int


Item: TypeAlias = Row | Reject | Link | Used


class Context:
    """State of reading one file: its options, the bytes read and the remarks.

    Attributes
    ----------
    options : Options
        As the user gave them.
    dates : DateReader
        Reads the dates of this file.
    bytes_read : int
        For progress; of the file and its partner together, packed as they are.
    notes : Counter of str
        Values left out of rows that were otherwise accepted, such as
        ``runtime out of range``, with how often.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.dates = DateReader(options.date_format)
        self.bytes_read = 0
        self.notes: Counter[str] = Counter()
        self._lost: list[tuple[str, str]] = []

    def note(self, what: str, given: str = "", /) -> None:
        """Count one remark, and keep what was given for the list of rejects."""
        self.notes[what] += 1
        self._lost.append((what, given))

    def lost(self) -> list[tuple[str, str]]:
        """Return the remarks since the last call, with the values they are about."""
        lost, self._lost = self._lost, []
        return lost

    def read_dates_of(self, column: Callable[[Context], Iterable[object]]) -> None:
        """Let the dates of a column decide whether the day comes first.

        Parameters
        ----------
        column : callable
            Reads the file again, with a context of its own, and returns all dates as they are
            written. It is called at most once.
        """
        self.dates = DateReader(
            self.options.date_format, lambda: _as_far_as_read(column, Context(self.options))
        )


def _as_far_as_read(
    column: Callable[[Context], Iterable[object]], context: Context
) -> Iterator[object]:
    try:
        yield from column(context)
    except (OSError, ImportFormatError):
        return  # Reading the rows raises it again, and reports it.


class Reader(Protocol):
    """A function that reads one format."""

    def __call__(self, source: Source, context: Context) -> Iterator[Item]:
        """Yield the items of ``source`` in order; OSError passes through."""
        ...


@dataclass(frozen=True)
class Format:
    """A file format: how it is recognised, and what reads it.

    Attributes
    ----------
    name, description : str
        The name is what ``--format`` takes.
    read : Reader
    match_columns : callable, optional
        Takes the header of a CSV file; returns the columns it recognises the format by, or none.
        Raises ImportFormatError for files that hold no titles.
    match_json : callable, optional
        Takes "array", "object" or "lines" and the first object; returns what it recognises the
        format by, or an empty string.
    generality : int
        Formats of lower generality are tried first: others borrow TMDB's names.
    """

    name: str
    description: str
    read: Reader
    match_columns: Callable[[Sequence[str]], Iterable[str]] | None = None
    match_json: Callable[[str, Mapping[str, Any]], str] | None = None
    generality: int = 0


def folded(header: Iterable[str]) -> set[str]:
    """Return column names without regard to case."""
    return {name.casefold() for name in header}


def shortened(names: Iterable[str]) -> str:
    """Return the first names of a list, for messages."""
    return ", ".join(list(names)[:8])[:200]


def excerpt(text: str | bytes) -> str:
    """First 200 characters of a row, on one line, for the list of rejects."""
    if isinstance(text, bytes):
        text = text[: 4 * _EXCERPT_CHARS].decode("utf-8", "replace")
    short = " ".join(text[: 2 * _EXCERPT_CHARS].split())
    return short if len(short) <= _EXCERPT_CHARS else short[: _EXCERPT_CHARS - 1] + "…"
