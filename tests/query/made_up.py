"""A part that keeps one number a title, and a source of titles that a test changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.query.document_index import TitleSource
from tv5core.query.documents import DocumentParts, DocumentSegment, Schema
from tv5core.types import Title

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


class Votes:
    """The votes of each title."""

    def __init__(self, votes: I64) -> None:
        self.votes = votes

    def __len__(self) -> int:
        return len(self.votes)

    @classmethod
    def build(cls, titles: Sequence[Title], schema: Schema) -> Votes:
        return cls(np.asarray([title.votes for title in titles], np.int64))

    @classmethod
    def merge(cls, parts: Sequence[Votes], part: I32, document: I64) -> Votes:
        merged = np.empty(len(part), np.int64)
        for number, one in enumerate(parts):
            merged[part == number] = one.votes[document[part == number]]
        return cls(merged)

    def sections(self) -> dict[str, Any]:
        return {"votes": self.votes}

    @classmethod
    def from_sections(cls, sections: dict[str, Any]) -> Votes:
        return cls(sections["votes"])

    @property
    def memory_bytes(self) -> int:
        return self.votes.nbytes


PARTS = DocumentParts(Votes, Votes, "votes 1")


class Stored:
    """Titles by row, as a catalogue stores them: here, the votes of each."""

    def __init__(self) -> None:
        self.votes: dict[int, int] = {}
        self.loads: list[int] = []
        self.source = TitleSource(self.load, self.rows, dict, PARTS)

    def load(self, rows: I64) -> tuple[I64, list[Title]]:
        self.loads.append(len(rows))
        found = [row for row in rows.tolist() if row in self.votes]
        titles = [Title(f"t:{row}", "movie", "A", votes=self.votes[row]) for row in found]
        return np.asarray(found, np.int64), titles

    def rows(self) -> I64:
        return np.asarray(sorted(self.votes), np.int64)


def contents(segments: Sequence[DocumentSegment]) -> list[tuple[int, int]]:
    """Return the key and the votes of every document that is not deleted."""
    found = []
    for segment in segments:
        alive = segment.documents()
        assert (segment.columns.votes == segment.words.votes).all()
        found += zip(
            segment.keys[alive].tolist(), segment.columns.votes[alive].tolist(), strict=True
        )
    return sorted(found)
