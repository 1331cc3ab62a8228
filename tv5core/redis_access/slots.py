"""In which of a cluster's slots a key is, and hash tags that are spread evenly over them.

A script and a transaction touch keys of one slot only. A key's slot is that of what stands in its
first braces, the *hash tag*.
"""

from __future__ import annotations

from binascii import crc_hqx

from tv5core.errors import InvalidInputError

__all__ = ["SLOTS", "key_slot", "spread_tags"]

SLOTS = 16_384
"""As of the specification of Redis Cluster."""

_TRIES = 32


def key_slot(key: bytes) -> int:
    """Return the slot of a key: CRC-16 (XMODEM) of its hash tag, or of all of it."""
    start = key.find(b"{") + 1
    if start:
        end = key.find(b"}", start)
        if end > start:
            key = key[start:end]
    return crc_hqx(key, 0) % SLOTS


def spread_tags(prefix: str, parts: int) -> list[str]:
    """Return hash tags, braces included, one near the middle of each equal part of the slots.

    So they are spread evenly over any nodes that share the slots evenly.

    Parameters
    ----------
    prefix : str
        What the tags start with.
    parts : int
        How many.

    Raises
    ------
    InvalidInputError
        The prefix has braces.
    """
    if "{" in prefix or "}" in prefix:
        raise InvalidInputError(f"expected a prefix without braces, got {prefix!r}")
    tags = [f"{{{prefix}:{number}}}" for number in range(_TRIES * parts)]
    slots = [(key_slot(tag.encode()), tag) for tag in tags]
    middles = ((part + 0.5) * SLOTS / parts for part in range(parts))
    return [_nearest(slots, middle) for middle in middles]


def _nearest(slots: list[tuple[int, str]], middle: float) -> str:
    return min(slots, key=lambda pair: abs(pair[0] - middle))[1]
