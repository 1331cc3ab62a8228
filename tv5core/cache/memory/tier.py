"""The memory tier: decoded values, bounded in bytes with everything that it takes to keep them.

A hit is two look-ups in dicts, one look at the clock and, for the first three, a count; it takes
no lock. Everything that changes the tier holds one, so it may be used from several threads: a
hit that runs beside an eviction returns the entry as it was. What is asked for most is kept by
S3-FIFO (:mod:`tv5core.cache.memory.s3fifo`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from sys import getsizeof
from threading import RLock
from typing import Any

from tv5core.cache.memory.footprint import Meter, Table, sizes
from tv5core.cache.memory.s3fifo import MOST_FREQUENT, Node, S3Fifo, Slot
from tv5core.errors import InvalidInputError

__all__ = ["MemoryTier", "Slot"]

_LARGEST_SHARE = 0.1
# A sweep looks at its watch now and then, and goes home after a millisecond.
_SWEEP_S, _SWEEP_STRIDE = 0.001, 32
_LEAST_CAP_BYTES = 16_384
# The node, four floats, two ints, each with what the allocator rounds up by.
_NODE_BYTES = 320
_KIND_ITEM_BYTES, _TAG_ITEM_BYTES = 16, 24


class MemoryTier:
    """Entries by kind and key, of which the least useful go when there is no room.

    ``bytes`` counts the values with all they are made of, measured or, for most, estimated from
    others like them (:class:`~tv5core.cache.memory.footprint.Meter`), keys, entries, the tables
    that find them, at their worst load, the index of tags and the fingerprints of what was
    evicted. It is never above ``cap_bytes`` when a call returns. Not counted: the old table while
    one doubles.

    Parameters
    ----------
    cap_bytes : int
        What all of it may take; a value may take a tenth of that.
    clock : callable
        Unix seconds.
    on_evict : callable, optional
        Told the kind and the reason (``capacity`` or ``expired``) of each eviction, while the lock
        is held: it must be quick and must not change the tier.
    timer : callable
        Seconds, by which a sweep stops.

    Raises
    ------
    InvalidInputError
        If ``cap_bytes`` is below 16 KiB.
    """

    def __init__(
        self,
        cap_bytes: int,
        *,
        clock: Callable[[], float] = time.time,
        on_evict: Callable[[str, str], None] | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        if cap_bytes < _LEAST_CAP_BYTES:
            raise InvalidInputError(
                f"expected cap_bytes of at least {_LEAST_CAP_BYTES}, got {cap_bytes}"
            )
        self.cap_bytes = cap_bytes
        self._clock, self._on_evict, self._timer = clock, on_evict, timer
        self._lock = RLock()
        self._policy = S3Fifo(cap_bytes)
        self._meter = Meter()
        self._tables: dict[str, Table[str, Node]] = {}
        # The same tables once more, without what surrounds them: a hit wants one step less.
        self._items: dict[str, dict[str, Node]] = {}
        self._tags: dict[str, Table[Node, None]] = {}
        self._kind_bytes: Counter[str] = Counter()
        self._table_bytes = 0
        self._evictions: Counter[str] = Counter()

    def get(self, kind: str, key: str) -> Slot | None:
        """Return an entry that may be served, stale or not."""
        try:
            node = self._items[kind][key]
        except KeyError:
            return None
        if node.stale_until <= self._clock():
            self._expire(node)
            return None
        if (hits := node.hits) < MOST_FREQUENT:
            node.hits = hits + 1
        return node

    def put(
        self,
        kind: str,
        key: str,
        value: object,
        *,
        size: int,
        fresh_until: float,
        stale_until: float,
        tags: tuple[str, ...] = (),
        load_s: float = 0.0,
        stored_at: float = 0.0,
        negative: bool = False,
    ) -> bool:
        """Keep a value in place of what was there; ``size`` is its length in bytes as encoded.

        Returns
        -------
        bool
            False where it is too large or past its time; what was there is gone all the same.
        """
        cost = _overhead(key, tags) + self._meter.measure(kind, value, size)
        node = Node(
            value, size, fresh_until, stale_until, tags, load_s, stored_at, negative,
            kind=kind, key=key, cost=cost,
        )  # fmt: skip
        if cost > self.cap_bytes * _LARGEST_SHARE or stale_until <= self._clock():
            self.delete(kind, key)
            return False
        with self._lock:
            old = self._items.get(kind, {}).get(key)
            if old is None:
                self._policy.add(node)
            else:
                self._policy.replace(old, node)
                self._untag(old)
                self._kind_bytes[kind] -= old.cost
            self._enter(node)
            self._make_room()
            return self._items.get(kind, {}).get(key) is node

    def delete(self, kind: str, key: str) -> bool:
        """Remove an entry; say whether there was one."""
        with self._lock:
            node = self._items.get(kind, {}).get(key)
            if node is None:
                return False
            self._drop(node)
            return True

    def delete_kind(self, kind: str) -> int:
        """Remove all entries of a kind; return how many there were."""
        with self._lock:
            return self._drop_all(list(self._items.get(kind, {}).values()))

    def delete_tag(self, tag: str) -> int:
        """Remove all entries that carry a tag; return how many there were."""
        with self._lock:
            table = self._tags.get(tag)
            return self._drop_all(list(table.items) if table else [])

    def clear(self) -> None:
        """Remove everything."""
        with self._lock:
            self._policy.clear()
            for container in (self._tables, self._items, self._tags, self._kind_bytes):
                container.clear()
            self._table_bytes = 0

    def sweep(self, limit: int = 1_000) -> int:
        """Remove what is past its time, looking at so many entries for a millisecond at most.

        The next call goes on where this one stopped. Returns how many were removed.
        """
        removed = 0
        with self._lock:
            now, walk = self._clock(), self._policy.walk
            end = self._timer() + _SWEEP_S
            for looked in range(limit):
                if looked % _SWEEP_STRIDE == 0 and looked and self._timer() >= end:
                    break
                node = walk() or (None if looked else walk())  # a round over: a new one
                if node is None:
                    break
                if node.stale_until <= now:
                    self._evict(node, "expired")
                    removed += 1
        return removed

    @property
    def bytes(self) -> int:
        """What the tier takes."""
        policy = self._policy
        return policy.small.bytes + policy.main.bytes + policy.ghosts.bytes + self._table_bytes

    @property
    def entries(self) -> int:
        """How many entries there are."""
        return self._policy.small.count + self._policy.main.count

    def __len__(self) -> int:
        return self.entries

    @property
    def evictions(self) -> dict[str, int]:
        """How many were evicted, by reason."""
        return dict(self._evictions)

    def stats(self) -> dict[str, Any]:
        """Return what the tier holds and did, by kind too."""
        with self._lock:
            kinds = {
                kind: {"entries": len(items), "bytes": self._kind_bytes[kind]}
                for kind, items in self._items.items()
            }
            return {
                "bytes": self.bytes,
                "cap_bytes": self.cap_bytes,
                "entries": self.entries,
                "evictions": self.evictions,
                "kinds": kinds,
            }

    def _enter(self, node: Node) -> None:
        kind = node.kind
        table = self._tables.get(kind)
        if table is None:
            table = self._tables[kind] = Table(_KIND_ITEM_BYTES)
            self._items[kind] = table.items
            self._table_bytes += table.bytes + getsizeof(kind)
        table.items[node.key] = node
        self._table_bytes += table.grown()
        self._kind_bytes[kind] += node.cost
        for tag in node.tags:
            self._tag(tag, node)

    def _tag(self, tag: str, node: Node) -> None:
        table = self._tags.get(tag)
        if table is None:
            table = self._tags[tag] = Table(_TAG_ITEM_BYTES)
            self._table_bytes += table.bytes + getsizeof(tag)
        table.items[node] = None
        self._table_bytes += table.grown()

    def _make_room(self) -> None:
        while self.bytes > self.cap_bytes:
            node = self._policy.victim()
            if node is None:
                return
            self._evict(node, "capacity")

    def _evict(self, node: Node, reason: str) -> None:
        if reason == "capacity":
            self._policy.remember(node)
        self._drop(node)
        self._evictions[reason] += 1
        if self._on_evict is not None:
            self._on_evict(node.kind, reason)

    def _expire(self, node: Node) -> None:
        with self._lock:
            if self._items.get(node.kind, {}).get(node.key) is node:
                self._evict(node, "expired")

    def _drop_all(self, nodes: list[Node]) -> int:
        for node in nodes:
            self._drop(node)
        return len(nodes)

    def _drop(self, node: Node) -> None:
        kind = node.kind
        self._policy.remove(node)
        table = self._tables[kind]
        del table.items[node.key]
        self._kind_bytes[kind] -= node.cost
        if table.items:
            self._table_bytes -= table.shrunk()
            self._items[kind] = table.items
        else:
            del self._tables[kind], self._items[kind], self._kind_bytes[kind]
            self._table_bytes -= table.bytes + getsizeof(kind)
        self._untag(node)

    def _untag(self, node: Node) -> None:
        for tag in node.tags:
            table = self._tags.get(tag)
            if table is None or node not in table.items:
                continue  # the same tag twice
            del table.items[node]
            if table.items:
                self._table_bytes -= table.shrunk()
            else:
                del self._tags[tag]
                self._table_bytes -= table.bytes + getsizeof(tag)


def _overhead(key: str, tags: tuple[str, ...]) -> int:
    """Return what an entry takes besides its value and its part of the tables."""
    return _NODE_BYTES + sizes((key, *tags)) + getsizeof(tags)
