"""Spoiled files of documents: refused, or read without leaving the file."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from tests.crash.model import title
from tests.fuzz.mutate import SilentError, spoil, spoil_inside
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


class Documents:
    """The columns and the words file of one sealing."""

    def __init__(self, folder: Path) -> None:
        self.paths = folder / "columns", folder / "words"
        self.spoiled = folder / "columns.x", folder / "words.x"
        some = [title(f"t:{n}:a", n % 9) for n in range(_COUNT)]
        segment = DocumentSegment.build(PARTS, _KEYS, some, {})
        segment = segment.with_alive(bitmap.from_mask(np.arange(_COUNT) % 7 != 3))
        write_documents(segment, *self.paths, PARTS)
        self.data = self.paths[0].read_bytes(), self.paths[1].read_bytes()

    def with_wrong_checksums(self, chance: random.Random) -> str:
        """Spoil any byte of either file: it must be refused."""
        which = chance.randrange(2)
        data = spoil(self.data[which], chance)
        if data == self.data[which]:
            return "same"
        try:
            self._open(which, data)
        except CorruptFileError:
            return "refused"
        raise SilentError("a spoiled file was opened")

    def with_right_checksums(self, chance: random.Random) -> str:
        """Spoil content and checksum it: refused when it is opened, or when it is used."""
        which = chance.randrange(2)
        try:
            use(self._open(which, spoil_inside(self.data[which], chance)))
        except CorruptFileError:
            return "refused"
        except (IndexError, TypeError, ValueError):
            return "refused"  # late: a search ends, having read nothing outside of the arrays
        return "opened"

    def _open(self, which: int, data: bytes) -> DocumentSegment:
        self.spoiled[which].unlink(missing_ok=True)  # an old map must not change under its reader
        self.spoiled[which].write_bytes(data)
        paths = list(self.paths)
        paths[which] = self.spoiled[which]
        opened = SealedDocuments.open(*paths, PARTS)
        opened.check(_KEYS)
        return opened.segment


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
