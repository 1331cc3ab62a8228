"""The part of HDF5 that ann-benchmarks' files use, read with every offset checked.

The library of HDF5 is not made for files that lie: a few wrong bytes make it loop without end. So
this reads what h5py writes by default (superblock 0 or 1, groups with symbol tables) by itself:
names of the root group, and for each dataset its shape, its type, where its bytes are if they are
in one piece, and texts in attributes. See the "HDF5 File Format Specification", version 1.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["MAGIC", "Dataset", "Hdf5"]

U8 = npt.NDArray[np.uint8]

MAGIC = b"\x89HDF\r\n\x1a\n"
_MOST_BLOCKS = 10_000
"""Nodes, blocks and messages read at most, so that links in a circle end."""
_SPACE, _TYPE, _LAYOUT, _ATTRIBUTE, _MORE, _GROUP = 0x01, 0x03, 0x08, 0x0C, 0x10, 0x11
_CONTIGUOUS = 1
_INTEGER, _FLOAT, _TEXT, _VARIABLE = 0, 1, 3, 9
_IEEE = {2: (16, 5), 4: (32, 8), 8: (64, 11)}
"""Bits in all and of the exponent, by bytes."""


class Dataset(NamedTuple):
    """Where the numbers of a dataset are."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int


class Hdf5:
    """A file of HDF5.

    Parameters
    ----------
    raw : uint8[size]
        All of its bytes.

    Attributes
    ----------
    names : dict of str to int
        Where the header of each object of the root group is.

    Raises
    ------
    ValueError
        It is not that, is damaged, or is of a later layout.
    """

    def __init__(self, raw: U8) -> None:
        self._raw, self._left = raw.data, _MOST_BLOCKS
        if self._bytes(0, 8) != MAGIC:
            raise ValueError("no mark of HDF5")
        version, offsets, lengths = self._raw[8], self._raw[13], self._raw[14]
        if version > 1 or (offsets, lengths) != (8, 8):
            raise ValueError(
                f"superblock {version} with offsets of {offsets} bytes: only the layout that h5py "
                "writes by default is read (h5repack, or libver='earliest', makes it)"
            )
        start = 24 + 4 * version
        base, _, end = self._unpack("<QQQ", start)
        if base or end > len(raw):
            raise ValueError(f"{len(raw)} bytes where {end} from {base} on are due")
        self._root = int(self._unpack("<Q", start + 40)[0])
        self.names = dict(self._names())

    # -- what is in it --------------------------------------------------------------------

    def dataset(self, name: str) -> Dataset:
        """Return a dataset of numbers that is stored in one piece."""
        parts = dict(self._messages(self.names[name]))
        if not {_SPACE, _TYPE, _LAYOUT} <= parts.keys():
            raise ValueError(f"{name!r}, which is no dataset")
        version, kind = parts[_LAYOUT][:2]
        if version not in (3, 4) or kind != _CONTIGUOUS:
            raise ValueError(
                f"{name!r} in chunks or packed: only one piece is read (h5repack -l CONTI -f NONE)"
            )
        offset, size = struct.unpack_from("<QQ", parts[_LAYOUT], 2)
        shape, dtype = _shape(parts[_SPACE]), _number(parts[_TYPE])
        if offset + size > len(self._raw) or size != dtype.itemsize * _product(shape):
            raise ValueError(f"{size} bytes at {offset} for {name!r} of shape {shape}")
        return Dataset(shape, dtype, offset)

    def text(self, name: str) -> str:
        """Return an attribute of the root group that is a text; empty where there is none."""
        for kind, part in self._messages(self._root):
            if kind == _ATTRIBUTE:
                found, type_, value = _attribute(part)
                if found == name:
                    return self._text(type_, value)
        return ""

    def _text(self, type_: bytes, value: bytes) -> str:
        kind, size = type_[0] & 0x0F, int(struct.unpack_from("<I", type_, 4)[0])
        if kind == _TEXT:
            return value[:size].rstrip(b"\0").decode()
        if kind == _VARIABLE:
            length, heap, index = struct.unpack_from("<IQI", value)
            return self._heap_object(heap, index)[:length].decode()
        return ""

    # -- structures -----------------------------------------------------------------------

    def _names(self) -> Iterator[tuple[str, int]]:
        parts = dict(self._messages(self._root))
        if _GROUP not in parts:
            raise ValueError("a root group of a later layout")
        tree, heap = struct.unpack_from("<QQ", parts[_GROUP])
        self._expect(heap, b"HEAP")
        size, _, texts = self._unpack("<QQQ", heap + 8)
        names = self._bytes(texts, size)
        for node in self._leaves(tree):
            self._expect(node, b"SNOD")
            for at in range(self._unpack("<H", node + 6)[0]):
                name, header = self._unpack("<QQ", node + 8 + 40 * at)
                yield names[name : names.index(b"\0", name)].decode(), int(header)

    def _leaves(self, tree: int) -> Iterator[int]:
        """Yield the nodes below a tree."""
        self._expect(tree, b"TREE")
        kind, level, used = self._unpack("<BBH", tree + 4)
        if kind:
            raise ValueError(f"a tree of kind {kind} for a group")
        for at in range(used):
            (child,) = self._unpack("<Q", tree + 32 + 16 * at)
            if level:
                yield from self._leaves(child)
            else:
                yield child

    def _messages(self, header: int) -> Iterator[tuple[int, bytes]]:
        """Yield the messages of an object's header, with those of its continuations."""
        if self._unpack("<B", header)[0] != 1:
            raise ValueError(f"no object of the first layout at {header}")
        (size,) = self._unpack("<I", header + 8)
        blocks = [(header + 16, size)]
        while blocks:
            at, length = blocks.pop()
            end = at + length
            while at + 8 <= end:
                self._count()
                kind, size = self._unpack("<HH", at)
                part = self._bytes(at + 8, size)
                if kind == _MORE:
                    blocks.append(struct.unpack_from("<QQ", part))
                yield kind, part
                at += 8 + size

    def _heap_object(self, heap: int, index: int) -> bytes:
        self._expect(heap, b"GCOL")
        (size,) = self._unpack("<Q", heap + 8)
        at, end = heap + 16, heap + size
        while at + 16 <= end:
            self._count()
            found, _, _, length = self._unpack("<HHIQ", at)
            if found == index:
                return self._bytes(at + 16, length)
            at += 16 + length + -length % 8
        raise ValueError(f"no object {index} in the heap at {heap}")

    # -- bytes ----------------------------------------------------------------------------

    def _expect(self, at: int, mark: bytes) -> None:
        self._count()
        if self._bytes(at, 4) != mark:
            raise ValueError(f"no {mark.decode()} at {at}")

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"more than {_MOST_BLOCKS} blocks")

    def _unpack(self, form: str, at: int) -> tuple[Any, ...]:
        return struct.unpack(form, self._bytes(at, struct.calcsize(form)))

    def _bytes(self, at: int, size: int) -> bytes:
        if at + size > len(self._raw):
            raise ValueError(f"{size} bytes at {at} of {len(self._raw)}")
        return bytes(self._raw[at : at + size])


def _shape(part: bytes) -> tuple[int, ...]:
    version, rank = part[:2]
    return struct.unpack_from(f"<{rank}Q", part, 8 if version == 1 else 4)


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _number(part: bytes) -> np.dtype[Any]:
    kind, flags, size = part[0] & 0x0F, part[1], int(struct.unpack_from("<I", part, 4)[0])
    order = ">" if flags & 1 else "<"
    if kind == _INTEGER and size in (1, 2, 4, 8):
        return np.dtype(f"{order}{'i' if flags & 8 else 'u'}{size}")
    if kind == _FLOAT and size in _IEEE:
        bits, exponent = struct.unpack_from("<2xH1xB", part, 8)
        if (bits, exponent) == _IEEE[size]:
            return np.dtype(f"{order}f{size}")
    raise ValueError(f"values of HDF5's class {kind} with {size} bytes")


def _attribute(part: bytes) -> tuple[str, bytes, bytes]:
    """Return the name of an attribute, its type and its value."""
    version, _, name, type_, space = struct.unpack_from("<BBHHH", part)
    pad = 8 if version == 1 else 1
    at = 9 if version == 3 else 8
    pieces = []
    for size in (name, type_, space):
        pieces.append(part[at : at + size])
        at += size + -size % pad
    return pieces[0].rstrip(b"\0").decode(), pieces[1], part[at:]
