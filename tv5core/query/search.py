"""Search: one that is ready to be made, and the words of its text."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tv5core.bitmap import Bitmap
from tv5core.columns import Expression
from tv5core.lexical import Statistics, Typed, WordQuery, expand
from tv5core.query.evidence import WordShares, word_shares
from tv5core.query.names import Names
from tv5core.query.second import NearestSearch, SecondMeaning
from tv5core.query.spelling import respelled
from tv5core.query.view import View

__all__ = ["LEAST_CORRECTED", "LEAST_KNOWN", "POOL", "Search", "WordSide"]

POOL = 200
"""Neighbours in meaning that are looked at, where no more are asked for."""
LEAST_KNOWN, LEAST_CORRECTED = 0.25, 0.6
"""A text of which a smaller share of the words is known, by weight, finds nothing but names; the
second where no word is known as it was typed."""


@dataclass(frozen=True, eq=False)
class WordSide:
    """A query's words, found in a catalogue.

    Attributes
    ----------
    query : WordQuery
    statistics : Statistics
    shares : WordShares
    """

    query: WordQuery
    statistics: Statistics
    shares: WordShares

    @classmethod
    def of(cls, typed: Typed, statistics: Statistics, names: Names | None = None) -> WordSide:
        """Look the words of a text up.

        Parameters
        ----------
        typed : Typed
        statistics : Statistics
        names : Names, optional
            That the text may be a misspelling of.
        """
        query = expand(typed, statistics)
        name = None if names is None else respelled(typed.text, query, statistics, names)
        if name is not None:
            query = replace(expand(typed._replace(text=name), statistics), did_you_mean=name)
        return cls(query, statistics, word_shares(query, statistics))

    @property
    def years(self) -> dict[int, int]:
        """Words that may be years, by their place."""
        return {
            place: int(word.surface)
            for place, word in enumerate(self.query.words)
            if len(word.surface) == 4 and word.surface.isdigit() and word.surface.isascii()
        }


@dataclass(frozen=True, eq=False)
class Search:
    """One search, ready to be made.

    Attributes
    ----------
    view : View
    words : WordSide or None
        None where there are none.
    nearest : NearestSearch or None
        None where meaning does not count.
    mode : str
    k : int
        Matches that are wanted at least.
    pool : int
    soft : tuple of (Bitmap, ...)
        For each reading that is no filter, the documents it is true of, by segment.
    second : SecondMeaning or None
        None where the catalogue has no second space, or it does not count.
    foreign : bool
        Whether too few of the words are known for anything but the second space to answer.
    reads_words_only : bool
        Whether ``nearest`` compares by no other words than the catalogue's own.
    readings : tuple of Expression
        The filters that ``soft`` are the documents of.
    """

    view: View
    words: WordSide | None
    nearest: NearestSearch | None
    mode: str
    k: int
    pool: int = POOL
    soft: tuple[tuple[Bitmap, ...], ...] = ()
    second: SecondMeaning | None = None
    foreign: bool = False
    reads_words_only: bool = False
    readings: tuple[Expression, ...] = ()
