"""The memory that values and dicts take, in bytes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import chain
from sys import getsizeof
from typing import Any, Generic, TypeVar

import msgspec
from msgspec.structs import astuple

__all__ = ["SizeEstimator", "SizedDict", "compact", "footprint", "string_bytes"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_LEAVES = frozenset({str, bytes, int, float, bool, type(None)})
# Most fields of a struct hold one of these, of which the interpreter has one each.
_CONSTANTS = frozenset(map(id, (None, False, True, "", (), 0)))
# Allocators round up to multiples of 16 bytes: 8 bytes per object on average.
_ROUNDING_BYTES = 8
# An empty dict, its wrapper, and its slot in the enclosing dict.
_TABLE_BYTES = 600
# Copying the few remaining entries is fast; freeing a dict of a million slots takes some 7 ms.
_SPARSE = 64


def footprint(value: object) -> int:
    """Return the bytes of a decoded value with everything it refers to.

    Structs, tuples, lists, sets and dicts are followed; anything else counts its
    :func:`sys.getsizeof`. What two parts share counts twice, so the result is an upper estimate.
    There must be no cycles; decoded values have none.
    """
    total, parts = 0, [value]
    while parts:
        total += sum(map(getsizeof, parts)) + _ROUNDING_BYTES * len(parts)
        inner = [part for part in parts if type(part) not in _LEAVES]
        within = chain.from_iterable(map(_parts, inner))
        parts = [part for part in within if id(part) not in _CONSTANTS]
    return total


def _parts(value: object) -> tuple[Any, ...]:
    if isinstance(value, msgspec.Struct):
        return astuple(value)
    if isinstance(value, tuple):
        return value
    if isinstance(value, list | set | frozenset):
        return tuple(value)
    if isinstance(value, dict):
        return tuple(chain(value, value.values()))
    return ()


class SizeEstimator:
    """The memory of values, measured for one in sixteen and estimated for the rest.

    Measuring a value costs several times as much as decoding it. Values of one kind and similar
    encoded length (the same power of two) take about the same memory per encoded byte. The first
    sixteen are measured, then every sixteenth; the others are estimated from the ratio of the
    sums, in which older measurements decay.
    """

    __slots__ = ("_classes",)

    _EVERY = 16

    def __init__(self) -> None:
        self._classes: dict[tuple[str, int], list[int]] = {}

    def estimate(self, kind: str, value: object, size: int) -> int:
        """Return the bytes of a value, approximately; never less than ``size``."""
        if type(value) in _LEAVES:
            return max(size, getsizeof(value) + _ROUNDING_BYTES)
        seen = self._classes.setdefault((kind, size.bit_length()), [0, 0, 0])
        seen[0] += 1
        if seen[0] > self._EVERY and seen[0] % self._EVERY and seen[2]:
            return max(size, -(-size * seen[1] // seen[2]))
        measured = footprint(value)
        # Exponential decay by 63/64: the last hundred or so measurements count.
        seen[1] += measured - seen[1] // 64
        seen[2] += size - seen[2] // 64
        return max(size, measured)


class SizedDict(Generic[K, V]):
    """A dict with an upper bound on its memory that grows smoothly.

    A dict doubles at once and never shrinks by itself. It is charged at its worst load for the
    most entries it has held, so that no doubling exceeds a bound, and is copied to a smaller one
    once it is nearly empty.

    CPython resizes a dict full of deleted slots to three times its entries, rounded up to a power
    of two: at worst six slots an entry, each with four bytes of index, and two thirds of them
    with room for the entry itself.

    Parameters
    ----------
    item_bytes : int
        Bytes of one entry in the dict: 16 where all keys are exact str, else 24.
    """

    __slots__ = ("_bytes_per_entry", "items", "peak")

    def __init__(self, item_bytes: int) -> None:
        self._bytes_per_entry = 6 * 4 + 4 * item_bytes
        self.items: dict[K, V] = {}
        self.peak = 0

    @property
    def bytes(self) -> int:
        """Upper bound of the dict's memory, without its keys and values."""
        return _TABLE_BYTES + self._bytes_per_entry * self.peak

    def grow(self) -> int:
        """Account for an added entry; return by how many bytes the bound rose."""
        if len(self.items) <= self.peak:
            return 0
        self.peak += 1
        return self._bytes_per_entry

    def shrink(self) -> int:
        """Account for a removed entry; return by how many bytes the bound fell."""
        count = len(self.items)
        if count * _SPARSE > self.peak or self.peak < _SPARSE:
            return 0
        freed = self._bytes_per_entry * (self.peak - count)
        self.items, self.peak = dict(self.items), count
        return freed


def compact(encoded: bytes) -> bytes:
    """Return bytes for keeping: a copy without what their encoder allocated beyond them."""
    return bytes(memoryview(encoded))


def string_bytes(values: Iterable[str]) -> int:
    """Return the bytes of strings."""
    return sum(getsizeof(value) + _ROUNDING_BYTES for value in values)
