"""Check a catalogue's documents against its titles, while both may change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.manager import IndexManager
from tv5core.query.document_audit import differing, missing
from tv5core.query.documents import DocumentSnapshot
from tv5core.store import Store, journal, titles
from tv5core.store.report import Findings
from tv5core.types import Progress

__all__ = ["check_documents"]

I64 = npt.NDArray[np.int64]

_COMPARED = 4_096
"""Titles whose documents are made again and compared; of all, it is checked that they have one."""
_TRIES = 50


def check_documents(
    store: Store, manager: IndexManager, findings: Findings, report: Progress
) -> None:
    """Look for titles without a document and documents without a title; compare some of them.

    What seems to differ may only have changed between two looks, so it is looked at again when the
    documents are known to be in step.
    """
    if manager.current().documents.sealed is None:
        return  # they are made of the titles, when a search needs them
    report(0, 1, "checking documents")
    snapshot = manager.current().view().documents
    rows = manager.titles.rows()
    suspects = [missing(snapshot, rows), np.setdiff1d(_keys(snapshot), rows)]
    suspects.append(_differing(manager, snapshot, _sample(rows)))
    report(1, 1, "checking documents")
    findings.checked["documents"] += snapshot.alive_count
    _look_again(store, manager, np.unique(np.concatenate(suspects)), findings)


def _sample(rows: I64) -> I64:
    """Return rows evenly spread, up to ``_COMPARED``."""
    return rows[:: -(-len(rows) // _COMPARED)] if len(rows) else rows


def _keys(snapshot: DocumentSnapshot) -> I64:
    some = [one.keys[one.documents()] for one in snapshot.segments]
    return np.concatenate([np.empty(0, np.int64), *some])


def _differing(manager: IndexManager, snapshot: DocumentSnapshot, rows: I64) -> I64:
    """Return the rows whose documents are not those of their present titles."""
    have, known = manager.titles.load(rows)
    located = snapshot.locate(have)[0] >= 0
    some = [title for title, here in zip(known, located.tolist(), strict=True) if here]
    return differing(snapshot, have[located], some, manager.titles.source)


def _look_again(store: Store, manager: IndexManager, rows: I64, findings: Findings) -> None:
    for _ in range(_TRIES):
        if not len(rows):
            return
        wrong, rows = _at_one_moment(store, manager, rows)
        for row, what in wrong.items():
            findings.add("documents", f"row {row}: {what}")


def _at_one_moment(store: Store, manager: IndexManager, rows: I64) -> tuple[dict[int, str], I64]:
    """Judge the rows that have not changed since what is served; return the others too.

    What is served is looked at before the store, so its documents are no newer than the titles.
    """
    view = manager.current().view()
    with store.read() as txn:
        changed = journal.rows_after(txn, view.applied, store.refresh(txn), titles=True)
        if changed is None:
            return {}, rows
        late = np.intersect1d(rows, changed)
        some = np.setdiff1d(rows, late)
        stored = {row for row in some.tolist() if titles.bytes_of(txn, row) is not None}
        read = ((row, titles.readable(txn, row)) for row in sorted(stored))
        known = {row: title for row, title in read if title is not None}
    without = set(missing(view.documents, some).tolist())
    found = dict.fromkeys(sorted(without & known.keys()), "expected one document of its title")
    extra = set(some.tolist()) - stored - without
    found |= dict.fromkeys(sorted(extra), "expected no document without a title")
    compared = sorted(known.keys() - without)
    source, having = manager.titles.source, [known[row] for row in compared]
    keys = np.asarray(compared, np.int64)
    for row in differing(view.documents, keys, having, source).tolist():
        found[row] = "expected the document of its title, got another"
    return found, late
