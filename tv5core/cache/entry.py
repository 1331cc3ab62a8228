"""What tiers store and offer: an entry, an invalidation, and the interface of a tier."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

__all__ = ["Checkpoints", "Entry", "Invalidation", "PersistentTier", "Tier"]


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One value as the tiers below memory store it.

    Attributes
    ----------
    value : bytes
        Encoded by the codec of its kind.
    stored_at : float
        When its load began, in Unix seconds: the value is at least as recent.
    fresh_until, stale_until : float
        Unix seconds. It is fresh until the first; until the second it may be served stale.
    tags : tuple of str
        Tags it can be invalidated by.
    load_s : float
        How long its load took; the longer, the earlier it is refreshed.
    negative : bool
        There is no such value; ``value`` is empty.
    """

    value: bytes
    stored_at: float
    fresh_until: float
    stale_until: float
    tags: tuple[str, ...] = ()
    load_s: float = 0.0
    negative: bool = False


class Invalidation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Which entries are invalid from now on.

    Attributes
    ----------
    scope : str
        ``key``, ``kind``, ``tag`` or ``all``.
    kind, tag : str
        What the scope needs, else empty.
    keys : tuple of str
    origin : bytes
        The handle it came from, which ignores it when it comes back.
    """

    scope: str
    kind: str = ""
    keys: tuple[str, ...] = ()
    tag: str = ""
    origin: bytes = b""

    def matches(self, kind: str, key: str, tags: Iterable[str]) -> bool:
        """Return whether it covers an entry."""
        if self.scope == "key":
            return kind == self.kind and key in self.keys
        if self.scope == "kind":
            return kind == self.kind
        return self.scope == "all" or self.tag in tags


class Tier(Protocol):
    """A tier below memory; called from one event loop, which limits the time of each call.

    A tier raises nothing for trouble with its storage: what it cannot read is a miss, what it
    cannot store is dropped. (Callers tolerate errors and hanging calls all the same.)
    """

    @property
    def name(self) -> str:
        """The tier's name in statistics."""

    async def get(self, kind: str, key: str) -> Entry | None:
        """Return an entry that may be served, fresh or stale."""

    def token(self) -> Any:
        """Return a token for what has been invalidated so far; None where that is unknown.

        Taken before a load, it lets :meth:`put` reject a value that was invalidated meanwhile.
        """

    async def put(self, kind: str, key: str, entry: Entry, token: Any = None) -> None:
        """Store an entry, unless it was invalidated since the token, by key, kind, tag or all.

        In doubt (the storage was recreated, or too much was invalidated since) the entry is
        dropped. Without a token it is stored.
        """

    async def delete(self, kind: str, keys: Iterable[str]) -> int | None:
        """Delete entries by key, for all processes; return how many, where that is known."""

    async def delete_kind(self, kind: str) -> int | None:
        """Delete all entries of a kind, for all processes."""

    async def delete_tag(self, tag: str) -> int | None:
        """Delete all entries with a tag, for all processes."""

    async def clear(self) -> None:
        """Delete everything, for all processes."""

    async def acquire_lease(self, kind: str, key: str, owner: bytes, ttl_s: float) -> bool:
        """Acquire the lease on loading a key; true too where leases cannot be stored."""

    async def release_lease(self, kind: str, key: str, owner: bytes) -> None:
        """Release a lease, after what was put before is visible to others."""

    def on_invalidation(self, listener: Callable[[Invalidation], None]) -> None:
        """Call a listener for other processes' invalidations, from any thread."""

    async def close(self) -> None:
        """Store what is queued, and release all resources."""

    def stats(self) -> dict[str, Any]:
        """Return what the tier holds and its counters."""


class Checkpoints(Protocol):
    """Small named values that survive a restart and every invalidation."""

    def checkpoint(self, name: str) -> bytes | None:
        """Return the value stored under a name."""

    async def set_checkpoint(self, name: str, value: bytes | None) -> None:
        """Store a value under a name; None deletes it."""


class PersistentTier(Tier, Checkpoints, Protocol):
    """A tier whose entries survive a restart."""
