"""Check that everything in the store agrees with everything else.

The walks are made of short transactions, so that they hold up nobody: each block of entries is
compared with what it must agree with as both are in the same transaction.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import lmdb
import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.files import SealedFile, SectionFile
from tv5core.lmdb_env.page_check import problems_as_of
from tv5core.store import embeddings, generations, journal, sections, titles
from tv5core.store.checked_values import is_intact
from tv5core.store.databases import known_flags
from tv5core.store.environment import Environment
from tv5core.store.meta import CHECKPOINT, RECORD, UNCHECKED_CHECKPOINT, Meta, read_meta
from tv5core.store.records import SecondSpace
from tv5core.store.report import Findings
from tv5core.store.transaction import Derived, Entry, Txn
from tv5core.types import Progress

__all__ = [
    "Compare",
    "Kinds",
    "check_files",
    "check_pages",
    "check_settings",
    "check_store",
    "check_versions",
]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Kinds = Mapping[str, tuple[str, int]]
"""By the first part of a file's name: what it holds, and the newest version known."""
Compare = Callable[[I64, F32], None]
"""Called with every sound vector of the present space, in blocks of rows and vectors."""

_ROW = struct.Struct(">Q")
_BLOCK = 1_000


# -- files --------------------------------------------------------------------------------


def check_versions(folder: Path, meta: Meta, kinds: Kinds) -> None:
    """Raise FormatVersionError where a newer tv5core wrote one of the files.

    Nothing else is wrong here: a damaged file is replaced, a newer one must not be.
    """
    for record in generations.sealed_files(meta):
        try:
            SectionFile.open(
                folder / record.name, *kinds[record.name.split(".")[0]], verify=False
            ).close()
        except FormatVersionError:
            raise
        except (CorruptFileError, OSError):
            continue


def check_files(
    folder: Path, meta: Meta, kinds: Kinds, findings: Findings, progress: Progress
) -> None:
    """Check every byte of every file the record names."""
    needed = generations.sealed_files(meta)
    second = () if meta.second is None else meta.second.generations
    parts: dict[SealedFile | None, str]
    parts = {file: "second" for one in second for file in one.files}
    parts |= {meta.model: "model", meta.learnt: "learnt"}
    for done, record in enumerate(needed, start=1):
        kind, version = kinds[record.name.split(".")[0]]
        part = parts.get(record, "file")
        findings.checked["files"] += 1
        try:
            _check_file(folder, record, kind, version)
        except FormatVersionError as error:
            findings.add("newer", f"{record.name}: {error}")
        except (CorruptFileError, OSError) as error:
            findings.add(part, f"{record.name}: {error}")
        progress(done, len(needed), "checking files")


def _check_file(folder: Path, record: SealedFile, kind: str, version: int) -> None:
    generations.check_sizes(folder, (record,))
    file = SectionFile.open(folder / record.name, kind, version)
    got = file.checksum
    file.close()
    if got != record.checksum:
        raise CorruptFileError(f"expected checksum {record.checksum:08x}, got {got:08x}")


# -- the store ----------------------------------------------------------------------------


def check_pages(environment: Environment, findings: Findings) -> bool:
    """Check LMDB's own pages; return whether they can be read without danger.

    A reader that dies of a damaged page cannot report it, so this comes before any other look.
    It holds one transaction open, for about as long as reading the pages of all trees takes.
    """
    environment.make_room()
    path, flags = environment.folder / "data.mdb", known_flags(environment.members)
    problems: list[str] | None = None
    while problems is None:
        with environment.read() as txn:
            problems = problems_as_of(path, flags, txn.raw.id())
    for problem in problems:
        findings.add("store", f"data.mdb: {problem}")
    return not problems


def check_store(
    environment: Environment,
    findings: Findings,
    progress: Progress,
    compare: Compare,
) -> None:
    """Check the sub-databases against each other.

    Parameters
    ----------
    environment : Environment
    findings : Findings
        Added to.
    progress : callable
    compare : callable
    """
    check = _Check(environment, findings, progress)
    try:
        check.titles()
        for member in environment.members:
            check.strays(member)
        check.vectors(compare)
        check.pending()
        check.journal()
        check_settings(environment, findings)
    except (lmdb.Error, struct.error, CorruptFileError) as error:
        findings.add("store", f"expected a sound data.mdb, got {error}")


class _Check:
    def __init__(self, environment: Environment, findings: Findings, progress: Progress) -> None:
        self._environment, self._findings, self._progress = environment, findings, progress
        self._done = 0

    def _meta(self, txn: Txn) -> Meta:
        meta = read_meta(txn)
        if meta is None:
            raise CorruptFileError("expected a catalogue's record, got none")
        return meta

    def _blocks(self, name: str, start: bytes = b"") -> Iterator[tuple[Txn, list[Entry]]]:
        """Give the entries of a sub-database in blocks, each within its transaction.

        Those up to the last there is at first: the check must end, however fast others write.
        """
        with self._environment.read() as txn:
            total, end = _size_and_last(txn, getattr(txn.dbs, name))
        done = 0
        while start <= end:
            with self._environment.read() as txn:
                block = _entries_from(txn, getattr(txn.dbs, name), start)
                if not block:
                    return
                yield txn, block
            start, done = block[-1][0] + b"\0", done + len(block)
            self._progress(min(done, total), total, f"checking {name}")

    def titles(self) -> None:
        """Decode every title and look for all that must lead to it."""
        for txn, block in self._blocks("titles"):
            limit = self._meta(txn).next_row
            for key, data in block:
                self._title(txn, _row(key), data, limit)
            self._findings.checked["titles"] += len(block)

    def _title(self, txn: Txn, row: int, data: bytes, limit: int) -> None:
        try:
            title = titles.decode(data)
        except CorruptFileError as error:
            part = "newer" if isinstance(error, FormatVersionError) else "title"
            self._findings.add(part, f"row {row}: {error}")
            return
        if not 0 <= row < limit:
            self._findings.add("store", f"row {row}: expected rows below {limit}")
        owner = titles.find(txn, title.id)
        if owner not in (None, row) and _holds(txn, owner, title.id):
            self._findings.add(
                "twice", f"row {row}: expected its id {title.id!r} once, but row {owner} has it too"
            )
            return
        for member in txn.dbs.members:
            for text in member.missing(txn, row, title):
                self._findings.add(
                    "derived", f"{title.id} (row {row}): expected {text!r} of its {member.name} "
                    "to lead to it, but it does not"
                )  # fmt: skip

    def strays(self, member: Derived) -> None:
        """Look for entries that lead nowhere, or to a title that does not account for them."""
        last: Entry | None = None
        while True:
            with self._environment.read() as txn:
                found = member.strays(txn, partial(titles.by_row, txn), last, _BLOCK)
            for entry in found.found:
                described, got = member.describe(entry), self._title_at(entry)
                self._findings.add("stray", f"expected a title for {described}, got {got} there")
            done = self._findings.checked[member.name] = (
                self._findings.checked[member.name] + found.looked_at
            )
            self._progress(done, done, f"checking {member.name}")
            last = found.last
            if last is None:
                return

    def _title_at(self, entry: Entry) -> str:
        """Name the title in the row that an entry of a row index leads to."""
        row = _row(entry[1])
        with self._environment.read() as txn:
            title = titles.readable(txn, row) if row >= 0 else None
        return "none" if title is None else repr(title.id)

    def vectors(self, compare: Compare) -> None:
        """Check every vector of the present space, and hand the sound ones on."""
        for txn, block in self._blocks("vectors"):
            meta = self._meta(txn)
            rows: list[int] = []
            sound: list[bytes] = []
            for key, data in block:
                space, row = embeddings.space_and_row(key)
                if meta.second is not None and space == meta.second.space:
                    self._second_vector(row, data, meta.second)
                elif space != meta.space:
                    self._other_space(key, space, row, data, meta)
                elif self._vector(txn, row, data, meta):
                    rows.append(row)
                    sound.append(embeddings.vector_bytes(data, meta.dim))
            self._findings.checked["vectors"] += len(rows)
            if rows:
                matrix = np.frombuffer(b"".join(sound), "<f4").reshape(len(rows), meta.dim)
                compare(np.asarray(rows, np.int64), matrix.astype(np.float32, copy=False))

    def _second_vector(self, row: int, data: bytes, second: SecondSpace) -> None:
        self._findings.checked["second vectors"] += 1
        if wrong := embeddings.problem(second.space, row, data, second.dim):
            self._findings.add("second", f"row {row} of the second space: {wrong}")

    def _other_space(self, key: bytes, space: int, row: int, data: bytes, meta: Meta) -> None:
        """Check that a vector was stored in the space it is in, which may be one being filled."""
        if meta.checked and not is_intact(key, data):
            wrong = "expected a vector of the checksum of its key, got another"
            self._findings.add("moved", f"row {row} of space {space}: {wrong}")

    def _vector(self, txn: Txn, row: int, data: bytes, meta: Meta) -> bool:
        if txn.raw.get(_ROW.pack(row), db=txn.dbs.titles) is None:
            self._findings.add("orphan", f"row {row}: expected a title beside its vector, got none")
            return False
        if wrong := embeddings.problem(meta.space, row, data, meta.dim):
            self._findings.add("vector", f"row {row}: {wrong}")
            return False
        if meta.checked and not embeddings.is_checked(data, meta.dim):
            self._findings.add("unchecked", f"row {row}: expected a vector with its checksum")
        return True

    def pending(self) -> None:
        """Check that what waits to be embedded exists."""
        for txn, block in self._blocks("pending"):
            self._findings.checked["pending"] += len(block)
            checked = self._meta(txn).checked
            for key, value in block:
                row = _row(key)
                if row < 0 or (wrong := titles.pending_problem(txn, row)):
                    wrong = wrong if row >= 0 else f"expected the key of a row, got {key!r}"
                    self._findings.add("pending", f"row {row}: {wrong}")
                elif checked and not value:
                    self._findings.add("unchecked", f"row {row}: expected a mark with a checksum")

    def journal(self) -> None:
        """Check the journal's entries, that none is missing, and how far back they reach."""
        before: int | None = None
        for txn, block in self._blocks("journal"):
            meta, first = self._meta(txn), journal.first_seq(txn) or 0
            for key, value in block:
                seq = _row(key)
                # What was folded meanwhile is before the current first entry.
                self._entry(key, None if before is None or before < first else before, value, meta)
                before = seq
            self._findings.checked["journal"] += len(block)
        with self._environment.read() as txn:
            self._reach(txn)

    def _entry(self, key: bytes, before: int | None, value: bytes, meta: Meta) -> None:
        seq, wrong = _row(key), ""
        if not 0 < seq < meta.next_seq:
            wrong = f"expected entries up to {meta.last_seq}, got {seq}"
        elif before is not None and seq != before + 1:
            wrong = f"expected entry {before + 1} next, got {seq}"
        else:
            wrong = _entry_problem(key, value)
        if meta.checked and not journal.is_checked(value):
            self._findings.add("unchecked", f"journal: expected entry {seq} with its checksum")
        if wrong:
            self._findings.add("journal", f"journal: {wrong}")

    def _reach(self, txn: Txn) -> None:
        meta = self._meta(txn)
        first = journal.begin(txn, meta) or meta.next_seq
        for generation in meta.generations[:1]:
            if first > generation.journal_seq + 1:
                self._findings.add(
                    "journal", f"journal: expected entries from {generation.journal_seq + 1}, "
                    f"where generation {generation.number} ends, got them from {first}"
                )  # fmt: skip


def check_settings(environment: Environment, findings: Findings) -> list[bytes]:
    """Check checkpoints and sections, all that is beside the record; return the damaged keys."""
    damaged: list[bytes] = []
    with environment.read() as txn:
        meta = read_meta(txn)
        for key, value in txn.raw.cursor(txn.dbs.meta):
            wrong = _setting_problem(bytes(key), value, meta is not None and meta.checked)
            if key != RECORD:
                findings.checked["settings"] += 1
            if wrong:
                findings.add("setting", f"{bytes(key)!r} in meta: {wrong}")
                damaged.append(bytes(key))
    return damaged


def _setting_problem(key: bytes, value: memoryview, checked: bool) -> str:
    if key == RECORD:
        return ""  # it was read, so its checksum holds
    if key.startswith(UNCHECKED_CHECKPOINT):
        return "expected a checkpoint with its checksum" if checked else ""
    if not key.startswith((CHECKPOINT, sections.PREFIX)):
        return "expected a checkpoint or a section, got something else"
    return "" if is_intact(key, value) else "expected what was stored, got another checksum"


def _entry_problem(key: bytes, value: bytes) -> str:
    try:
        journal.entry(key, value)
    except CorruptFileError as error:
        return f"entry {_row(key)}: {error}"
    return ""


def _holds(txn: Txn, row: int | None, id: str) -> bool:
    try:
        title = None if row is None else titles.by_row(txn, row)
    except CorruptFileError:
        return False
    return title is not None and title.id == id


def _size_and_last(txn: Txn, database: lmdb._Database) -> tuple[int, bytes]:
    with txn.raw.cursor(database) as cursor:
        last = bytes(cursor.key()) if cursor.last() else b""
    return txn.raw.stat(database)["entries"], last


def _entries_from(txn: Txn, database: lmdb._Database, start: bytes) -> list[Entry]:
    with txn.raw.cursor(database) as cursor:
        found: list[Entry] = []
        more = cursor.set_range(start) if start else cursor.first()
        while more and len(found) < _BLOCK:
            found.append((bytes(cursor.key()), bytes(cursor.value())))
            more = cursor.next()
        return found


def _row(key: bytes) -> int:
    return int(_ROW.unpack(key)[0]) if len(key) == _ROW.size else -1
