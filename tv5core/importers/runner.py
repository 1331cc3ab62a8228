"""Importing files into a catalogue, a thousand rows at a time.

Each batch is read, matched, merged and stored in one transaction together with
a checkpoint that says how far the file has been read. An import that is cut off
at any point resumes from there when it is started again, unless the file has changed; when a whole
import is done its checkpoints are removed.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec

from tv5core.arguments import as_list, check_callable, check_int, check_path, check_type
from tv5core.errors import ImportFormatError, InvalidInputError
from tv5core.importers.base import (
    Context,
    Item,
    Link,
    Options,
    Reject,
    Row,
    Source,
    Used,
    excerpt,
)
from tv5core.importers.checkpoints import Mark, decode_mark, identity_of, key_of, size_of
from tv5core.importers.expand import Plan, Skipped, expand
from tv5core.importers.formats import FORMATS
from tv5core.importers.mapping import check_mapping
from tv5core.importers.merge import check_preference, merge
from tv5core.importers.report import FileReport, ImportReport, RejectRecord, Rejects, RejectWriter
from tv5core.importers.resolve import Bridge, Resolver
from tv5core.sources.dates import check_date_format
from tv5core.sources.encodings import check_encoding
from tv5core.sources.places import country
from tv5core.types import Progress, Title

__all__ = ["BATCH_ROWS", "ImportCatalog", "import_paths"]

BATCH_ROWS = 1_000
"""Rows resolved and stored at a time."""

_REJECT_COLUMNS = list(RejectRecord.__struct_fields__)


@runtime_checkable
class ImportCatalog(Protocol):
    """The methods of :class:`tv5core.catalog.Catalog` that an import uses."""

    @property
    def extra_fields(self) -> Mapping[str, str]:
        """Types of the catalogue's own fields by name."""
        ...

    def find(self, alias: str) -> tuple[str, ...]:
        """Ids of the titles that carry an alias, oldest first."""
        ...

    def get_many(self, ids: Sequence[str]) -> list[Title | None]:
        """Return the titles of these ids; None for an unknown one."""
        ...

    def add(
        self, titles: Sequence[Title], /, *, embed: bool, checkpoint: tuple[str, bytes] | None
    ) -> Any:
        """Store titles and a checkpoint in one transaction."""
        ...

    def checkpoint(self, key: str) -> bytes | None:
        """Return the checkpoint stored under a key."""
        ...

    def clear_checkpoints(self, prefix: str) -> Any:
        """Remove the checkpoints whose keys begin so."""
        ...

    def embed_pending(self, progress: Progress | None = None, /) -> int:
        """Embed the titles added without vectors; how many there were."""
        ...

    def seal(self, progress: Progress | None = None, /) -> Any:
        """Write a new generation of the index."""
        ...


def import_paths(
    catalog: ImportCatalog,
    paths: Iterable[str | Path],
    *,
    format: str | None = None,
    provider: str | None = None,
    region: str = "US",
    mapping: Mapping[str, str] | None = None,
    rejects: Path | Rejects | None = None,
    progress: Progress | None = None,
    limit: int | None = None,
    date_format: str = "",
    encoding: str = "",
    prefer: str = "",
) -> ImportReport:
    """Import files into a catalogue.

    Parameters
    ----------
    catalog : ImportCatalog
        Open for writing.
    paths : iterable of str or Path
        Files and folders; a folder stands for the files in it.
    format : str or None
        One of ``FORMATS`` for all files; None detects each.
    provider : str or None
        Service of the offers; None takes it from each file's name.
    region : str
        ISO 3166-1 alpha-2 country of offers and age ratings.
    mapping : mapping of str to str or None
        Title fields to column names, for CSV files of another kind.
    rejects : Path, callable or None
        Where to write rows that cannot be used: CSV or JSON Lines by name.
    progress : callable or None
        Called with bytes done, bytes in all and what is being done.
    limit : int or None
        Read at most so many rows of each file; no checkpoints are kept then.
    date_format : str
        ``day-first``, ``month-first`` or a pattern such as ``%d/%m/%Y``; empty lets the dates of
        each file decide.
    encoding : str
        Of text files without a byte order mark; empty takes UTF-8, and Windows-1252 for lines
        that are not UTF-8.
    prefer : str
        Whose fields win where a row is about a title that is there: ``newer`` (the row's),
        ``first`` (the stored title's) or a source such as ``tmdb``; empty by the rank of sources.

    Returns
    -------
    ImportReport
        Counts by file. Every row is counted once.

    Raises
    ------
    InvalidInputError
        An argument is wrong. Nothing about the files raises: what cannot be
        read is in the report.
    """
    check_type("catalog", catalog, ImportCatalog)
    check_callable("progress", progress)
    limit = None if limit is None else check_int("limit", limit, 1)
    options = _options(provider, region, mapping, date_format, encoding, prefer)
    options = msgspec.structs.replace(options, extra_fields=catalog.extra_fields)
    if mapping is not None:
        check_mapping(mapping, options.extra_fields)
    started = time.perf_counter()
    named = [check_path(path) for path in as_list("paths", paths)]
    plan = expand(named, format=format, mapped=mapping is not None, options=options)
    with ExitStack() as stack:
        if rejects is not None and not callable(rejects):
            path = check_path(rejects)
            _check_rejects(path, plan)
            rejects = stack.enter_context(RejectWriter(path))
        run = _Run(catalog, options, rejects, progress, limit)
        for problem in plan.unreadable:
            run.unreadable(problem)
        run.skipped(plan.skipped)
        run.read(plan.sources)
    run.finish()
    run.report.seconds = time.perf_counter() - started
    return run.report


def _options(
    provider: str | None,
    region: str,
    mapping: Mapping[str, str] | None,
    date_format: str,
    encoding: str,
    prefer: str,
) -> Options:
    check_type("provider", provider, (str, type(None)))
    for name, value in (("date_format", date_format), ("encoding", encoding), ("prefer", prefer)):
        check_type(name, value, str)
    check_type("region", region, str)
    code = country(region)
    if not (code.isalpha() and code.isupper() and len(code) == len("US")):
        raise InvalidInputError(f"expected a country such as US, got {region!r}")
    if date_format:
        check_date_format(date_format)
    if prefer:
        check_preference(prefer)
    found = check_encoding(encoding) if encoding else ""
    return Options(provider, code, mapping, date_format, found, prefer)


def _check_rejects(path: Path, plan: Plan) -> None:
    """Refuse a list of rejects that cannot be written, or would overwrite what is to be read."""
    isdir = os.path.isdir  # False of a name that is too long
    if isdir(path) or not isdir(path.parent):
        raise InvalidInputError(f"expected a file in a folder that exists for rejects, got {path}")
    sources = [*plan.sources, *(s.partner for s in plan.sources if s.partner is not None)]
    # A list of rejects that an earlier import left in the folder may be overwritten.
    tables = [file for file in plan.skipped if file.columns not in ([], _REJECT_COLUMNS)]
    inputs = [*(source.path for source in sources), *(table.path for table in tables)]
    if path.resolve() in {each.resolve() for each in inputs}:
        raise InvalidInputError(f"expected another file for rejects than one to read, got {path}")


class _Run:
    """One import: its report, and the state shared by its files."""

    def __init__(
        self,
        catalog: ImportCatalog,
        options: Options,
        rejects: Rejects | None,
        progress: Progress | None,
        limit: int | None,
    ) -> None:
        self.report = ImportReport()
        self.catalog = catalog
        self.options = options
        self.rejects = rejects
        self.progress = progress
        self.limit = limit
        self.bridge = Bridge()
        rule = functools.partial(merge, prefer=options.prefer)
        self.resolver = Resolver(catalog, self.bridge, unite=rule)
        self.keys: list[str] = []
        self.stored = 0
        self.bytes_done = 0
        self.bytes_all = 0

    def unreadable(self, problem: Skipped) -> None:
        """Report a file that was named but cannot be read: one reject."""
        file = FileReport(problem.path, "unknown")
        self.report.files.append(file)
        self.reject(file, Reject(0, "unreadable file", problem.reason))

    def skipped(self, found: list[Skipped]) -> None:
        """Report files of folders that are not read, and list those that a mapping could read."""
        self.report.skipped = found
        for file in found:
            if file.columns:
                self.write(RejectRecord(str(file.path), 0, "file not read", file.reason, count=0))

    def read(self, sources: Sequence[Source]) -> None:
        """Import the files one after another."""
        self.bytes_all = sum(map(size_of, sources))
        for source in sources:
            self.resolver.next_file()
            _File(self, source).read()
            self.bytes_done += size_of(source)

    def finish(self) -> None:
        """Embed and seal what was stored; then remove the checkpoints."""
        self.report.embedded = self.catalog.embed_pending(self.progress)
        if self.stored or self.report.embedded:
            self.catalog.seal(self.progress)
        for key in self.keys:
            self.catalog.clear_checkpoints(key)

    def reject(self, file: FileReport, found: Reject) -> None:
        """Count a rejected row and write it to the list of rejects."""
        file.reject(found)
        name = str(found.path or file.path)
        self.write(
            RejectRecord(name, found.line, found.reason, found.detail, found.excerpt, found.count)
        )

    def write(self, record: RejectRecord) -> None:
        """Write one line to the list of rejects, if there is one."""
        if self.rejects is not None:
            self.rejects(record)

    def show(self, context: Context) -> None:
        """Report how many bytes are done."""
        if self.progress is not None:
            done = min(self.bytes_done + context.bytes_read, self.bytes_all)
            self.progress(done, self.bytes_all, "reading bytes")


class _File:
    """The import of one file."""

    def __init__(self, run: _Run, source: Source) -> None:
        self._run = run
        self._source = source
        self._context = Context(run.options)
        self._report = FileReport(source.label, source.format, source.why)
        self._partner: FileReport | None = None
        self._key = key_of(source)
        self._mark = self._earlier_mark()
        self._position = 0
        run.report.files.append(self._report)

    def read(self) -> None:
        """Read it batch by batch, and report."""
        started = time.perf_counter()
        batch: list[Row] = []
        for item in self._items():
            self._take(item, batch)
            if len(batch) >= BATCH_ROWS:
                self._store(batch)
        self._write_lost(0)
        self._store(batch)
        self._report.notes = self._context.notes
        self._report.date_order = self._context.dates.applied
        self._report.ambiguous_dates = self._context.dates.ambiguous
        self._report.seconds = time.perf_counter() - started

    def _items(self) -> Iterator[Item]:
        """Yield the reader's items; an error that ends the reading becomes the last one."""
        reader = FORMATS[self._source.format].read
        read = 0
        try:
            for item in reader(self._source, self._context):
                yield item
                read += isinstance(item, Row) or (isinstance(item, Reject) and item.path is None)
                if self._run.limit is not None and read >= self._run.limit:
                    return
        except (OSError, ImportFormatError) as error:
            yield Reject(0, "unreadable file", str(error))

    def _take(self, item: Item, batch: list[Row]) -> None:
        self._write_lost(item.line if isinstance(item, Row | Reject) else 0)
        if isinstance(item, Row):
            self._position += 1
            if self._position <= self._mark.rows:
                self._run.resolver.passed(item)
            else:
                batch.append(item)
        elif isinstance(item, Link):
            self._run.bridge.add(item)
            self._report.use(1)
        elif isinstance(item, Used):
            self._side().use(item.count)
        else:
            self._run.reject(self._report if item.path is None else self._side(), item)

    def _write_lost(self, line: int) -> None:
        """List the values that were left out of a row; no row is lost by them."""
        for what, given in self._context.lost():
            name = str(self._report.path)
            self._run.write(RejectRecord(name, line, f"left out: {what}", "", excerpt(given), 0))

    def _side(self) -> FileReport:
        """Return the report of the partner file, begun when it is first needed."""
        if self._partner is None:
            side = self._source.partner or self._source
            self._partner = FileReport(
                side.label, f"{self._source.format}-credits", "beside its titles"
            )
            self._run.report.files.append(self._partner)
        return self._partner

    def _store(self, batch: list[Row]) -> None:
        """Match a batch and store what it changed, with a checkpoint."""
        resolver = self._run.resolver
        for row in batch:
            outcome = resolver.place(row)
            self._report.count(outcome)
            setattr(self._mark, outcome, getattr(self._mark, outcome) + 1)
        self._mark.rows = max(self._mark.rows, self._position)
        if resolver.pending:
            self._run.stored += len(resolver.pending)
            mark = (self._key, msgspec.msgpack.encode(self._mark)) if self._keeps_marks() else None
            self._run.catalog.add(list(resolver.pending.values()), embed=False, checkpoint=mark)
            resolver.flushed()
        batch.clear()
        self._run.show(self._context)

    def _keeps_marks(self) -> bool:
        return self._run.limit is None

    def _earlier_mark(self) -> Mark:
        """Return where an interrupted import of this file stopped, or the beginning."""
        fresh = Mark(identity_of(self._source, self._run.options))
        if not self._keeps_marks():
            return fresh
        self._run.keys.append(self._key)
        mark = decode_mark(self._run.catalog.checkpoint(self._key))
        if mark is None or mark.identity != fresh.identity:
            return fresh
        report = self._report
        report.resumed = report.rows = mark.rows
        report.new, report.merged = mark.new, mark.merged
        report.changed, report.unchanged = mark.changed, mark.unchanged
        return mark
