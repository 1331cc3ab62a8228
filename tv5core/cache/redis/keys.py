"""Names of Redis keys; see ``tv5core.cache.redis.scripts`` for what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

__all__ = ["RedisKeys"]


class RedisKeys:
    """The keys of one cache. Kinds, keys and tags are hashed, so that they cannot collide.

    Parameters
    ----------
    prefix : str
        What all keys start with; a hash tag where they must have one slot of a cluster.

    Attributes
    ----------
    name : str
        The prefix.
    epoch, seq, channel : bytes
        Random name of this life of the data; number of the last invalidation; its channel.
    """

    def __init__(self, prefix: str) -> None:
        self.name, self._prefix = prefix, prefix.encode()
        self.epoch, self.seq = self._join("epoch"), self._join("seq")
        self.channel = self._join("invalidations")

    def entry(self, kind: str, key: str) -> bytes:
        """Return the key of an entry."""
        return self._hashed("entry", kind, key)

    def lease(self, kind: str, key: str) -> bytes:
        """Return the key of a lease."""
        return self._hashed("lease", kind, key)

    def floor(self, kind: str, key: str) -> bytes:
        """Return the key of the floor of one entry."""
        return self._hashed("floor", kind, key)

    def kind_floor(self, kind: str) -> bytes:
        """Return the key of the floor of a kind."""
        return self._hashed("kind", kind)

    def tag_floor(self, tag: str) -> bytes:
        """Return the key of the floor of a tag."""
        return self._hashed("tag", tag)

    def all_floor(self) -> bytes:
        """Return the key of the floor of everything."""
        return self._join("all")

    def shared_floors(self, kind: str, tags: Iterable[str]) -> list[bytes]:
        """Return the floors an entry shares with others: of everything, its kind and its tags."""
        return [self.all_floor(), self.kind_floor(kind), *map(self.tag_floor, tags)]

    def _join(self, part: str) -> bytes:
        return self._prefix + b":" + part.encode()

    def _hashed(self, part: str, *names: str) -> bytes:
        raw = b"\0".join(str(len(name)).encode() + b":" + name.encode() for name in names)
        digest = hashlib.blake2b(raw, digest_size=15).hexdigest()
        return b":".join((self._prefix, part.encode(), digest.encode()))
