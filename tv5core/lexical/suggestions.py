"""Suggestions while typing: titles that have a word, or begin, as what was typed so far.

Every title gives *phrases*: its words, folded, with a space between. An *entry* is a phrase from
one of its words to the end. Entries are sorted, so those that begin alike lie together; the best
of every block of entries is known, so the most popular under a prefix are found without looking at
all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.analysis.names import chunks, name_chunk
from tv5core.analysis.scripts import UNSPACED, fold_word, words_of
from tv5core.errors import CorruptFileError
from tv5core.lexical.fields import other_titles
from tv5core.lexical.tokens import ranges
from tv5core.types import Title

__all__ = ["Suggested", "Suggestions", "build", "merge", "popularity_of", "typed_phrase"]

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
F32 = npt.NDArray[np.float32]

_BLOCK = 256  # entries whose best is known
_MAX_PHRASE = 120  # characters of a phrase that are kept


class Suggested(NamedTuple):
    """A document that a prefix leads to."""

    document: int
    popularity: float


@dataclass(frozen=True, eq=False)
class Suggestions:
    """The phrases of a segment's titles, as its file stores them.

    Attributes
    ----------
    data : uint8[...]
        Phrases in UTF-8.
    ends : uint32[p]
        Where each phrase ends.
    documents : uint32[p]
        Whose phrase it is, ascending.
    entries : uint32[e]
        Where entries begin in ``data``, in the order of their bytes.
    phrases : uint32[e]
        The phrase of each entry.
    popularity : float32[documents]
    best : float32[ceil(e / 256)]
        Highest popularity among the entries of each block.
    """

    data: U8
    ends: U32
    documents: U32
    entries: U32
    phrases: U32
    popularity: F32
    best: F32

    def top(self, prefix: str, k: int, alive: bitmap.Bitmap | None = None) -> list[Suggested]:
        """Return the k most popular (alive) documents with an entry that begins so.

        Ties are ordered by document.

        Parameters
        ----------
        prefix : str
            As :func:`typed_phrase` makes it.
        k : int
        alive : Bitmap or None
            Documents to consider.
        """
        low, high = self.between(prefix.encode("utf-8", "replace"))
        blocks = np.arange(low // _BLOCK, -(-high // _BLOCK))
        take = max(k, 8)
        # The first and the last block may owe their best to entries outside: a bound is enough.
        best = self.best[blocks]
        order = np.lexsort((blocks, -best))
        while len(blocks):
            some = blocks[order[:take]]
            found = self._best_of(some, low, high, k, alive)
            rest = order[take:]
            enough = len(found) == k and len(rest) and found[-1].popularity > best[rest[0]]
            if enough or not len(rest):
                return found
            take *= 4
        return []

    def _best_of(
        self, blocks: I64, low: int, high: int, k: int, alive: bitmap.Bitmap | None
    ) -> list[Suggested]:
        entries = (blocks[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
        entries = entries[(entries >= low) & (entries < high)]
        documents = np.unique(self.documents[self.phrases[entries]])
        if alive is not None:
            documents = documents[bitmap.test(alive, documents)]
        popularity = self.popularity[documents]
        order = np.lexsort((documents, -popularity))[:k]
        return [Suggested(int(documents[i]), float(popularity[i])) for i in order]

    def between(self, prefix: bytes) -> tuple[int, int]:
        """Return the first entry that begins so, and the one behind the last."""
        first = self._lower_bound(prefix, 0, len(self.entries))
        low, step = first, 1  # few entries begin alike: look near first for where they end
        while low + step < len(self.entries) and self._begins(low + step, prefix):
            low, step = low + step, 2 * step
        return first, self._lower_bound(prefix + b"\xff", low, min(low + step, len(self.entries)))

    def _begins(self, entry: int, prefix: bytes) -> bool:
        data, ends, entries, phrases = self._views
        start, end = entries[entry], ends[phrases[entry]]
        return bytes(data[start : min(end, start + len(prefix))]) == prefix

    def _lower_bound(self, wanted: bytes, low: int, high: int) -> int:
        data, ends, entries, phrases = self._views
        length = len(wanted)
        while low < high:
            middle = (low + high) // 2
            start, end = entries[middle], ends[phrases[middle]]
            if bytes(data[start : min(end, start + length)]) < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    @cached_property
    def _views(self) -> tuple[memoryview, ...]:
        """The arrays, as Python takes single items of them fastest."""
        return self.data.data, self.ends.data, self.entries.data, self.phrases.data

    def sections(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name."""
        return {f"suggestions.{f.name}": getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_sections(cls, sections: dict[str, npt.NDArray[Any]], documents: int) -> Suggestions:
        """Take arrays by name, of so many documents.

        Raises
        ------
        CorruptFileError
            Their sizes do not fit together.
        """
        found = cls(*(sections[f"suggestions.{f.name}"] for f in fields(cls)))
        entries = len(found.entries)
        right = (
            len(found.popularity) == documents
            and len(found.ends) == len(found.documents)
            and len(found.phrases) == entries
            and len(found.best) == -(-entries // _BLOCK)
            and _below(found.documents, documents)
            and _below(found.phrases, len(found.ends))
            and _below(found.entries, len(found.data))
            and _below(found.ends, len(found.data) + 1)
        )
        if not right:
            raise CorruptFileError("expected suggestions that fit together, got others")
        return found


def _below(values: U32, limit: int) -> bool:
    return not len(values) or int(values.max()) < limit


def popularity_of(title: Title) -> float:
    """Return what suggestions are ordered by: the logarithm of votes, then the source's figure."""
    popularity = title.popularity if math.isfinite(title.popularity) else 0.0
    return math.log1p(max(title.votes, 0)) + 0.01 * math.log1p(max(popularity, 0.0))


def typed_phrase(text: str) -> str:
    """Return what was typed so far as phrases are compared; a space at its end ends a word.

    Examples
    --------
    >>> typed_phrase("Spider-M"), typed_phrase("the  matrix ")
    ('spider m', 'the matrix ')
    """
    words = [_first_forms(chunk) for chunk in chunks(text)]
    phrase = " ".join(word for word in words if word)
    return phrase + " " if phrase and text[-1:].isspace() else phrase


def _first_forms(chunk: str) -> str:
    found = _forms(chunk)
    return found[0] if found else ""


def _phrases_of(title: Title) -> Iterator[str]:
    found: dict[str, None] = {}
    for text in (title.title, *other_titles(title)):
        forms = [some for some in map(_forms, chunks(text)) if some]
        for pick in range(max(map(len, forms), default=0)):
            phrase = " ".join(some[min(pick, len(some) - 1)] for some in forms)[:_MAX_PHRASE]
            found.setdefault(phrase)
            for run in UNSPACED.finditer(phrase):  # no space shows where its words begin
                found.update(dict.fromkeys(phrase[i:] for i in range(run.start() + 1, run.end())))
    return iter(found)


def _forms(chunk: str) -> list[str]:
    """Return the ways to write a chunk: as its words, joined, as digits, in Latin letters."""
    if UNSPACED.search(chunk):
        return [" ".join(map(fold_word, words_of(chunk)))]
    by_position: dict[int, list[str]] = {}
    for position, term in name_chunk(chunk).terms:
        by_position.setdefault(position, []).append(term)
    if not by_position:
        return []
    first = " ".join(some[0] for some in by_position.values())
    if len(by_position) == 1:
        return by_position[next(iter(by_position))]
    joined = [term for term in by_position[0][1:] if term in by_position[max(by_position)]]
    return [first, *joined]


def build(titles: Sequence[Title]) -> Suggestions:
    """Make the suggestions of titles, which are documents 0, 1 and so on."""
    phrases: list[bytes] = []
    documents: list[int] = []
    for document, title in enumerate(titles):
        for phrase in _phrases_of(title):
            phrases.append(phrase.encode("utf-8", "replace"))
            documents.append(document)
    popularity = np.array([popularity_of(title) for title in titles], np.float32)
    lengths = np.array([len(phrase) for phrase in phrases], np.int64)
    return _assemble(b"".join(phrases), lengths, np.array(documents, np.int64), popularity)


def _assemble(data: bytes, lengths: I64, documents: I64, popularity: F32) -> Suggestions:
    """Sort the entries of phrases, which are in the order of their documents."""
    array = np.frombuffer(data, np.uint8)
    ends = np.cumsum(lengths)
    begins = np.zeros(len(array), bool)
    begins[(ends - lengths)[lengths > 0]] = True
    begins[1:] |= array[:-1] == ord(" ")
    starts = np.flatnonzero(begins)
    phrase = np.searchsorted(ends, starts, "right")
    order = _order(data, starts, ends[phrase])
    starts, phrase = starts[order], phrase[order]
    return Suggestions(
        array,
        ends.astype(np.uint32),
        documents.astype(np.uint32),
        starts.astype(np.uint32),
        phrase.astype(np.uint32),
        popularity,
        _best(popularity[documents[phrase]]),
    )


def _order(data: bytes, starts: I64, ends: I64) -> list[int]:
    texts = [data[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    return sorted(range(len(texts)), key=texts.__getitem__)


def _best(popularity: F32) -> F32:
    at = np.arange(0, len(popularity), _BLOCK)
    return np.maximum.reduceat(popularity, at) if len(at) else popularity


def merge(parts: Sequence[Suggestions], documents: Sequence[I64], total: int) -> Suggestions:
    """Merge suggestions; ``documents`` are the new numbers, -1 for dropped ones."""
    popularity = np.zeros(total, np.float32)
    for part, numbers in zip(parts, documents, strict=True):
        popularity[numbers[numbers >= 0]] = part.popularity[numbers >= 0]
    moved = np.concatenate([n[p.documents] for p, n in zip(parts, documents, strict=True)])
    lengths = np.concatenate([np.diff(p.ends.astype(np.int64), prepend=0) for p in parts])
    data = np.concatenate([part.data for part in parts])
    order = np.argsort(moved, kind="stable")
    order = order[moved[order] >= 0]
    starts = np.cumsum(lengths) - lengths
    picked = data[ranges(starts[order], lengths[order])]
    return _assemble(picked.tobytes(), lengths[order], moved[order], popularity)
