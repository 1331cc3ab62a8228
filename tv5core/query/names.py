"""Names: whether documents have the name that a text may be, and which names are near it.

Planning asks for nothing else of the documents besides their statistics. Where documents are spread
over shards, another class answers for all of them.
"""

from __future__ import annotations

from tv5core import bitmap
from tv5core.lexical import NearName, SegmentStatistics, Statistics, TitleMatch, near_names
from tv5core.query.documents import DocumentSnapshot

__all__ = ["Names"]

_NAMES = ("people", "characters")
"""Fields whose phrases are names that people type, and no slips of titles."""


class Names:
    """The names of titles and people in some documents.

    Parameters
    ----------
    documents : DocumentSnapshot
    statistics : Statistics
        Of these.
    """

    def __init__(self, documents: DocumentSnapshot, statistics: Statistics) -> None:
        self._documents, self._statistics = documents, statistics

    def is_title(self, text: str) -> bool:
        """Tell whether a document is called like a text, deleted ones included."""
        segments = self._documents.segments
        return any(len(segment.words.titles.matches(text)[0]) for segment in segments)

    def title_popularity(self, text: str, level: int = TitleMatch.OTHER_NEAR) -> float | None:
        """Return how well known the best known title of a name is; None where there is none."""
        best: float | None = None
        for segment in self._documents.segments:
            called, levels = segment.words.titles.matches(text)
            called = called[levels >= level]
            if segment.alive is not None:
                called = called[bitmap.test(segment.alive, called)]
            if len(called):
                found = float(segment.words.suggestions.popularity[called].max())
                best = found if best is None else max(best, found)
        return best

    def credits(self, name: str) -> int:
        """Count the titles that credit someone of a name, segment by segment."""
        segments = self._documents.segments
        credited = [segment.columns.find_value("person", name) for segment in segments]
        return sum(int(found[1]) for found in credited if found is not None)

    def spelled(self, name: str) -> str | None:
        """Return how the name of someone whom a title credits is spelled; None for nobody's."""
        for segment in self._documents.segments:
            found = segment.columns.find_value("person", name)
            if found is not None and found[1]:
                return str(found[0])
        return None

    def near(self, text: str, guess: str) -> list[NearName]:
        """Return the names near a text of several words; see ``near_names``."""
        return [
            one
            for part in self._statistics.parts
            for one in near_names(part.segment.suggestions, text, guess, part.alive)
        ]

    def has_phrase(self, text: str) -> bool:
        """Tell whether somebody's or a character's name has a text in it."""
        parts = self._statistics.parts
        return any(_has_phrase(part, text, field) for part in parts for field in _NAMES)

    def popularity(self, text: str, level: int = TitleMatch.OTHER_NEAR) -> float | None:
        """Return how well known the title or person of a name is; None where there is none."""
        best = self.title_popularity(text, level)
        if best is None and " " in text:
            return float(self.credits(text)) or None
        return best


def _has_phrase(part: SegmentStatistics, text: str, field: str) -> bool:
    found = part.segment.phrase(text, field)
    return bool((found if part.alive is None else found & part.alive).any())
