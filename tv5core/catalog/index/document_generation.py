"""The documents of a generation: sealed into two files, and opened."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from tv5core.errors import CorruptFileError
from tv5core.files import SealedFile, disk_errors
from tv5core.files.failpoints import failpoint
from tv5core.query.document_files import SealedDocuments, write_documents
from tv5core.query.document_index import DocumentIndex, TitleSource
from tv5core.query.document_sealing import gathered, numbered
from tv5core.query.documents import DocumentSegment
from tv5core.store import Store, generations
from tv5core.store.records import Generation
from tv5core.types import Progress
from tv5core.vectors import Segment

__all__ = ["SealedTitles", "open_documents", "seal_documents"]

log = logging.getLogger("tv5core")
T = TypeVar("T")

_REPORT_S = 0.5
"""Seconds between reports from work that has no steps of its own."""


@dataclass(frozen=True)
class SealedTitles:
    """Documents in files that nothing refers to yet.

    Attributes
    ----------
    segment : DocumentSegment
        Mapped.
    seq : int
        The last journal entry it contains.
    columns, words : SealedFile
    """

    segment: DocumentSegment
    seq: int
    columns: SealedFile
    words: SealedFile

    def of(self, generation: Generation) -> Generation:
        """Return a generation's record with these files."""
        return generations.with_documents(generation, self.columns, self.words, self.seq)


def seal_documents(
    store: Store,
    source: TitleSource,
    documents: DocumentIndex,
    number: int,
    graph: Segment | None,
    progress: Progress,
) -> SealedTitles | None:
    """Write the documents of a generation, and open them.

    Searches and changes go on meanwhile; what they change is in the journal after ``seq``.

    Parameters
    ----------
    store : Store
        With its ``maintenance`` lock held.
    source : TitleSource
    documents : DocumentIndex
        What there is: only titles that it lacks are read.
    number : int
        The generation's.
    graph : Segment or None
        Sealed vectors, whose numbers the documents get.
    progress : callable
        An exception it raises ends the work, and the files are removed.

    Returns
    -------
    SealedTitles or None
        None where there is no title.
    """
    with store.lock:
        noted, seq = documents.noted, documents.applied
    with disk_errors(store.folder), _scratch(store.folder) as scratch:
        segments = gathered(
            documents,
            noted,
            source,
            Path(scratch),
            lambda done, total: progress(done, total, "making documents"),
        )
        keys = np.empty(0, np.int64) if graph is None else np.asarray(graph.keys)
        merged = _reporting(lambda: numbered(segments, keys, source), progress, "merging documents")
        if merged is None:
            return None
        return _publish(store.folder, number, merged, graph, seq, source, progress)


def _scratch(folder: Path) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(dir=folder, prefix=".sealing-", ignore_cleanup_errors=True)


def _publish(
    folder: Path,
    number: int,
    merged: DocumentSegment,
    graph: Segment | None,
    seq: int,
    source: TitleSource,
    progress: Progress,
) -> SealedTitles:
    paths = generations.document_paths(folder, number)
    temporary = generations.temporary(paths[0]), generations.temporary(paths[1])
    try:
        written = _reporting(
            lambda: write_documents(merged, *temporary, source.parts),
            progress,
            "writing documents",
        )
        failpoint("documents: written")
        files = [generations.publish(p, r) for p, r in zip(paths, written, strict=True)]
        # These bytes were checksummed while they were written, a moment ago.
        opened = SealedDocuments.open(*paths, source.parts)
    except BaseException:
        for path in (*temporary, *paths):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise
    if graph is not None:
        opened = opened.of_graph(graph.id)
    return SealedTitles(opened.segment, seq, *files)


def _reporting(work: Callable[[], T], progress: Progress, stage: str) -> T:
    """Do work in a thread, and report meanwhile that it goes on; a report may end it, later."""
    progress(0, 1, stage)
    with ThreadPoolExecutor(1, "tv5-documents") as pool:
        future = pool.submit(work)
        while not _is_done(future.exception, _REPORT_S):
            progress(0, 1, stage)
    progress(1, 1, stage)
    return future.result()


def _is_done(wait: Callable[[float], object], timeout_s: float) -> bool:
    try:
        wait(timeout_s)
    except TimeoutError:
        return False
    return True


def open_documents(
    folder: Path,
    generation: Generation,
    source: TitleSource,
    graph: Segment | None,
    damaged: Callable[[str], None],
    *,
    verified: bool,
) -> DocumentIndex | None:
    """Open the documents of a generation; their bytes are checked when they are first used.

    Parameters
    ----------
    folder : Path
    generation : Generation
    source : TitleSource
    graph : Segment or None
        Its sealed vectors.
    damaged : callable
        Told what is wrong with files that cannot be used, now or later.
    verified : bool
        Whether every byte was checked before, or written by this process.

    Returns
    -------
    DocumentIndex or None
        None where there are no files, or none that can be used.
    """
    if generation.columns is None or generation.words is None:
        return None
    records = generation.columns, generation.words
    try:
        generations.check_sizes(folder, records)
        columns, words = (folder / record.name for record in records)
        opened = SealedDocuments.open(columns, words, source.parts)
        _check_identity(opened, records)
    except (CorruptFileError, OSError) as error:
        damaged(str(error))
        return None
    if graph is not None:
        opened = opened.of_graph(graph.id)
    keys = None if graph is None else np.asarray(graph.keys)
    check = None if verified else opened.checked(keys, lambda error: damaged(str(error)))
    return DocumentIndex(source, generation.documents_seq, opened.segment, check)


def _check_identity(opened: SealedDocuments, records: tuple[SealedFile, SealedFile]) -> None:
    want = tuple(record.checksum for record in records)
    if opened.checksums != want:
        raise CorruptFileError(
            f"{records[0].name}: expected files of checksums {want}, got {opened.checksums}"
        )
