"""Which shard a title belongs to: rendezvous hashing of its id (Thaler, Ravishankar 1998).

Every shard draws a number for an id, and the highest wins. One shard more takes an equal share of
titles from each of the others, and moves no other title.
"""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["shard_of"]


def shard_of(id: str, shards: int) -> int:
    """Return the number of the shard of an id, 0 to ``shards - 1``."""
    return max(range(shards), key=lambda shard: _weight(id, shard))


def _weight(id: str, shard: int) -> bytes:
    return blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8, salt=_SALTS[shard]).digest()


class _Salts(dict[int, bytes]):
    """Salts of shards, made once."""

    def __missing__(self, shard: int) -> bytes:
        return self.setdefault(shard, shard.to_bytes(16))


_SALTS = _Salts()
