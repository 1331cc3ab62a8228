"""What a check finds: one sentence for each problem, how to repair it, and which part it is in."""

from __future__ import annotations

from collections import Counter

import msgspec

__all__ = ["Findings", "VerifyReport"]

_SHOWN = 100

REPAIRS = {
    "file": "a repair rebuilds it from the store",
    "index": "a repair rebuilds the index from the stored vectors",
    "documents": "a repair makes them again from the titles",
    "model": "a repair fits the embedder again",
    "learnt": "a repair forgets it: learn again from the interactions",
    "text": "a repair tries to fit the embedder again",
    "derived": "a repair restores it from the titles",
    "stray": "a repair removes it",
    "vector": "a repair removes the vector and embeds the title again",
    "second": "a repair builds its index again, and embeds again what cannot be used",
    "unchecked": "`tv5 upgrade` adds it, and so does a repair",
    "setting": "a repair removes it, and what depends on it is done again",
    "orphan": "a repair removes it",
    "moved": "opening the catalogue for writing puts it back or removes it",
    "pending": "a repair removes the mark and marks every title that has no vector",
    "spaces": "a repair removes them",
    "journal": "a repair restarts the journal and rebuilds the index",
    "title": "no repair can restore it: moving it to a quarantine file lets the rest be repaired",
    "newer": "a newer tv5core can read it",
    "twice": "delete one of the two titles, or add it again under another id",
    "store": "restore a backup, or export what can still be read",
}
"""How a problem is repaired, by part of the catalogue."""


class VerifyReport(msgspec.Struct, frozen=True):
    """What a check found, and what a repair did.

    Attributes
    ----------
    ok : bool
        Whether there is no problem; after a repair, whether none is left.
    problems : list of str
        One sentence each, with how to repair it; beyond a hundred, only their number.
    checked : dict of str to int
        How many of what were looked at.
    repaired : list of str
        What a repair did.
    notes : list of str
        What is no damage but good to know, such as that texts cannot be searched yet.
    """

    ok: bool
    problems: list[str]
    checked: dict[str, int]
    repaired: list[str] = []
    notes: list[str] = []


class Findings:
    """Collects problems in bounded memory.

    Attributes
    ----------
    checked : Counter of str
        How many of what were looked at.
    notes : list of str
        What is no problem but good to know.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._sentences: list[str] = []
        self._counts: Counter[str] = Counter()
        self.checked: Counter[str] = Counter()

    def add(self, part: str, sentence: str) -> None:
        """Note a problem with a part, one of ``REPAIRS``."""
        self._counts[part] += 1
        if len(self._sentences) < _SHOWN:
            self._sentences.append(f"{sentence}; {REPAIRS[part]}")

    def join(self, other: Findings) -> None:
        """Take over what another check found."""
        self._counts += other._counts
        self._sentences = (self._sentences + other._sentences)[:_SHOWN]
        self.checked += other.checked

    @property
    def parts(self) -> set[str]:
        """Parts something is wrong with."""
        return set(self._counts)

    def count(self, part: str) -> int:
        """Count the problems with a part."""
        return self._counts[part]

    def report(self, repaired: list[str] | None = None) -> VerifyReport:
        """Make the report."""
        total = self._counts.total()
        shown = list(self._sentences)
        if total > len(shown):
            shown.append(f"and {total - len(shown)} more")
        return VerifyReport(not total, shown, dict(self.checked), repaired or [], self.notes)
