"""Spoiled files of documents: refused, or read without leaving the file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from tests.crash.model import title
from tests.fuzz.spoiled_files import SpoiledFiles
from tv5core import bitmap
from tv5core.columns import F
from tv5core.errors import CorruptFileError
from tv5core.lexical import SegmentStatistics, Statistics, Typed, expand, score
from tv5core.query.document_files import SealedDocuments, write_documents
from tv5core.query.documents import DocumentSegment, concatenated
from tv5core.query.parts import PARTS

_COUNT = 60
_KEYS = np.arange(_COUNT) * 3
_FILTERS = (
    F.year.between(1960, 1999),
    F.genre.any("Drama", "Crime"),
    F.person("Person 7"),
    F.on("provider1", region="US"),
    ~F.adult & (F.votes >= 0),
)


class Documents(SpoiledFiles):
    """The columns and the words file of one sealing."""

    def __init__(self, folder: Path) -> None:
        paths = folder / "columns", folder / "words"
        some = [title(f"t:{n}:a", n % 9) for n in range(_COUNT)]
        segment = DocumentSegment.build(PARTS, _KEYS, some, {})
        segment = segment.with_alive(bitmap.from_mask(np.arange(_COUNT) % 7 != 3))
        write_documents(segment, *paths, PARTS)
        super().__init__(paths)

    def load(self, *paths: Path) -> DocumentSegment:
        """Open columns and words."""
        opened = SealedDocuments.open(paths[0], paths[1], PARTS)
        opened.check(_KEYS)
        return opened.segment

    def use(self, loaded: DocumentSegment) -> None:
        """Search in it and merge it."""
        # Contradictory content may end a search, having read nothing outside of the arrays.
        with suppress(CorruptFileError, IndexError, TypeError, ValueError):
            use(loaded)


def use(segment: DocumentSegment) -> None:
    """Do with a segment what searches and sealing do."""
    segment.find(np.arange(200))
    for wanted in _FILTERS:
        segment.columns.evaluate(wanted)
        segment.columns.estimate(wanted)
    segment.columns.facet("genre", bitmap.full(len(segment)))
    statistics = Statistics([SegmentStatistics(segment.words, segment.alive)])
    for text in ("banor 17", "banro dilim", '"banor dilim"'):
        query = expand(Typed(text), statistics)
        score(segment.words, query, statistics, segment.alive, None)
    segment.words.phrase("banor dilim", "text")
    concatenated([segment, segment.without(np.arange(30))])
