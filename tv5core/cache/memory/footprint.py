"""What values and tables take in memory, in bytes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import chain
from sys import getsizeof
from typing import Any, Generic, TypeVar

import msgspec
from msgspec.structs import astuple

__all__ = ["Meter", "Table", "footprint", "sizes"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_LEAVES = frozenset({str, bytes, int, float, bool, type(None)})
# What most fields of a struct are: the interpreter has each of them once.
_CONSTANTS = frozenset(map(id, (None, False, True, "", (), 0)))
# Allocators hand out multiples of 16 bytes: half of that is lost for each object, on average.
_ROUNDING_BYTES = 8
# An empty dict, its own slot in the dict it stands in, and what belongs to it besides.
_TABLE_BYTES = 600
# Copying the few entries left is quick; giving back a table of a million places takes some 7 ms.
_SPARSE = 64


def footprint(value: object) -> int:
    """Return the bytes a decoded value takes, with everything it is made of.

    Structs, tuples, lists, sets and dicts are followed; anything else counts as
    :func:`sys.getsizeof` has it. What two parts share counts twice, so that the figure is rather
    high than low. There must be no cycles, which nothing that was decoded has.
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


class Meter:
    """What values take, measured for one in sixteen and reckoned for the rest.

    Following a value through all its parts costs several times what decoding it does. Values of
    one kind and about one length as encoded (to a power of two) take about the same for each byte
    of that length: the first sixteen are measured, then every sixteenth, and between them the
    others are charged by the ratio of the sums, of which the older count ever less.
    """

    __slots__ = ("_classes",)

    _EVERY = 16

    def __init__(self) -> None:
        self._classes: dict[tuple[str, int], list[int]] = {}

    def measure(self, kind: str, value: object, size: int) -> int:
        """Return the bytes a value takes, or about that; never less than ``size``."""
        if type(value) in _LEAVES:
            return max(size, getsizeof(value) + _ROUNDING_BYTES)
        seen = self._classes.setdefault((kind, size.bit_length()), [0, 0, 0])
        seen[0] += 1
        if seen[0] > self._EVERY and seen[0] % self._EVERY and seen[2]:
            return max(size, -(-size * seen[1] // seen[2]))
        taken = footprint(value)
        # A weight of 63/64 for what is there: the last hundred or so measurements count.
        seen[1] += taken - seen[1] // 64
        seen[2] += size - seen[2] // 64
        return max(size, taken)


class Table(Generic[K, V]):
    """A dict whose memory is known at any time, smoothly as it grows.

    A dict doubles at a stroke and never shrinks by itself. It is charged at its worst load for
    the most entries it has held, so that no doubling breaks a bound, and is made anew, smaller,
    once it is nearly empty.

    A dict that is full of what was deleted is laid out anew for three times its entries, rounded
    up to a power of two: at worst six places an entry, each with four bytes of index, and
    two thirds of them with room for the entry itself.

    Parameters
    ----------
    item_bytes : int
        What one entry takes in the dict: 16 bytes where all keys are exact str, else 24.
    """

    __slots__ = ("_charge_bytes", "items", "peak")

    def __init__(self, item_bytes: int) -> None:
        self._charge_bytes = 6 * 4 + 4 * item_bytes
        self.items: dict[K, V] = {}
        self.peak = 0

    @property
    def bytes(self) -> int:
        """What the table is charged, without its keys and values."""
        return _TABLE_BYTES + self._charge_bytes * self.peak

    def grown(self) -> int:
        """Return by how many bytes the charge rose, after an entry was added."""
        if len(self.items) <= self.peak:
            return 0
        self.peak += 1
        return self._charge_bytes

    def shrunk(self) -> int:
        """Return by how many bytes the charge fell, after an entry was removed."""
        count = len(self.items)
        if count * _SPARSE > self.peak or self.peak < _SPARSE:
            return 0
        freed = self._charge_bytes * (self.peak - count)
        self.items, self.peak = dict(self.items), count
        return freed


def sizes(values: Iterable[str]) -> int:
    """Return what strings take, one by one."""
    return sum(getsizeof(value) + _ROUNDING_BYTES for value in values)
