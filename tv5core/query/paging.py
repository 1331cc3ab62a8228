"""Cursors: how a search goes on after its last hit, and what is kept between two pages.

The order of the first page's matches is kept, so that later pages neither repeat nor miss a title
however many are added meanwhile, and count the same. Not for ever, nor in every process: a cursor
also says which titles there were and which hit was last, so that where the order is gone the search
is made again without newer titles, and goes on behind that hit.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError

__all__ = ["MAX_KEPT", "Cursor", "Page", "PageStore", "Ranking", "digest", "highest"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

MAX_KEPT = 10_000
"""Matches of one search that are kept in order: 240 kB."""
_MAX_CHARACTERS = 1_000
_VERSION = 1


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a search stands.

    Attributes
    ----------
    query : bytes
        Digest of all that was asked for but ``k`` and ``cursor``.
    order : bytes
        Names the order that is kept.
    place : int
        Matches behind us, in that order.
    rows : int
        Titles in rows from here on are newer than the first page.
    last : (float, int)
        Value and key of the last hit, by which it can be found again.
    pool : int
        How many neighbours in meaning the first page looked at.
    """

    query: bytes
    order: bytes
    place: int
    rows: int
    last: tuple[float, int]
    pool: int = 0

    def encode(self) -> str:
        """Return the cursor as text for URLs."""
        raw = bytes([_VERSION]) + msgspec.msgpack.encode(self)
        return base64.urlsafe_b64encode(raw + zlib.crc32(raw).to_bytes(4, "little")).decode()

    @classmethod
    def decode(cls, text: object, query: bytes) -> Cursor:
        """Read a cursor of a query.

        Raises
        ------
        InvalidInputError
            Something else, or the cursor of another query.
        """
        wrong = f"expected a cursor of this search, got {shown(text)}"
        if not isinstance(text, str) or not 0 < len(text) <= _MAX_CHARACTERS:
            raise InvalidInputError(wrong)
        try:
            raw = base64.b64decode(text.encode("ascii"), b"-_", validate=True)
            body, check = raw[:-4], raw[-4:]
            if zlib.crc32(body).to_bytes(4, "little") != check or body[:1] != bytes([_VERSION]):
                raise InvalidInputError(wrong)
            found = msgspec.msgpack.decode(body[1:], type=cls)
        except (binascii.Error, UnicodeEncodeError, msgspec.MsgspecError) as error:
            raise InvalidInputError(wrong) from error
        if found.query != query or found.place < 0 or found.rows < 0 or found.pool < 0:
            raise InvalidInputError(f"{wrong}: it belongs to another")
        return found


def digest(*asked: Any) -> bytes:
    """Return what tells a search from others: 8 bytes of what it was asked for."""
    try:
        raw = msgspec.msgpack.encode(asked)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"expected text and ids to search by, got {error}") from error
    return blake2b(raw, digest_size=8).digest()


def highest(values: F32 | F64, keys: I64, count: int) -> I64:
    """Return the places of so many of the highest values; of equal ones, of the lowest keys."""
    if len(values) <= count:
        return np.arange(len(values))
    last = -np.partition(-values, count - 1)[count - 1]
    above, equal = np.flatnonzero(values > last), np.flatnonzero(values == last)
    return np.concatenate([above, equal[np.argsort(keys[equal])[: count - len(above)]]])


def _descending(values: F64, keys: I64) -> I64:
    """Return the order of values, descending; equal ones ascend by key.

    Sorting by values alone takes a fifth of the time of both, and few are equal.
    """
    order = np.argsort(-values)
    some = values[order]
    equal = some[1:] == some[:-1]
    tied = np.flatnonzero(np.append(equal, False) | np.insert(equal, 0, False))
    if len(tied):  # runs of equal ones, which stay where they are
        those = order[tied]
        order[tied] = those[np.lexsort((keys[those], -values[those]))]
    return order


@dataclass(frozen=True, eq=False)
class Ranking:
    """Matches in their order.

    Attributes
    ----------
    keys : int64[n]
    values : float64[n]
        What they are ordered by, descending; equal ones ascend by key.
    scores, relevance : float32[n]
    parts : dict of str to float32[n]
        What the scores are sums of.
    rest : bool
        Whether there are more behind them.
    """

    keys: I64
    values: F64
    scores: F32
    relevance: F32
    parts: dict[str, F32] = field(default_factory=dict)
    rest: bool = False

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(
        cls, keys: I64, values: F64, scores: F32, relevance: F32, parts: dict[str, F32]
    ) -> Ranking:
        """Order matches by value, then key."""
        order = _descending(values, keys)
        some = {name: part[order] for name, part in parts.items()}
        return cls(keys[order], values[order], scores[order], relevance[order], some)

    @classmethod
    def listed(
        cls, keys: I64, values: F64, scores: F32, total: int, first: int | None = None
    ) -> Ranking:
        """Order some of so many matches, among them those that come first."""
        chosen = slice(None) if first is None else highest(values, keys, first)
        keys = keys[chosen]
        ones = np.ones(len(keys), np.float32)
        found = cls.of(keys, values[chosen], scores[chosen], ones, {})
        return replace(found, rest=len(keys) < total)

    def cut(self, start: int, stop: int) -> Ranking:
        """Return some of them, which hold nothing of the others."""
        if start == 0 and stop >= len(self):
            return self
        parts = {name: part[start:stop].copy() for name, part in self.parts.items()}
        more = self.rest or stop < len(self)
        return Ranking(
            self.keys[start:stop].copy(),
            self.values[start:stop].copy(),
            self.scores[start:stop].copy(),
            self.relevance[start:stop].copy(),
            parts,
            more,
        )

    def behind(self, last: tuple[float, int]) -> int:
        """Return the place after a hit, by its key, or by its value where it is gone."""
        value, key = last
        here = np.flatnonzero(self.keys == key)
        if len(here):
            return int(here[0]) + 1
        higher = (self.values > value) | ((self.values == value) & (self.keys <= key))
        return int(np.count_nonzero(higher))


@dataclass(frozen=True, eq=False)
class Page:
    """What is kept of a search between its pages.

    Attributes
    ----------
    answer : Any
        What is the same on every page, with a ``ranking`` of at most ``MAX_KEPT`` matches.
    start : int
        Matches before those of the ranking.
    name : bytes
        Of what is kept.
    """

    answer: Any
    start: int = 0
    name: bytes = b""

    def holds(self, place: int) -> bool:
        """Tell whether what follows so many matches is known."""
        ranking: Ranking = self.answer.ranking
        at = place - self.start
        return at >= 0 and (at < len(ranking) or not ranking.rest)


class PageStore:
    """The orders of the latest searches that may go on; safe to share between threads.

    Parameters
    ----------
    capacity : int
        Searches.
    """

    def __init__(self, capacity: int = 64) -> None:
        self._capacity, self._lock = capacity, threading.Lock()
        self._pages: OrderedDict[bytes, Page] = OrderedDict()

    def put(self, page: Page) -> bytes:
        """Keep a page's order and return its name."""
        name = secrets.token_bytes(8)
        with self._lock:
            self._pages[name] = replace(page, name=name)
            while len(self._pages) > self._capacity:
                self._pages.popitem(last=False)
        return name

    def get(self, cursor: Cursor) -> Page | None:
        """Return what was kept, where it still holds the cursor's place."""
        with self._lock:
            page = self._pages.get(cursor.order)
            if page is not None:
                self._pages.move_to_end(cursor.order)
        return page if page is not None and page.holds(cursor.place) else None
