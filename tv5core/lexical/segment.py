"""WordSegment: the words of a segment's documents. Immutable, in memory or mapped from a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import bitmap, kernels
from tv5core.errors import CorruptFileError
from tv5core.lexical import postings as postings_module
from tv5core.lexical import suggestions as suggestions_module
from tv5core.lexical import terms as terms_module
from tv5core.lexical import title_keys as title_keys_module
from tv5core.lexical.fields import FIELDS, TITLE, field_number
from tv5core.lexical.phrases import PlacedTerm, documents_with, phrase_of
from tv5core.lexical.postings import Postings
from tv5core.lexical.suggestions import Suggestions
from tv5core.lexical.terms import Dictionary
from tv5core.lexical.title_keys import TitleKeys
from tv5core.lexical.tokens import tokenize
from tv5core.types import Title

__all__ = ["SECTIONS_VERSION", "WordSegment"]

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

SECTIONS_VERSION = 1
"""Of what the sections mean; a segment's file carries it."""
_AT_ONCE = 20_000
"""Titles tokenised at once: some 3 million tokens, 150 MB while they are sorted."""


@dataclass(frozen=True, eq=False)
class WordSegment:
    """The words of documents 0 to n - 1.

    Attributes
    ----------
    terms : Dictionary
    postings : Postings
    titles : TitleKeys
    suggestions : Suggestions
    lengths : uint8[fields, n]
        Words of each field of each document; 255 stands for 255 or more.
    length_totals : int64[fields]
        Their sums.
    """

    terms: Dictionary
    postings: Postings
    titles: TitleKeys
    suggestions: Suggestions
    lengths: U8
    length_totals: I64

    # -- making -----------------------------------------------------------------------------

    @classmethod
    def build(cls, titles: Sequence[Title], schema: object = None) -> WordSegment:  # noqa: ARG003
        """Index titles, which become documents 0, 1 and so on.

        Parameters
        ----------
        titles : sequence of Title
        schema : object
            Not used: fields of the user's own are not searched by words.
        """
        if len(titles) <= _AT_ONCE:
            return cls._of_batch(titles)
        starts = range(0, len(titles), _AT_ONCE)
        parts = [cls._of_batch(titles[i : i + _AT_ONCE]) for i in starts]
        part = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
        document = np.concatenate([np.arange(len(p)) for p in parts])
        return cls.merge(parts, part.astype(np.int32), document.astype(np.int32))

    @classmethod
    def _of_batch(cls, titles: Sequence[Title]) -> WordSegment:
        tokens = tokenize(titles)
        vocabulary = sorted(tokens.vocabulary)
        place = {term: number for number, term in enumerate(vocabulary)}
        rank = np.fromiter(map(place.__getitem__, tokens.vocabulary), np.int64)
        return cls(
            terms_module.build(vocabulary),
            postings_module.from_tokens(tokens, rank),
            title_keys_module.build(titles),
            suggestions_module.build(titles),
            tokens.lengths,
            tokens.lengths.sum(axis=1, dtype=np.int64),
        )

    @classmethod
    def merge(
        cls,
        parts: Sequence[WordSegment],
        part: npt.NDArray[np.integer],
        document: npt.NDArray[np.integer],
    ) -> WordSegment:
        """Merge segments; no text is looked at.

        Parameters
        ----------
        parts : sequence of WordSegment
        part, document : int32[n]
            New document ``i`` is ``parts[part[i]]``'s document ``document[i]``. Documents that are
            not named are dropped; none is named twice.
        """
        numbers = []
        lengths = np.zeros((len(FIELDS), len(part)), np.uint8)
        for i, segment in enumerate(parts):
            new = np.flatnonzero(part == i)
            of_part = np.full(len(segment), -1, np.int64)
            of_part[document[new]] = new
            lengths[:, new] = segment.lengths[:, document[new]]
            numbers.append(of_part)
        union, places = terms_module.union_of([p.terms for p in parts])
        merged, used = postings_module.merge(
            [p.postings for p in parts], places, numbers, len(union)
        )
        return cls(
            terms_module.merge([p.terms for p in parts], places, union, used),
            merged,
            title_keys_module.merge([p.titles for p in parts], numbers),
            suggestions_module.merge([p.suggestions for p in parts], numbers, len(part)),
            lengths,
            lengths.sum(axis=1, dtype=np.int64),
        )

    # -- storing ----------------------------------------------------------------------------

    def sections(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays a file stores, by name."""
        found: dict[str, npt.NDArray[Any]] = {"lengths": self.lengths}
        for part in (self.terms, self.postings, self.titles, self.suggestions):
            found.update(part.sections())
        return found

    @classmethod
    def from_sections(cls, sections: Mapping[str, npt.NDArray[Any]]) -> WordSegment:
        """Take the arrays of a file; they are not copied.

        Raises
        ------
        CorruptFileError
            A section is missing or does not fit the others.
        """
        try:
            lengths = sections["lengths"]
            if lengths.ndim != 2 or len(lengths) != len(FIELDS):
                raise CorruptFileError(f"expected lengths of {len(FIELDS)} fields, got others")
            found = dict(sections)
            terms = Dictionary.from_sections(found)
            postings = Postings.from_sections(found)
            titles = TitleKeys.from_sections(found, lengths.shape[1])
            suggestions = Suggestions.from_sections(found, lengths.shape[1])
        except KeyError as error:
            raise CorruptFileError(f"expected a section {error}, got none") from None
        if len(postings.terms) != len(terms) + 1:
            raise CorruptFileError("expected postings of every term, got another number")
        totals = lengths.sum(axis=1, dtype=np.int64)
        return cls(terms, postings, titles, suggestions, lengths, totals)

    # -- what is known ----------------------------------------------------------------------

    def __len__(self) -> int:
        return int(self.lengths.shape[1])

    @property
    def memory_bytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.sections().values())

    @cached_property
    def title_counts(self) -> U32:
        """How many documents, deleted ones too, have each term in their titles: uint32[t]."""
        postings, counts = self.postings, np.zeros(len(self.terms), np.uint32)
        first = postings.terms[:-1]  # of a term's lists, the title's is first
        known = np.flatnonzero(first < postings.terms[1:])
        lists = first[known]
        counts[known] = np.where(postings.fields[lists] == TITLE, postings.counts[lists], 0)
        return counts

    @cached_property
    def title_terms(self) -> bitmap.Bitmap:
        """The terms of titles that a misspelt word may stand for."""
        chosen = np.zeros(len(self.terms), bool)
        chosen[self.terms.by_length] = True
        return bitmap.from_mask(chosen & (self.title_counts > 0))

    def lists(self, term: str, fields: Iterable[int]) -> list[int]:
        """Return the numbers of a term's posting lists in some fields, in order."""
        number = self.terms.find(term)
        if number is None:
            return []
        wanted = set(fields)
        return [n for n in self.postings.lists_of(number) if int(self.postings.fields[n]) in wanted]

    def count(
        self, terms: Iterable[str], fields: Iterable[int], alive: bitmap.Bitmap | None = None
    ) -> int:
        """Count the (alive) documents that have any of some terms in any of some fields."""
        numbers = tuple(fields)
        lists = [n for term in terms for n in self.lists(term, numbers)]
        if not lists:
            return 0
        if len(lists) == 1 and alive is None:
            return int(self.postings.counts[lists[0]])
        return kernels.count_documents(
            self.postings.blocks,
            self.postings.starts[lists],
            self.postings.counts[lists],
            len(self),
            alive,
        )

    def document_frequency(self, term: str, field: str, alive: bitmap.Bitmap | None = None) -> int:
        """Count the (alive) documents that have a term in a field.

        Raises
        ------
        InvalidInputError
            There is no such field.
        """
        return self.count((term,), (field_number(field),), alive)

    def containing(
        self, terms: Iterable[str], fields: Iterable[int] | None = None
    ) -> bitmap.Bitmap:
        """Return the documents that have any of some terms, in some fields or in any."""
        wanted = tuple(range(len(FIELDS)) if fields is None else fields)
        lists = [n for term in terms for n in self.lists(term, wanted)]
        documents, _ = self.postings.decode(np.array(lists, np.int64))
        return bitmap.from_rows(documents, len(self))

    def phrase(self, text: str, field: str) -> bitmap.Bitmap:
        """Return the documents that have the words of a phrase, side by side, in a field.

        Raises
        ------
        InvalidInputError
            There is no such field.
        """
        number = field_number(field)
        found = documents_with(self.terms, self.postings, phrase_of(text, number), number)
        return bitmap.from_rows(found, len(self))

    def has_title_phrase(self, words: Sequence[str], alive: bitmap.Bitmap | None) -> bool:
        """Tell whether an alive document has some terms, side by side, in one of its titles."""
        phrase = [PlacedTerm(i, word) for i, word in enumerate(words)]
        for field in (0, 1):
            found = documents_with(self.terms, self.postings, phrase, field)
            if len(found) and (alive is None or bitmap.test(alive, found).any()):
                return True
        return False
