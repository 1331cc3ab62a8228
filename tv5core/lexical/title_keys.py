"""Whole titles: which documents are called just what someone typed.

A title is compared without spaces, case, accents, signs, articles and "and", with numbers as digits
(``tv5core.analysis.names.key_words``): "spider man", "Spider-Man" and "spiderman" have one key.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core.analysis.names import key_words, near_key
from tv5core.errors import CorruptFileError
from tv5core.lexical.fields import other_titles
from tv5core.types import Title

__all__ = ["TitleKeys", "TitleMatch", "build", "key_of", "merge"]

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]

_FEW = 64  # titles of one key; seldom are there more
_SUBTITLE = re.compile(r"\s*:\s+|\s+[-\u2013\u2014]\s+")


class TitleMatch(IntEnum):
    """How a document's title matches a whole query; a higher value is a better match."""

    NONE = 0
    OTHER_MAIN = 1
    """One of the other titles, up to its subtitle."""
    MAIN = 2
    """The title up to its subtitle: "Star Wars" for "Star Wars: Episode IV - A New Hope"."""
    OTHER_NEAR = 3
    NEAR = 4
    """All but articles and "and"."""
    OTHER_EXACT = 5
    EXACT = 6
    """The title but for spaces, signs, case, accents and how numbers are written."""


_OTHER = {
    TitleMatch.MAIN: TitleMatch.OTHER_MAIN,
    TitleMatch.NEAR: TitleMatch.OTHER_NEAR,
    TitleMatch.EXACT: TitleMatch.OTHER_EXACT,
}


class Key(NamedTuple):
    """A title's key: of what makes titles near, and a check of what makes them exact."""

    near: int
    check: int


@dataclass(frozen=True, slots=True, eq=False)
class TitleKeys:
    """The keys of a segment's titles, as its file stores them.

    Attributes
    ----------
    keys : uint64[n]
        In ascending order.
    documents : uint32[n]
    checks : uint8[n]
        A checksum of the title with its articles.
    levels : uint8[n]
        ``TitleMatch.NEAR``, ``MAIN``, or theirs of other titles.
    """

    keys: U64
    documents: U32
    checks: U8
    levels: U8

    def matches(self, query: str) -> tuple[U32, U8]:
        """Return the documents whose title a query is, ascending, and how well it matches."""
        key = key_of(query)
        if key is None:
            return np.zeros(0, np.uint32), np.zeros(0, np.uint8)
        wanted = np.uint64(key.near)
        low = int(self.keys.searchsorted(wanted))
        if low == len(self.keys) or self.keys[low] != wanted:  # most texts are no title
            return np.zeros(0, np.uint32), np.zeros(0, np.uint8)
        high = low + int(self.keys[low : low + _FEW].searchsorted(wanted, "right"))
        if high == low + _FEW:
            high = int(self.keys.searchsorted(wanted, "right"))
        levels = self.levels[low:high].copy()
        exact = (self.checks[low:high] == key.check) & (levels >= TitleMatch.OTHER_NEAR)
        levels[exact] += 2
        documents = self.documents[low:high]  # ascending: of one key, they are sorted by document
        if high - low == 1:
            return documents, levels
        starts = np.flatnonzero(np.diff(documents.astype(np.int64), prepend=-1))
        return documents[starts], np.maximum.reduceat(levels, starts)

    def sections(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name."""
        return {f"title_keys.{f.name}": getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_sections(cls, sections: dict[str, npt.NDArray[Any]], documents: int) -> TitleKeys:
        """Take arrays by name, of so many documents.

        Raises
        ------
        CorruptFileError
            Their sizes do not fit together.
        """
        found = cls(*(sections[f"title_keys.{f.name}"] for f in fields(cls)))
        sizes = {len(getattr(found, f.name)) for f in fields(cls)}
        if len(sizes) > 1 or (len(found.keys) and int(found.documents.max()) >= documents):
            raise CorruptFileError("expected title keys of the segment's documents, got others")
        return found


@lru_cache(maxsize=256)  # one search asks several times for the key of its text
def key_of(text: str) -> Key | None:
    """Return the key of a title or a query; None where it has no word."""
    words = key_words(text)
    if not words:
        return None
    near = blake2b(near_key(words).encode("utf-8", "replace"), digest_size=8)
    exact = "".join(words).encode("utf-8", "replace")
    return Key(int.from_bytes(near.digest(), "little"), zlib.crc32(exact) & 255)


def build(titles: Sequence[Title]) -> TitleKeys:
    """Make the keys of titles, which are documents 0, 1 and so on."""
    rows = [
        (key.near, document, key.check, level)
        for document, title in enumerate(titles)
        for key, level in _keys_of(title)
    ]
    columns = list(zip(*rows, strict=True)) or [()] * 4
    return _sorted(
        np.array(columns[0], np.uint64),
        np.array(columns[1], np.uint32),
        np.array(columns[2], np.uint8),
        np.array(columns[3], np.uint8),
    )


def _keys_of(title: Title) -> Iterator[tuple[Key, int]]:
    found: dict[Key, int] = {}
    for text in (title.title, *other_titles(title)):
        other = text != title.title
        main = _SUBTITLE.split(text, maxsplit=1)[0]
        for part, level in ((text, TitleMatch.NEAR), (main, TitleMatch.MAIN)):
            key = key_of(part) if part is text or part != text else None
            if key is not None:
                found.setdefault(key, _OTHER[level] if other else level)
    return iter(found.items())


def _sorted(keys: U64, documents: U32, checks: U8, levels: U8) -> TitleKeys:
    order = np.lexsort((checks, levels, documents, keys))
    return TitleKeys(keys[order], documents[order], checks[order], levels[order])


def merge(parts: Sequence[TitleKeys], documents: Sequence[I64]) -> TitleKeys:
    """Merge the keys of segments; ``documents`` are the new numbers, -1 for dropped ones."""
    moved = [numbers[part.documents] for part, numbers in zip(parts, documents, strict=True)]
    kept = np.concatenate([numbers >= 0 for numbers in moved])
    keys, checks, levels = (
        np.concatenate([getattr(part, name) for part in parts])[kept]
        for name in ("keys", "checks", "levels")
    )
    return _sorted(keys, np.concatenate(moved)[kept].astype(np.uint32), checks, levels)
