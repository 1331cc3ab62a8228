"""The memory tier: decoded values, bounded in bytes including all bookkeeping.

A hit is two dict look-ups, one look at the clock and, up to three times, a count; it takes no
lock. Everything that changes the tier takes one, so it may be used from several threads: a hit
during an eviction returns the entry as it was. Eviction is S3-FIFO
(:mod:`tv5core.cache.memory.s3fifo`).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from sys import getsizeof
from threading import RLock
from time import perf_counter
from typing import Any

from tv5core.arguments import check_int
from tv5core.cache.clock import lifetime_clock
from tv5core.cache.fork_locks import renew_in_children
from tv5core.cache.memory.footprint import SizedDict, SizeEstimator, string_bytes
from tv5core.cache.memory.s3fifo import MAX_FREQUENCY, MemoryEntry, Node, S3Fifo
from tv5core.errors import InvalidInputError

__all__ = ["MemoryEntry", "MemoryTier"]

_MAX_VALUE_SHARE = 0.1
# A sweep checks the time every 32 entries, and stops after a millisecond.
_SWEEP_S, _SWEEP_STRIDE = 0.001, 32
_MIN_CAP_BYTES = 16_384
# The node, four floats and two ints, with the rounding of the allocator.
_NODE_BYTES = 320
_KIND_ITEM_BYTES, _TAG_ITEM_BYTES = 16, 24


class MemoryTier:
    """Entries by kind and key; the least useful are evicted where there is no room.

    ``bytes`` counts the values with everything they refer to, measured or, for most, estimated
    from similar ones (:class:`~tv5core.cache.memory.footprint.SizeEstimator`), keys, entries, the
    dicts that index them, at their worst load, the index of tags and the ghost queue. It never
    exceeds ``cap_bytes`` when a call returns. Not counted: the old table while a dict grows.

    Parameters
    ----------
    cap_bytes : int
        What everything may take; one value may take a tenth of that.
    clock : callable
        Seconds, never set back: what lifetimes are counted in.
    on_evict : callable, optional
        Called with the kind and the reason (``capacity`` or ``expired``) of each eviction, while
        the lock is held: it must be fast and must not change the tier.
    timer : callable
        Seconds; limits the time of a sweep.

    Attributes
    ----------
    clock : callable

    Raises
    ------
    InvalidInputError
        If ``cap_bytes`` is below 16 KiB.
    """

    def __init__(
        self,
        cap_bytes: int,
        *,
        clock: Callable[[], float] = lifetime_clock,
        on_evict: Callable[[str, str], None] | None = None,
        timer: Callable[[], float] = perf_counter,
    ) -> None:
        cap_bytes = check_int("cap_bytes", cap_bytes, -sys.maxsize, sys.maxsize)
        if cap_bytes < _MIN_CAP_BYTES:
            raise InvalidInputError(
                f"expected cap_bytes of at least {_MIN_CAP_BYTES}, got {cap_bytes}"
            )
        self.cap_bytes = cap_bytes
        self.clock, self._on_evict, self._timer = clock, on_evict, timer
        self._policy = S3Fifo(cap_bytes)
        self._estimator = SizeEstimator()
        self._tables: dict[str, SizedDict[str, Node]] = {}
        # The same dicts without their wrappers: saves a hit one step.
        self._items: dict[str, dict[str, Node]] = {}
        self._tags: dict[str, SizedDict[Node, None]] = {}
        self._kind_bytes: Counter[str] = Counter()
        self._table_bytes = 0
        self._evictions: Counter[str] = Counter()
        self._changing = False
        renew_in_children(self)

    def renew_lock(self) -> None:
        """Replace the lock in a forked child; a change that was under way is noticed there."""
        self._lock = RLock()

    def get(self, kind: str, key: str, now: float | None = None) -> MemoryEntry | None:
        """Return an entry that may be served, fresh or stale; ``now`` saves reading the clock."""
        try:
            node = self._items[kind][key]
        except (KeyError, TypeError):  # what cannot be hashed is no key
            return None
        if node.stale_until <= (self.clock() if now is None else now):
            self._expire(node)
            return None
        if (hits := node.hits) < MAX_FREQUENCY:
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
        """Store a value; ``size`` is its encoded length in bytes.

        Returns
        -------
        bool
            False where it is too large or expired; a previous entry is removed all the same.
        """
        cost = _overhead(key, tags) + self._estimator.estimate(kind, value, size)
        node = Node(
            value, size, fresh_until, stale_until, tags, load_s, stored_at, negative,
            kind=kind, key=key, cost=cost,
        )  # fmt: skip
        if cost > self.cap_bytes * _MAX_VALUE_SHARE or stale_until <= self.clock():
            self.delete(kind, key)
            return False
        with self._lock:
            self._begin()
            old = self._items.get(kind, {}).get(key)
            if old is None:
                self._policy.add(node)
            else:
                self._policy.replace(old, node)
                self._untag(old)
                self._kind_bytes[kind] -= old.cost
            self._insert(node)
            self._evict_to_cap()
            self._changing = False
            return self._items.get(kind, {}).get(key) is node

    def delete(self, kind: str, key: str) -> bool:
        """Remove an entry; return whether there was one."""
        with self._lock:
            self._begin()
            node = self._items.get(kind, {}).get(key)
            if node is not None:
                self._drop(node)
            self._changing = False
            return node is not None

    def delete_kind(self, kind: str) -> int:
        """Remove all entries of a kind; return how many there were."""
        with self._lock:
            self._begin()
            return self._drop_all(list(self._items.get(kind, {}).values()))

    def delete_tag(self, tag: str) -> int:
        """Remove all entries that carry a tag; return how many there were."""
        with self._lock:
            self._begin()
            table = self._tags.get(tag)
            return self._drop_all(list(table.items) if table else [])

    def clear(self) -> None:
        """Remove everything."""
        with self._lock:
            self._changing = True
            self._empty()
            self._changing = False

    def _begin(self) -> None:
        """Mark the beginning of a change.

        An exception out of a signal handler may end a change anywhere. What the entries, their
        queues and their bytes are then is in doubt, so the next change begins with none.
        """
        if self._changing:
            self._empty()
        self._changing = True

    def _empty(self) -> None:
        self._items.clear()  # first: nothing is read any more
        self._policy.clear()
        for container in (self._tables, self._tags, self._kind_bytes):
            container.clear()
        self._table_bytes = 0

    def sweep(self, limit: int = 1_000) -> int:
        """Remove expired entries among the next ``limit``, for a millisecond at most.

        The next call continues where this one stopped. Returns how many were removed.
        """
        removed = 0
        with self._lock:
            self._begin()
            now, advance = self.clock(), self._policy.next_in_scan
            end = self._timer() + _SWEEP_S
            for looked in range(limit):
                if looked % _SWEEP_STRIDE == 0 and looked and self._timer() >= end:
                    break
                # None ends a round; a sweep that begins with it continues with the next round.
                node = advance() or (None if looked else advance())
                if node is None:
                    break
                if node.stale_until <= now:
                    self._evict(node, "expired")
                    removed += 1
            self._changing = False
        return removed

    @property
    def bytes(self) -> int:
        """Bytes in use."""
        policy = self._policy
        return policy.small.bytes + policy.main.bytes + policy.ghosts.bytes + self._table_bytes

    @property
    def entries(self) -> int:
        """Number of entries."""
        return self._policy.small.count + self._policy.main.count

    def __len__(self) -> int:
        return self.entries

    @property
    def evictions(self) -> dict[str, int]:
        """Evictions by reason."""
        return dict(self._evictions)

    def stats(self) -> dict[str, Any]:
        """Return what the tier holds, also by kind, and its evictions."""
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

    def _insert(self, node: Node) -> None:
        kind = node.kind
        table = self._tables.get(kind)
        if table is None:
            table = self._tables[kind] = SizedDict(_KIND_ITEM_BYTES)
            self._items[kind] = table.items
            self._table_bytes += table.bytes + getsizeof(kind)
        table.items[node.key] = node
        self._table_bytes += table.grow()
        self._kind_bytes[kind] += node.cost
        for tag in node.tags:
            self._tag(tag, node)

    def _tag(self, tag: str, node: Node) -> None:
        table = self._tags.get(tag)
        if table is None:
            table = self._tags[tag] = SizedDict(_TAG_ITEM_BYTES)
            self._table_bytes += table.bytes + getsizeof(tag)
        table.items[node] = None
        self._table_bytes += table.grow()

    def _evict_to_cap(self) -> None:
        while self.bytes > self.cap_bytes:
            node = self._policy.victim()
            if node is None:
                return
            self._evict(node, "capacity")

    def _evict(self, node: Node, reason: str) -> None:
        if reason == "capacity":
            self._policy.add_ghost(node)
        self._drop(node)
        self._evictions[reason] += 1
        if self._on_evict is not None:
            self._on_evict(node.kind, reason)

    def _expire(self, node: Node) -> None:
        with self._lock:
            self._begin()
            if self._items.get(node.kind, {}).get(node.key) is node:
                self._evict(node, "expired")
            self._changing = False

    def _drop_all(self, nodes: list[Node]) -> int:
        for node in nodes:
            self._drop(node)
        self._changing = False
        return len(nodes)

    def _drop(self, node: Node) -> None:
        kind = node.kind
        self._policy.remove(node)
        table = self._tables[kind]
        del table.items[node.key]
        self._kind_bytes[kind] -= node.cost
        if table.items:
            self._table_bytes -= table.shrink()
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
                self._table_bytes -= table.shrink()
            else:
                del self._tags[tag]
                self._table_bytes -= table.bytes + getsizeof(tag)


def _overhead(key: str, tags: tuple[str, ...]) -> int:
    """Return the bytes of an entry besides its value and its share of the dicts."""
    return _NODE_BYTES + string_bytes((key, *tags)) + getsizeof(tags)
