"""A tier below memory, made of dictionaries, that can be shared, slow, broken or without leases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from tests.cache.made import Clock
from tv5core.cache.entry import Entry, Invalidation

__all__ = ["FakeTier", "Storage"]


class Storage:
    """What the handles of several processes have in common."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}
        self.log: list[Invalidation] = []
        self.leases: dict[tuple[str, str], tuple[bytes, float]] = {}
        self.handles: list[FakeTier] = []


class FakeTier:
    """One process's handle."""

    name = "lower"

    def __init__(self, clock: Clock, storage: Storage | None = None) -> None:
        self.storage = storage or Storage()
        self.storage.handles.append(self)
        self._clock = clock
        self._listeners: list[Callable[[Invalidation], None]] = []
        self.slow_s = 0.0
        self.broken = False
        self.closed = False
        self.gets = 0

    async def _pass(self) -> None:
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        if self.broken:
            raise OSError("broken")

    async def get(self, kind: str, key: str) -> Entry | None:
        self.gets += 1
        await self._pass()
        return self.storage.entries.get((kind, key))

    def token(self) -> Any:
        return len(self.storage.log)

    async def put(self, kind: str, key: str, entry: Entry, token: Any = None) -> None:
        await self._pass()
        later = self.storage.log[len(self.storage.log) if token is None else token :]
        if not any(what.matches(kind, key, entry.tags) for what in later):
            self.storage.entries[kind, key] = entry

    async def _invalidate(self, what: Invalidation) -> int:
        await self._pass()
        self.storage.log.append(what)
        gone = [at for at, entry in self.storage.entries.items() if what.matches(*at, entry.tags)]
        for at in gone:
            del self.storage.entries[at]
        for handle in self.storage.handles:
            if handle is not self:
                for listener in handle._listeners:
                    listener(what)
        return len(gone)

    async def delete(self, kind: str, keys: Iterable[str]) -> int:
        return await self._invalidate(Invalidation("key", kind, tuple(keys)))

    async def delete_kind(self, kind: str) -> int:
        return await self._invalidate(Invalidation("kind", kind))

    async def delete_tag(self, tag: str) -> int:
        return await self._invalidate(Invalidation("tag", tag=tag))

    async def clear(self) -> None:
        await self._invalidate(Invalidation("all"))

    async def acquire_lease(self, kind: str, key: str, owner: bytes, ttl_s: float) -> bool:
        await self._pass()
        held = self.storage.leases.get((kind, key))
        if held is not None and held[0] != owner and held[1] > self._clock():
            return False
        self.storage.leases[kind, key] = owner, self._clock() + ttl_s
        return True

    async def release_lease(self, kind: str, key: str, owner: bytes) -> None:
        await self._pass()
        if self.storage.leases.get((kind, key), (b"", 0.0))[0] == owner:
            del self.storage.leases[kind, key]

    def on_invalidation(self, listener: Callable[[Invalidation], None]) -> None:
        self._listeners.append(listener)

    async def close(self) -> None:
        self.closed = True

    def stats(self) -> dict[str, Any]:
        return {"entries": len(self.storage.entries)}
