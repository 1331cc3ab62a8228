"""What the parts of the cache have in common: an entry, an invalidation, and what a tier offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

__all__ = ["Entry", "Invalidation", "Tier"]


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One value as the tiers below memory keep it.

    Attributes
    ----------
    value : bytes
        As the codec of its kind encoded it.
    stored_at : float
        When its load began, in Unix seconds: what it says is at least as old.
    fresh_until, stale_until : float
        Unix seconds. Until the first it is fresh, until the second it may serve in need.
    tags : tuple of str
        By which it can be invalidated.
    load_s : float
        What loading it took; dear values are refreshed earlier.
    negative : bool
        It says that there is no such thing; ``value`` is empty.
    """

    value: bytes
    stored_at: float
    fresh_until: float
    stale_until: float
    tags: tuple[str, ...] = ()
    load_s: float = 0.0
    negative: bool = False


class Invalidation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What has been declared old.

    Attributes
    ----------
    scope : str
        ``key``, ``kind``, ``tag`` or ``all``.
    kind, tag : str
        What the scope names, else empty.
    keys : tuple of str
    origin : bytes
        Which handle did it: its own need not be told.
    """

    scope: str
    kind: str = ""
    keys: tuple[str, ...] = ()
    tag: str = ""
    origin: bytes = b""

    def names(self, kind: str, key: str, tags: Iterable[str]) -> bool:
        """Say whether an entry is among what was invalidated."""
        if self.scope == "key":
            return kind == self.kind and key in self.keys
        if self.scope == "kind":
            return kind == self.kind
        return self.scope == "all" or self.tag in tags


class Tier(Protocol):
    """What stands below the memory; called from one event loop, and bounded by its caller in time.

    Nothing raises for trouble with the storage: what cannot be read is a miss, what cannot be
    stored is dropped. (The caller bears errors and hanging all the same.)
    """

    @property
    def name(self) -> str:
        """What the tier is called in statistics."""

    async def get(self, kind: str, key: str) -> Entry | None:
        """Return an entry that may be served, stale or not."""

    def token(self) -> Any:
        """Note what has been invalidated so far, before a load starts; None: not known."""

    async def put(self, kind: str, key: str, entry: Entry, token: Any = None) -> None:
        """Store an entry, unless it was invalidated since the token, by key, kind, tag or all.

        In doubt (the token is of another life of the storage, too much was invalidated since)
        it is not stored. Without a token it is stored.
        """

    async def delete(self, kind: str, keys: Iterable[str]) -> int | None:
        """Remove entries by key, for all processes; return how many, where that is known."""

    async def delete_kind(self, kind: str) -> int | None:
        """Remove all entries of a kind, for all processes."""

    async def delete_tag(self, tag: str) -> int | None:
        """Remove all entries that carry a tag, for all processes."""

    async def clear(self) -> None:
        """Remove everything, for all processes."""

    async def take_lease(self, kind: str, key: str, owner: bytes, lasting_s: float) -> bool:
        """Take the lease on loading a key; true too where leases cannot be kept."""

    async def release_lease(self, kind: str, key: str, owner: bytes) -> None:
        """Give a lease back, after what was put before can be seen by others."""

    def on_invalidation(self, listener: Callable[[Invalidation], None]) -> None:
        """Have a callable told of other processes' invalidations, from any thread."""

    async def close(self) -> None:
        """Store what waits to be stored and let go of everything."""

    def stats(self) -> dict[str, Any]:
        """Return what the tier holds and did."""
