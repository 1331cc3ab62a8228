"""What an import did, file by file, and the list of rows it could not use."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec

from tv5core.errors import InvalidInputError
from tv5core.importers.base import Reject
from tv5core.importers.expand import Skipped

__all__ = ["FileReport", "ImportReport", "RejectRecord", "RejectWriter", "Rejects"]


class RejectRecord(msgspec.Struct, frozen=True):
    """One line of the list of rejects."""

    file: str
    line: int
    reason: str
    detail: str = ""
    excerpt: str = ""
    count: int = 1


class FileReport(msgspec.Struct):
    """Counts of one file; ``rows`` is the sum of all others.

    Attributes
    ----------
    path, format, why : Path, str, str
        The file, its format, and how that was recognised.
    rows : int
        Rows read.
    new : int
        Rows that became a title of their own.
    merged : int
        Rows that added to a title of another source.
    changed : int
        Rows that changed a title of the same source.
    unchanged : int
        Rows that changed nothing.
    auxiliary : int
        Rows without a title: links, and credits that went into titles.
    rejected : Counter of str
        Rows that could not be used, by reason.
    notes : Counter of str
        Values left out of rows that were used, by what was wrong with them.
    resumed : int
        Rows that an earlier, interrupted import had done already.
    date_order : str
        ``day-first`` or ``month-first``, from the user or from the file's dates; ``unknown`` where
        neither decides. Empty where the file has no date that needs it.
    ambiguous_dates : int
        Dates that could be read in either order.
    seconds : float
        Time taken in this run.
    """

    path: Path
    format: str
    why: str = ""
    rows: int = 0
    new: int = 0
    merged: int = 0
    changed: int = 0
    unchanged: int = 0
    auxiliary: int = 0
    rejected: Counter[str] = msgspec.field(default_factory=Counter)
    notes: Counter[str] = msgspec.field(default_factory=Counter)
    resumed: int = 0
    date_order: str = ""
    ambiguous_dates: int = 0
    seconds: float = 0.0

    def count(self, outcome: str) -> None:
        """Count a row by the result of :meth:`Resolver.place`."""
        self.rows += 1
        setattr(self, outcome, getattr(self, outcome) + 1)

    def reject(self, found: Reject) -> None:
        """Count rejected rows."""
        self.rows += found.count
        self.rejected[found.reason] += found.count

    def use(self, count: int) -> None:
        """Count rows that carry no title of their own."""
        self.rows += count
        self.auxiliary += count


class ImportReport(msgspec.Struct):
    """What an import did.

    Attributes
    ----------
    files : list of FileReport
        In the order they were read.
    skipped : list of Skipped
        Files in named folders that hold no titles.
    seconds : float
        All of it, embedding and sealing included.
    embedded : int
        Titles embedded at the end.
    """

    files: list[FileReport] = []
    skipped: list[Skipped] = []
    seconds: float = 0.0
    embedded: int = 0

    @property
    def rows(self) -> int:
        """Rows read in all files."""
        return sum(file.rows for file in self.files)

    @property
    def new(self) -> int:
        """Titles that are new in the catalogue."""
        return sum(file.new for file in self.files)

    @property
    def rejected(self) -> int:
        """Rows that could not be used."""
        return sum(file.rejected.total() for file in self.files)

    @property
    def unreadable(self) -> list[FileReport]:
        """Files that could not be read at all."""
        return [file for file in self.files if file.rejected["unreadable file"]]


Rejects = Callable[[RejectRecord], None]
"""Receives the records of rejected rows."""


class RejectWriter:
    """Writes rejects to a file: CSV where its name ends in ``.csv``, else JSON Lines.

    A context manager; calling it with a :class:`RejectRecord` writes one.
    """

    def __init__(self, path: Path) -> None:
        self._csv = path.suffix.casefold() == ".csv"
        try:
            self._file: IO[str] = path.open("w", encoding="utf-8", newline="", errors="replace")
        except OSError as error:
            raise InvalidInputError(
                f"expected a file to write rejects to, got {path}: {error.strerror}"
            ) from error
        self._table = csv.writer(self._file)
        self.written = 0
        if self._csv:
            self._table.writerow(RejectRecord.__struct_fields__)

    def __call__(self, record: RejectRecord) -> None:
        """Write one record."""
        self.written += 1
        if self._csv:
            self._table.writerow([_inert(value) for value in msgspec.structs.astuple(record)])
        else:
            self._file.write(msgspec.json.encode(record).decode() + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _inert(value: Any) -> Any:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t" and value else value
