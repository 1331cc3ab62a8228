"""Check a catalogue: its files, its store, and its index against the vectors it is made from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.manager import IndexManager
from tv5core.catalog.maintenance.document_check import check_documents
from tv5core.catalog.maintenance.second_check import check_second
from tv5core.catalog.spaces.second_space import SecondSpace
from tv5core.catalog.spaces.text_embedding import TextEmbedding, TextReadiness
from tv5core.embedding import lsa_model
from tv5core.query.document_files import (
    COLUMNS_KIND,
    COLUMNS_VERSION,
    WORDS_KIND,
    WORDS_VERSION,
)
from tv5core.recommend import co_consumption
from tv5core.store import Store, embeddings, generations, journal, verification
from tv5core.store.embeddings import Gathered
from tv5core.store.meta import Meta
from tv5core.store.report import Findings
from tv5core.store.transaction import Txn
from tv5core.types import Progress
from tv5core.vectors.audit import IndexAudit
from tv5core.vectors.graph import GRAPH_KIND, GRAPH_VERSION, ROWS_KIND, ROWS_VERSION

__all__ = ["KINDS", "check"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

KINDS = {
    "graph": (GRAPH_KIND, GRAPH_VERSION),
    "rows": (ROWS_KIND, ROWS_VERSION),
    "columns": (COLUMNS_KIND, COLUMNS_VERSION),
    "words": (WORDS_KIND, WORDS_VERSION),
    "lsa": (lsa_model.KIND, lsa_model.VERSION),
    "learnt": (co_consumption.KIND, co_consumption.VERSION),
}

_BLOCK = 4_096
"""Rows looked at again at one moment, where index and store seemed to differ."""
_TRIES = 50


def check(
    store: Store,
    manager: IndexManager,
    progress: Progress | None,
    text: TextEmbedding | None = None,
    second: SecondSpace | None = None,
) -> Findings:
    """Check everything; others may search and change the catalogue meanwhile.

    Parameters
    ----------
    store, manager, progress
    text : TextEmbedding, optional
        Says whether texts can be searched.
    second : SecondSpace, optional
        Says whether searches use it; its files are checked in any case.
    """
    findings = Findings()
    report = manager.cancellable(progress)
    report(0, 1, "checking pages")
    if not verification.check_pages(store.environment, findings):
        return findings
    report(1, 1, "checking pages")
    _check_files(store, findings, report)
    rows = _Rows(store, manager)
    verification.check_store(store.environment, findings, report, rows.compare)
    _check_spaces(store, findings)
    report(0, 1, "checking graph")
    rows.finish(findings)
    report(1, 1, "checking graph")
    for sentence in manager.check_elsewhere():
        findings.add("index", sentence)
    check_documents(store, manager, findings, report)
    check_second(store, manager, second, findings, report)
    if text is not None:
        _check_text(text.readiness(manager.current()), findings)
    return findings


def _check_text(text: TextReadiness, findings: Findings) -> None:
    sentence = f"text search is not ready: {text.reason}"
    if text.failed and not text.ready:
        findings.add("text", sentence)
    elif text.reason and not findings.count("model"):
        findings.notes.append(sentence if not text.ready else text.reason)


def _check_files(store: Store, findings: Findings, report: Progress) -> None:
    """Check the files that the record names, also after they were looked at."""
    while True:
        with store.read() as txn:
            meta = store.refresh(txn)
        found = Findings()
        verification.check_files(store.folder, meta, KINDS, found, report)
        with store.read() as txn:
            now = store.refresh(txn)
        if not found.parts or generations.sealed_files(now) == generations.sealed_files(meta):
            findings.join(found)
            return


def _check_spaces(store: Store, findings: Findings) -> None:
    """Look for vectors of other embedding spaces, unless someone may be filling one now.

    Only the writer knows, and no search ever sees them.
    """
    if not store.writable or not store.maintenance.acquire(blocking=False):
        return
    try:
        with store.read() as txn:
            spaces = store.refresh(txn).spaces
            if embeddings.has_other_spaces(txn, spaces):
                names = " and ".join(map(str, spaces))
                findings.add("spaces", f"expected vectors of space {names} alone, got others too")
    finally:
        store.maintenance.release()


class _Rows:
    """The index's rows compared with the stored vectors, while both may change.

    What seems to differ may only have changed between the two looks. So it is looked at again at
    the end, when the index is known to contain exactly what a transaction sees.
    """

    def __init__(self, store: Store, manager: IndexManager) -> None:
        self._store, self._manager = store, manager
        index = manager.current().index
        self._audit = None if index is None else index.audit()
        self._suspects: list[I64] = []

    def compare(self, rows: I64, vectors: F32) -> None:
        """Compare a block of rows with their stored vectors."""
        wrong = self._audit.compare(rows, vectors) if self._audit else rows.tolist()
        if wrong:
            self._suspects.append(np.asarray([*wrong], np.int64))

    def finish(self, findings: Findings) -> None:
        """Look again at what seemed to differ, and at the graph itself."""
        if self._audit is not None:
            for sentence in self._audit.structure():
                findings.add("index", f"graph: {sentence}")
            self._suspects.append(self._audit.unseen())
        rows = (
            np.unique(np.concatenate(self._suspects)) if self._suspects else np.empty(0, np.int64)
        )
        for start in range(0, len(rows), _BLOCK):
            self._look_again(rows[start : start + _BLOCK], findings)

    def _look_again(self, rows: I64, findings: Findings) -> None:
        """Judge suspects that stand still for a moment.

        Those that others change at this very moment are looked at once more. One that never
        stands still is left: each of its changes is applied to the index.
        """
        wrong: dict[int, str] = {}
        for _ in range(_TRIES):
            with self._store.lock:
                audit, found, rows = self._at_one_moment(rows)
            wrong |= _differences(audit, found)
            if not len(rows):
                break
        for row, what in sorted(wrong.items()):
            findings.add("index", f"row {row}: {what}")

    def _at_one_moment(self, rows: I64) -> tuple[IndexAudit | None, Gathered | None, I64]:
        """Return the index, what is stored of rows it is in step with, and the other rows."""
        served = self._manager.current()
        with self._store.read() as txn:
            meta = self._store.refresh(txn)
            changed = journal.rows_after(txn, served.applied, meta)
            if served.space != meta.space or changed is None:
                return None, None, rows
            late = np.intersect1d(rows, changed)
            found = _stored(txn, meta, np.setdiff1d(rows, late))
        return None if served.index is None else served.index.audit(), found, late


def _differences(audit: IndexAudit | None, found: Gathered | None) -> dict[int, str]:
    if found is None:
        return {}
    if audit is None:
        return dict.fromkeys(found.rows.tolist(), "expected in the index, but is not")
    wrong = audit.compare(found.rows, found.vectors)
    extra = np.intersect1d(audit.unseen(), found.absent)
    return wrong | dict.fromkeys(extra.tolist(), "in the index without a stored vector")


def _stored(txn: Txn, meta: Meta, rows: I64) -> Gathered:
    """Gather the sound vectors among some rows; the others are reported already."""
    return embeddings.gather(txn, meta.space, rows, meta.dim)
