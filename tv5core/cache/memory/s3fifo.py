"""S3-FIFO, bounded in bytes: which entry goes when there is no room.

After J. Yang, Y. Zhang, Z. Qiu, Y. Yue, R. Vinayak, "FIFO queues are all you need for cache
eviction", SOSP 2023. New entries enter a small queue; those that were asked for again before they
reach its end go on to the main queue, the rest leave and are remembered by a fingerprint. What
comes back while it is remembered enters the main queue at once. There an entry that was asked for
goes round again, at most three times for three hits.
"""

from __future__ import annotations

from array import array

import msgspec

__all__ = ["MOST_FREQUENT", "Ghosts", "Node", "Queue", "S3Fifo", "Slot"]

MOST_FREQUENT = 3
"""Hits beyond this many are not counted."""

_SMALL_SHARE = 0.1
# With a million entries that were all hit, three rounds would stall: then the oldest goes anyway.
_ROUNDS = 64


class Slot(msgspec.Struct, gc=False, eq=False):
    """One value in memory; to be read only.

    It stays as it is when the entry is replaced or evicted, so it can be held for a while.

    Attributes
    ----------
    value : object
        Decoded, immutable, shared by all who ask; None where ``negative``.
    size : int
        Bytes as encoded.
    fresh_until, stale_until : float
        Unix seconds. Until the first it is fresh, until the second it may serve in need.
    tags : tuple of str
        By which it can be invalidated.
    load_s : float
        What loading it took.
    stored_at : float
        When its load began, in Unix seconds.
    negative : bool
        It says that there is no such thing.
    """

    value: object
    size: int
    fresh_until: float
    stale_until: float
    tags: tuple[str, ...] = ()
    load_s: float = 0.0
    stored_at: float = 0.0
    negative: bool = False


class Node(Slot, gc=False, eq=False, kw_only=True):
    """A slot and its place.

    Nodes point at each other and are not known to the garbage collector, for which a million of
    them would be slow to look through: a queue lets go of its nodes when it goes.
    """

    kind: str
    key: str
    cost: int
    hits: int = 0
    main: bool = False
    older: Node | None = None
    newer: Node | None = None

    def __repr__(self) -> str:
        return f"Slot(kind={self.kind!r}, size={self.size}, hits={self.hits})"


class Queue:
    """Nodes from the oldest to the newest; everything in O(1)."""

    __slots__ = ("bytes", "count", "newest", "oldest")

    def __init__(self) -> None:
        self.oldest: Node | None = None
        self.newest: Node | None = None
        self.bytes = self.count = 0

    def append(self, node: Node) -> None:
        """Add a node as the newest."""
        newest = self.newest
        node.older, node.newer = newest, None
        if newest is None:
            self.oldest = node
        else:
            newest.newer = node
        self.newest = node
        self.bytes += node.cost
        self.count += 1

    def remove(self, node: Node) -> None:
        """Take a node out."""
        older, newer = node.older, node.newer
        if older is None:
            self.oldest = newer
        else:
            older.newer = newer
        if newer is None:
            self.newest = older
        else:
            newer.older = older
        node.older = node.newer = None
        self.bytes -= node.cost
        self.count -= 1

    def clear(self) -> None:
        """Let go of all nodes."""
        node = self.oldest
        self.oldest = self.newest = None
        self.bytes = self.count = 0
        while node is not None:
            following = node.newer
            node.older = node.newer = None
            node = following

    def __del__(self) -> None:
        self.clear()


class Ghosts:
    """Fingerprints of what was evicted of late, in eight bytes each.

    A table of pairs of places, each with 32 bits of fingerprint above 32 bits that tell when it
    was written. A newcomer takes the older place of its pair. Doubling the table repeats it: both
    halves then hold every fingerprint, and only one of them is ever asked.
    """

    __slots__ = ("_limit", "_now", "_places", "_window")

    _LEAST = 64

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._places = array("Q", bytes(8 * self._LEAST))
        self._now = 0
        self._window = self._LEAST

    @property
    def bytes(self) -> int:
        """What the table takes."""
        return 8 * len(self._places) + 128

    def resize(self, window: int) -> None:
        """Remember the last so many; the table holds twice as many, or what its limit allows."""
        self._window = max(window, self._LEAST)
        places = self._places
        if len(places) < 2 * self._window and 16 * len(places) <= self._limit:
            self._places = places + places
        elif len(places) > 16 * self._window and len(places) > self._LEAST:
            self._places = places[: len(places) // 2]

    def add(self, mark: int) -> None:
        """Remember a 64-bit fingerprint."""
        places, now = self._places, self._now + 1 & 0xFFFFFFFF
        self._now = now
        first = mark & (len(places) - 2)
        older = (now - places[first] & 0xFFFFFFFF) >= (now - places[first + 1] & 0xFFFFFFFF)
        places[first if older else first + 1] = mark & 0xFFFFFFFF_00000000 | now

    def take(self, mark: int) -> bool:
        """Say whether a fingerprint is remembered, and forget it."""
        places, now, window = self._places, self._now, self._window
        first = mark & (len(places) - 2)
        for place in (first, first + 1):
            there = places[place]
            if (there ^ mark) >> 32 == 0 and (now - there & 0xFFFFFFFF) < window and there:
                places[place] = 0
                return True
        return False

    def clear(self) -> None:
        """Forget everything."""
        self._places = array("Q", bytes(8 * self._LEAST))


class S3Fifo:
    """The two queues and the memory of what left them.

    Parameters
    ----------
    cap_bytes : int
        What all entries together may take; a tenth of it is for the small queue, and a
        sixty-fourth at most for fingerprints.
    """

    __slots__ = ("_cursor", "_small_bytes", "ghosts", "main", "small")

    def __init__(self, cap_bytes: int) -> None:
        self.small, self.main = Queue(), Queue()
        self.ghosts = Ghosts(cap_bytes // 64)
        self._small_bytes = int(cap_bytes * _SMALL_SHARE)
        self._cursor: Node | None = None

    def add(self, node: Node) -> None:
        """Let a new entry in."""
        if self.ghosts.take(_mark(node)):
            node.main = True
            self.main.append(node)
        else:
            self.small.append(node)

    def replace(self, old: Node, new: Node) -> None:
        """Let a new value of an entry in, which keeps the hits of the old."""
        new.main, new.hits = old.main, old.hits
        self.remove(old)
        (self.main if new.main else self.small).append(new)

    def remove(self, node: Node) -> None:
        """Take an entry out, without a trace."""
        if node is self._cursor:
            self._cursor = self._after(node)
        (self.main if node.main else self.small).remove(node)

    def victim(self) -> Node | None:
        """Return the entry that should go, None where there is none; it is not removed."""
        small, main = self.small, self.main
        for _ in range(_ROUNDS):
            from_small = small.bytes > self._small_bytes or main.oldest is None
            node = small.oldest if from_small else main.oldest
            if node is None or not self._survives(node):
                return node
            self.remove(node)
            node.main = True
            main.append(node)
        return main.oldest

    def _survives(self, node: Node) -> bool:
        if not node.main:
            # The paper asks for two hits here. One was better, by 0.5 to 1.4 points of hit ratio.
            kept = node.hits > 0
            node.hits = 0
            return kept
        if node.hits == 0:
            return False
        node.hits -= 1
        return True

    def remember(self, node: Node) -> None:
        """Note that an entry is evicted, so that it is known if it comes back soon."""
        if not node.main:
            # As many as the main queue has room for, also while it is still empty.
            self.ghosts.resize((self.small.count + self.main.count) * 9 // 10)
            self.ghosts.add(_mark(node))

    def walk(self) -> Node | None:
        """Return the next entry of an endless round through all, None at the end of each round.

        What comes or goes meanwhile does no harm.
        """
        node = self._cursor
        self._cursor = self._first() if node is None else self._after(node)
        return node

    def _first(self) -> Node | None:
        return self.main.oldest or self.small.oldest

    def _after(self, node: Node) -> Node | None:
        if node.newer is None and node.main:
            return self.small.oldest
        return node.newer

    def clear(self) -> None:
        """Forget everything."""
        self._cursor = None
        self.small.clear()
        self.main.clear()
        self.ghosts.clear()


def _mark(node: Node) -> int:
    # Multiplied, since places are told by the low bits and fingerprints by the high ones.
    return (hash(node.key) ^ hash(node.kind)) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
