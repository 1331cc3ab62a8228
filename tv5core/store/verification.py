"""Check that everything in a catalogue agrees with everything else."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import lmdb
import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError
from tv5core.files import SectionFile
from tv5core.store import generations, journal, titles
from tv5core.store.aliases import aliases
from tv5core.store.environment import Txn
from tv5core.store.meta import Meta
from tv5core.types import Progress, Title

__all__ = ["Kinds", "VerifyReport", "check_files", "check_store"]

I64 = npt.NDArray[np.int64]
Kinds = Mapping[str, tuple[str, int]]
"""By the first part of a file's name: what it holds, and the newest version known."""

_SHOWN = 100
_ROW = struct.Struct(">Q")
_VECTOR_KEY = struct.Struct(">IQ")
_STEP = 1_000


class VerifyReport(msgspec.Struct, frozen=True):
    """What a check found.

    Attributes
    ----------
    ok : bool
        Whether there is no problem.
    problems : list of str
        One sentence each; beyond a hundred, only their number.
    checked : dict of str to int
        How many of what were looked at.
    """

    ok: bool
    problems: list[str]
    checked: dict[str, int]


def check_files(folder: Path, meta: Meta, kinds: Kinds, problems: list[str]) -> int:
    """Check every byte of every file the record names; return how many files."""
    needed = generations.records(meta)
    for record in needed:
        kind, version = kinds[record.name.split(".")[0]]
        try:
            generations.check_sizes(folder, (record,))
            file = SectionFile.open(folder / record.name, kind, version)
            got = file.checksum
            file.close()
        except (CorruptFileError, OSError) as error:
            problems.append(f"{record.name}: {error}")
            continue
        if got != record.checksum:
            problems.append(
                f"{record.name}: expected checksum {record.checksum:08x}, got {got:08x}"
            )
    return len(needed)


class _Check:
    """One pass over the sub-databases within one transaction."""

    def __init__(self, txn: Txn, meta: Meta, problems: list[str]) -> None:
        self._txn, self._meta, self._problems = txn, meta, problems
        self.aliases = 0

    def _say(self, problem: str) -> None:
        self._problems.append(problem)

    def titles(self, progress: Progress | None) -> int:
        """Decode every title and follow its id and aliases back to it."""
        total, done = titles.count(self._txn), 0
        with self._txn.raw.cursor(self._txn.dbs.titles) as cursor:
            more = cursor.first()
            while more:
                self._title(bytes(cursor.key()), cursor.value())
                done += 1
                if progress is not None and not done % _STEP:
                    progress(done, total, "checking titles")
                more = cursor.next()
        self._counts(done)
        return done

    def _title(self, key: bytes, data: memoryview) -> None:
        row = self._row(key)
        try:
            title = titles.decode(data)
        except CorruptFileError as error:
            self._say(f"row {row}: {error}")
            return
        if row >= self._meta.next_row:
            self._say(f"row {row}: expected rows below {self._meta.next_row}")
        if titles.find(self._txn, title.id) != row:
            self._say(f"row {row}: expected the id {title.id!r} to lead here, but it does not")
        self._title_aliases(key, title)

    def _title_aliases(self, key: bytes, title: Title) -> None:
        with self._txn.raw.cursor(self._txn.dbs.aliases) as cursor:
            for alias in aliases(title):
                self.aliases += 1
                if not cursor.set_key_dup(alias.encode("utf-8", "replace"), key):
                    self._say(f"{title.id}: expected the alias {alias!r} to lead here")

    def _counts(self, count: int) -> None:
        for name, database, want in (
            ("ids", self._txn.dbs.ids, count),
            ("aliases", self._txn.dbs.aliases, self.aliases),
        ):
            got = self._txn.raw.stat(database)["entries"]
            if got != want:
                self._say(f"expected {want} {name}, got {got}")

    def vectors(self, progress: Progress | None) -> I64:
        """Check every vector of the present space; return their rows."""
        rows: list[int] = []
        start = _VECTOR_KEY.pack(self._meta.space, 0)
        with self._txn.raw.cursor(self._txn.dbs.vectors) as cursor:
            more = cursor.set_range(start)
            while more:
                space, row = _VECTOR_KEY.unpack(cursor.key())
                if space != self._meta.space:
                    break
                self._vector(row, cursor.value())
                rows.append(row)
                if progress is not None and not len(rows) % _STEP:
                    progress(len(rows), len(rows), "checking vectors")
                more = cursor.next()
        return np.asarray(rows, np.int64)

    def _vector(self, row: int, data: memoryview) -> None:
        if len(data) != (want := 4 * self._meta.dim):
            self._say(f"row {row}: expected a vector of {want} bytes, got {len(data)}")
            return
        vector = np.frombuffer(data, "<f4")
        if not np.isfinite(vector).all() or not vector.any():
            self._say(f"row {row}: expected a finite vector other than zero")
        if self._txn.raw.get(_ROW.pack(row), db=self._txn.dbs.titles) is None:
            self._say(f"row {row}: expected a title beside the vector, got none")

    def pending(self) -> None:
        """Check that what waits to be embedded exists."""
        with self._txn.raw.cursor(self._txn.dbs.pending) as cursor:
            for key in cursor.iternext(keys=True, values=False):
                if self._txn.raw.get(key, db=self._txn.dbs.titles) is None:
                    self._say(f"row {self._row(bytes(key))}: pending, but there is no such title")

    def journal(self) -> None:
        """Check that the journal's numbers and the record's agree."""
        last = journal.last_seq(self._txn)
        if last is not None and last > self._meta.last_seq:
            self._say(f"expected journal entries up to {self._meta.last_seq}, got {last}")
        for generation in self._meta.generations:
            rows = journal.rows_after(self._txn, generation.seq, self._meta.next_seq)
            if rows is None:
                self._say(f"generation {generation.number}: expected the journal after its seq")

    @staticmethod
    def _row(key: bytes) -> int:
        return int(_ROW.unpack(key)[0]) if len(key) == _ROW.size else -1


def check_store(
    txn: Txn,
    meta: Meta,
    indexed: I64 | None,
    applied: int,
    problems: list[str],
    progress: Progress | None,
) -> dict[str, int]:
    """Check the sub-databases against each other and against the index's rows.

    Parameters
    ----------
    txn : Txn
        Held open throughout, so that all is seen at one moment.
    indexed : int64 array or None
        Rows in the index.
    applied : int
        The last journal entry the index contains; later rows are not compared.
    problems : list of str
        Added to.

    Returns
    -------
    dict
        How many of what were looked at.
    """
    check = _Check(txn, meta, problems)
    checked = {"titles": 0, "aliases": 0, "vectors": 0}
    try:
        checked["titles"] = check.titles(progress)
        checked["aliases"] = check.aliases
        rows = check.vectors(progress)
        checked["vectors"] = len(rows)
        check.pending()
        check.journal()
        _compare(txn, meta, rows, indexed, applied, problems)
    except (lmdb.Error, struct.error) as error:
        problems.append(f"expected a sound data.mdb, got {error}")
    return checked


def _compare(
    txn: Txn, meta: Meta, rows: I64, indexed: I64 | None, applied: int, problems: list[str]
) -> None:
    late = journal.rows_after(txn, applied, meta.next_seq)
    late = np.empty(0, np.int64) if late is None else late
    have = np.setdiff1d(np.empty(0, np.int64) if indexed is None else indexed, late)
    want = np.setdiff1d(rows, late)
    for names, message in (
        (np.setdiff1d(want, have), "expected in the index, but is not"),
        (np.setdiff1d(have, want), "in the index without a stored vector"),
    ):
        problems.extend(f"row {row}: {message}" for row in names.tolist())


def report(problems: list[str], checked: dict[str, int]) -> VerifyReport:
    """Make the report, with a bounded list of problems."""
    shown = problems[:_SHOWN]
    if len(problems) > _SHOWN:
        shown.append(f"and {len(problems) - _SHOWN} more")
    return VerifyReport(not problems, shown, checked)
