"""Check the second space: its index against the vectors stored, and put right what is wrong."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.manager import IndexManager
from tv5core.catalog.spaces.second_index import SecondIndex
from tv5core.catalog.spaces.second_space import SecondSpace
from tv5core.store import Store, embeddings
from tv5core.store.records import SecondSpace as Record
from tv5core.store.report import Findings
from tv5core.types import Progress
from tv5core.vectors.audit import IndexAudit

__all__ = ["check_second"]

I64 = npt.NDArray[np.int64]

_BLOCK = 4_096
_TRIES = 50
_STAGE = "checking the second space"


def check_second(
    store: Store,
    manager: IndexManager,
    second: SecondSpace | None,
    findings: Findings,
    progress: Progress,
) -> None:
    """Compare the graph and live rows of the second space with its stored vectors.

    Parameters
    ----------
    store, manager
    second : SecondSpace or None
        None opens its files for this check.
    findings : Findings
        Added to.
    progress : callable
    """
    record = store.meta.second
    if record is None:
        return
    index = SecondIndex(store, manager.recovery, manager.background)
    if second is not None:
        index = second.index
    progress(0, 1, _STAGE)
    found = index.current()
    if found is not None:
        for sentence in found.audit().structure():
            findings.add("second", f"graph of the second space: {sentence}")
        _compare(store, index, record, findings)
    if second is not None and (reason := second.readiness()):
        findings.notes.append(f"searches use the first space alone: {reason}")
    progress(1, 1, _STAGE)


def _compare(store: Store, index: SecondIndex, record: Record, findings: Findings) -> None:
    """Compare every row; one that differs while others change it is looked at once more."""
    with store.read() as txn:
        stored = embeddings.rows(txn, record.space)
    found = index.current()
    rows = stored if found is None else np.union1d(stored, found.keys())
    for start in range(0, len(rows), _BLOCK):
        some, wrong = rows[start : start + _BLOCK], {}
        for _ in range(_TRIES):
            wrong = _differences(store, index, some)
            some = np.asarray([*wrong], np.int64)
            if not len(some):
                break
        for row, what in sorted(wrong.items()):
            findings.add("second", f"row {row} of the second space: {what}")


def _differences(store: Store, index: SecondIndex, rows: I64) -> dict[int, str]:
    with store.lock:
        now = index.current()
        with store.read() as txn:
            record = store.refresh(txn).second
            if now is None or record is None or index.applied != record.seq:
                return {}
            found = embeddings.gather(txn, record.space, rows, record.dim)
        audit: IndexAudit = now.audit()
    wrong = audit.compare(found.rows, found.vectors)
    extra = np.intersect1d(now.keys(), found.absent)
    return wrong | dict.fromkeys(extra.tolist(), "in the index without a stored vector")
