"""A column of words: any number of values a document, found in both directions.

A value has a *key*, by which it is compared, and a *rest*: how it is spelled, then for an offer the
region and the kind, for a collection its id. Values of one key stand together, so a key's documents
are one stretch of the postings. Values of people have *roles* beside, a bit for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.bitmap import Bitmap
from tv5core.columns.numbers import narrowed
from tv5core.columns.strings import StringTable, adjacent
from tv5core.kernels import ValueLists, count_values, invert_values, take_values

__all__ = ["SEPARATOR", "Entry", "KeywordColumn"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

Entry = tuple[str, str]
"""A value's key and rest."""

SEPARATOR = "\x1f"
_SEPARATOR = SEPARATOR.encode()
"""Between parts of a rest."""
_DENSE = 32
"""A key that more than one document in so many has keeps its bitmap, which is smaller than its
postings; there can be few such keys."""


class _Rows(NamedTuple):
    """Values by document: ``values[offsets[i]:offsets[i + 1]]``, ascending."""

    offsets: I64
    values: U32
    roles: U8 | None


class KeywordColumn:
    """Values of documents, and documents of values.

    Parameters
    ----------
    keys : StringTable [g]
        Sorted.
    starts : uint32[g + 1]
        The first value of each key.
    rests : StringTable [v]
        Sorted within a key; empty where it is the key.
    offsets : uint32[n + 1]
    values : uint8[m], uint16[m] or uint32[m]
        Values of document ``i`` from ``offsets[i]`` on, ascending.
    ends : uint32[v + 1]
    postings : uint32[m]
        Documents of value ``j`` from ``ends[j]`` on, ascending.
    roles, posting_roles : uint8[m] or None
        Beside values and postings.
    """

    def __init__(
        self,
        keys: StringTable,
        starts: U32,
        rests: StringTable,
        offsets: U32,
        values: npt.NDArray[np.unsignedinteger[Any]],
        ends: U32,
        postings: U32,
        roles: U8 | None = None,
        posting_roles: U8 | None = None,
    ) -> None:
        self.keys, self.starts, self.rests = keys, starts, rests
        self.offsets, self.values = offsets, values
        self.ends, self.postings = ends, postings
        self.roles, self.posting_roles = roles, posting_roles
        self._dense: dict[int, Bitmap] = {}
        self._any: dict[int, Bitmap] = {}
        self._repeated: dict[int, tuple[I64, I64]] = {}
        self._counts: dict[int, I64] = {}

    # -- making ---------------------------------------------------------------------------

    @classmethod
    def build(
        cls,
        given: Iterable[Sequence[Any]],
        entries_of: Callable[[Any], Sequence[Entry]],
        roles: Iterable[Sequence[int]] | None = None,
    ) -> KeywordColumn:
        """Make a column of what documents have.

        Parameters
        ----------
        given : iterable of sequence
            What each document has, hashable.
        entries_of : callable
            Returns the values that one of these stands for.
        roles : iterable of sequence of int, optional
            The role of each.
        """
        number: dict[Entry, int] = {}
        known: dict[Any, tuple[int, ...]] = {}
        documents: list[dict[int, int]] = []
        for some, parts in zip(given, repeat(()) if roles is None else roles, strict=False):
            row: dict[int, int] = {}
            for item, role in zip(some, parts or repeat(0), strict=False):
                found = known.get(item)
                if found is None:
                    entries = entries_of(item)
                    found = tuple(number.setdefault(entry, len(number)) for entry in entries)
                    known[item] = found
                for value in found:
                    row[value] = row.get(value, 0) | role
            documents.append(row)
        return cls._of_rows(list(number), documents, with_roles=roles is not None)

    @classmethod
    def _of_rows(
        cls, entries: list[Entry], documents: list[dict[int, int]], *, with_roles: bool
    ) -> KeywordColumn:
        raw = [(key.encode(), rest.encode()) for key, rest in entries]
        order = sorted(range(len(raw)), key=raw.__getitem__)
        rank = np.empty(len(raw), np.int64)
        rank[order] = np.arange(len(raw))
        lengths = np.array([len(row) for row in documents], np.int64)
        flat = np.fromiter((v for row in documents for v in row), np.int64, int(lengths.sum()))
        values = rank[flat]
        order_ = np.lexsort((values, np.repeat(np.arange(len(documents)), lengths)))
        roles = None
        if with_roles:
            given = (role for row in documents for role in row.values())
            roles = np.fromiter(given, np.uint8, len(flat))[order_]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return cls._indexed(
            [raw[i] for i in order], _Rows(offsets, values[order_].astype(np.uint32), roles)
        )

    @classmethod
    def _indexed(cls, entries: list[tuple[bytes, bytes]], rows: _Rows) -> KeywordColumn:
        """Complete a column of sorted values, all of which are in use, and rows."""
        keys = list(dict.fromkeys(key for key, _ in entries))
        place = {key: number for number, key in enumerate(keys)}
        group = np.fromiter((place[key] for key, _ in entries), np.int64, len(entries))
        starts = np.searchsorted(group, np.arange(len(keys) + 1))
        offsets, values = rows.offsets.astype(np.uint32), narrowed(rows.values, len(entries))
        lists = ValueLists(offsets, values, rows.roles)
        ends, postings, posting_roles = invert_values(lists, len(offsets) - 1, len(entries))
        return cls(
            StringTable.of(keys),
            starts.astype(np.uint32),
            StringTable.of([b"" if rest == key else rest for key, rest in entries]),
            offsets,
            values,
            ends,
            postings,
            rows.roles,
            posting_roles,
        )

    @classmethod
    def merge(cls, parts: Sequence[KeywordColumn], part: I32, document: I64) -> KeywordColumn:
        """Make the column of documents taken from several."""
        entries, ranks = _united([one.entries() for one in parts])
        rows = _gathered(parts, ranks, part, document)
        used = np.zeros(len(entries), bool)
        used[rows.values] = True
        if not used.all():
            entries = [entries[place] for place in np.flatnonzero(used).tolist()]
            rows = rows._replace(values=(np.cumsum(used) - 1).astype(np.uint32)[rows.values])
        return cls._indexed(entries, rows)

    def entries(self) -> list[tuple[bytes, bytes]]:
        """Return the key and the rest of each value, in bytes."""
        keys, rests = self.keys.all_raw(), self.rests.all_raw()
        group = np.repeat(np.arange(len(keys)), np.diff(self.starts)).tolist()
        return [(keys[g], rest or keys[g]) for g, rest in zip(group, rests, strict=True)]

    # -- looking --------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays by name, as a file stores them."""
        found: dict[str, npt.NDArray[Any]] = {
            "keys": self.keys.blob, "key_offsets": self.keys.offsets, "starts": self.starts,
            "rests": self.rests.blob, "rest_offsets": self.rests.offsets,
            "offsets": self.offsets, "values": self.values,
            "ends": self.ends, "postings": self.postings,
        }  # fmt: skip
        if self.roles is not None and self.posting_roles is not None:
            found |= {"roles": self.roles, "posting_roles": self.posting_roles}
        return found

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def values_of(self, key: str) -> tuple[int, int]:
        """Return the first and the end of the values of a key."""
        group = self.keys.find(key)
        return (0, 0) if group < 0 else (int(self.starts[group]), int(self.starts[group + 1]))

    def documents_of(self, first: int, end: int, roles: int = 0) -> U32:
        """Return the documents of consecutive values, some of them more than once.

        ``roles`` are the bits of which one must be set; 0 looks at none.
        """
        stretch = slice(int(self.ends[first]), int(self.ends[end]))
        found: U32 = self.postings[stretch]
        if roles and self.posting_roles is not None:
            found = found[(self.posting_roles[stretch] & roles) != 0]
        return found

    def with_key(self, key: str, roles: int = 0) -> Bitmap:
        """Return the documents that have a value of a key."""
        first, end = self.values_of(key)
        documents = self.documents_of(first, end, roles)
        if len(documents) * _DENSE <= len(self):
            return self._bitmap(documents)
        kept = self._dense.get(first) if not roles else None
        if kept is None:
            kept = self._bitmap(documents)
            if not roles:
                kept.flags.writeable = False
                self._dense[first] = kept
        return kept

    def with_values(self, values: npt.NDArray[np.integer]) -> Bitmap:
        """Return the documents that have one of some values."""
        begin = self.ends[values].astype(np.int64)
        return self._bitmap(self.postings[adjacent(begin, self.ends[values + 1] - begin)])

    def count_of(self, key: str) -> int:
        """Return how many documents have a key at most, whatever the role."""
        first, end = self.values_of(key)
        return min(len(self), int(self.ends[end] - self.ends[first]))

    def with_any(self, roles: int = 0) -> Bitmap:
        """Return the documents that have a value."""
        if roles not in self._any:
            self._any[roles] = self._with_any(roles)
            self._any[roles].flags.writeable = False
        return self._any[roles]

    def _with_any(self, roles: int) -> Bitmap:
        if not roles or self.posting_roles is None:
            return bitmap.from_mask(np.diff(self.offsets) > 0)
        return self._bitmap(self.postings[(self.posting_roles & roles) != 0])

    def _bitmap(self, documents: U32) -> Bitmap:
        mask = np.zeros(len(self), bool)
        mask[documents] = True
        return bitmap.from_mask(mask)

    @cached_property
    def facts(self) -> tuple[I64, list[tuple[str, ...]]]:
        """What follows a value's name: which one each value has, int64[v], and their parts."""
        found: dict[bytes, int] = {}
        after = (rest.partition(_SEPARATOR)[2] for rest in self.rests.all_raw())
        numbers = [found.setdefault(facts, len(found)) for facts in after]
        parts = [tuple(facts.decode("utf-8", "replace").split(SEPARATOR)) for facts in found]
        return np.array(numbers, np.int64), parts

    @cached_property
    def groups(self) -> U32:
        """The key of each value: uint32[v]."""
        return np.repeat(np.arange(len(self.keys), dtype=np.uint32), np.diff(self.starts))

    def count_keys(self, matches: Bitmap, roles: int = 0, groups: U32 | None = None) -> I64:
        """Count the documents of a bitmap by key.

        Parameters
        ----------
        matches : Bitmap
        roles : int
            As for :meth:`documents_of`.
        groups : uint32[v], optional
            The key that each value counts for, ascending, or NONE; None is :attr:`groups`.

        Returns
        -------
        int64[g]
        """
        if groups is None and self._spelled_often:
            groups = self.groups
        lists = ValueLists(self.offsets, self.values, self.roles if roles else None, groups)
        size = len(self.rests) if groups is None else len(self.keys)
        counts = count_values(lists, roles, matches, len(self), size).astype(np.int64)
        if groups is None and len(self.rests) > len(self.keys):
            counts = np.add.reduceat(counts, self.starts[:-1])
            documents, again = self._repeats(roles)
            again = again[bitmap.test(matches, documents)]
            counts -= np.bincount(again, minlength=len(counts))
        return counts

    @cached_property
    def _spelled(self) -> U32:
        """The values of the keys that have several, which are few but for offers."""
        several = np.diff(self.starts) > 1
        return np.flatnonzero(several[self.groups]).astype(np.uint32)

    @cached_property
    def _spelled_often(self) -> bool:
        """Whether more than a tenth of all entries have such values."""
        counts = self.ends[self._spelled + 1].astype(np.int64) - self.ends[self._spelled]
        return int(counts.sum()) * 10 > len(self.postings)

    def _repeats(self, roles: int) -> tuple[I64, I64]:
        """Return documents and the keys of which they have one more value than the first."""
        if roles not in self._repeated:
            values = self._spelled
            begin = self.ends[values].astype(np.int64)
            lengths = self.ends[values + 1] - begin
            places, keys = adjacent(begin, lengths), np.repeat(self.groups[values], lengths)
            if roles and self.posting_roles is not None:
                kept = (self.posting_roles[places] & roles) != 0
                places, keys = places[kept], keys[kept]
            pairs = self.postings[places].astype(np.int64) * len(self.keys) + keys
            pairs.sort()
            again = pairs[1:][pairs[1:] == pairs[:-1]]
            self._repeated[roles] = again // len(self.keys), again % len(self.keys)
        return self._repeated[roles]

    def key_counts(self, roles: int = 0) -> I64:
        """Return how many documents have each key: int64[g]."""
        if roles not in self._counts:
            self._counts[roles] = self.count_keys(bitmap.full(len(self)), roles)
        return self._counts[roles]

    def most_of_one(self, key: str) -> int:
        """Return how many documents have the most frequent value of a key."""
        first, end = self.values_of(key)
        counts = np.diff(self.ends[first : end + 1].astype(np.int64))
        return int(counts.max(initial=0))

    def name(self, group: int) -> str:
        """Return how a key is spelled in most documents."""
        first, end = int(self.starts[group]), int(self.starts[group + 1])
        if end - first > 1:
            first += int(np.argmax(np.diff(self.ends[first : end + 1].astype(np.int64))))
        return self.rests[first].partition(SEPARATOR)[0] or self.keys[group]


def _united(
    listed: list[list[tuple[bytes, bytes]]],
) -> tuple[list[tuple[bytes, bytes]], list[U32]]:
    """Unite sorted values of several columns; return also where those of each column stand."""
    if len(listed) == 1:
        return listed[0], [np.arange(len(listed[0]), dtype=np.uint32)]
    entries = sorted(set().union(*listed))
    place = {entry: number for number, entry in enumerate(entries)}
    ranks = [np.fromiter((place[e] for e in some), np.uint32, len(some)) for some in listed]
    return entries, ranks


def _gathered(
    parts: Sequence[KeywordColumn], ranks: Sequence[U32], part: I32, document: I64
) -> _Rows:
    """Take the values of documents from several columns; ``ranks`` are their new numbers."""
    chosen = [np.flatnonzero(part == number) for number in range(len(parts))]
    lengths = np.zeros(len(part), np.int64)
    for places, one in zip(chosen, parts, strict=True):
        lengths[places] = np.diff(one.offsets)[document[places]]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = np.empty(int(offsets[-1]), np.uint32)
    with_roles = any(one.roles is not None for one in parts)
    roles = np.zeros(len(values), np.uint8) if with_roles else None
    for places, one, rank in zip(chosen, parts, ranks, strict=True):
        lists = ValueLists(one.offsets, one.values, one.roles, rank)
        targets = offsets[places].astype(np.uint32)
        take_values(lists, np.ascontiguousarray(document[places]), targets, values, roles)
    return _Rows(offsets, values, roles)
