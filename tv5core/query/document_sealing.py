"""Number documents for sealing: like the graph's rows, and then those without a vector there.

Documents are merged from the segments there are; only titles that changed since are made documents
first. Of many, each group of blocks is written to a scratch file as soon as it is made, so that
memory holds one group, and what is merged in the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.query.document_files import SealedDocuments, write_documents
from tv5core.query.document_index import BLOCK_TITLES, DocumentIndex, Report, TitleSource
from tv5core.query.documents import DocumentSegment, concatenated, merged_parts
from tv5core.types import Title

__all__ = ["gathered", "numbered"]

I64 = npt.NDArray[np.int64]

_SETTLED_TITLES = 4 * BLOCK_TITLES
"""Titles that are made documents for searches too, where they wait for that anyway."""

_GROUP_TITLES = 128 * BLOCK_TITLES
"""Titles whose documents are in memory, some 300 MB, before they go to a scratch file. What is
merged twice takes longer, so most catalogues are one group."""


def gathered(
    index: DocumentIndex, noted: int, source: TitleSource, scratch: Path, report: Report
) -> list[DocumentSegment]:
    """Return segments of all titles as of a moment, or later.

    Parameters
    ----------
    index : DocumentIndex
    noted : int
        As :meth:`DocumentIndex.settled` takes it.
    source : TitleSource
    scratch : Path
        An empty folder for files that are of use until the segments are not needed any more.
    report : callable
        Called with the titles made documents, and how many there are to make.
    """
    if index.is_complete and index.waiting_count <= _SETTLED_TITLES:
        return list((index.settled(noted, report) or index.latest).segments)
    kept, changed = index.unsettled(noted)
    group: list[DocumentSegment] = []
    for segment in source.segments(changed, report):
        group.append(segment)
        if sum(map(len, group)) >= _GROUP_TITLES:
            kept.append(_spilled(group, source, scratch / str(len(kept))))
            group = []
    return kept + group


def _spilled(group: list[DocumentSegment], source: TitleSource, path: Path) -> DocumentSegment:
    """Merge segments into a scratch file."""
    files = path.with_suffix(".columns"), path.with_suffix(".words")
    write_documents(concatenated(group), *files, source.parts)
    return SealedDocuments.open(*files, source.parts).segment


def numbered(
    segments: Sequence[DocumentSegment], graph_keys: I64, source: TitleSource
) -> DocumentSegment | None:
    """Merge segments into one whose first documents have the keys of a graph's rows.

    The others follow, in ascending order of key. A row of the graph whose title is gone, or cannot
    be read, gets an empty document, which is deleted.

    Returns
    -------
    DocumentSegment or None
        None where there is no title.
    """
    rows = [segment.documents() for segment in segments]
    part = np.repeat(np.arange(len(rows), dtype=np.int32), [len(some) for some in rows])
    document = np.concatenate([np.empty(0, np.int64), *rows])
    have = [segment.keys[some] for segment, some in zip(segments, rows, strict=True)]
    keys = np.concatenate([np.empty(0, np.int64), *have])
    if not len(keys):
        return None
    order = np.argsort(keys)
    wanted = np.concatenate([graph_keys, np.setdiff1d(keys, graph_keys)])
    place = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    gone = keys[place] != wanted
    part, document = part[place], document[place]
    if gone.any():
        segments = [*segments, _empty_document(source)]
        part[gone], document[gone] = len(segments) - 1, 0
    merged = DocumentSegment.of(wanted, *merged_parts(segments, part, document))
    return merged.with_alive(bitmap.from_mask(~gone)) if gone.any() else merged


def _empty_document(source: TitleSource) -> DocumentSegment:
    title = Title("", "movie", "")
    return DocumentSegment.build(source.parts, np.zeros(1, np.int64), [title], source.schema())
