"""Rows and keys of an index that hnswlib saved (``save_index``; its 0.8 and before).

The file has no mark. It is, little-endian: six uint64 (where the base level begins, room for
elements, elements, bytes of one, where its label and its vector begin), int32 highest level, uint32
entry, three uint64 (links of upper levels, of the base level, M), a double, uint64
efConstruction; the elements, each uint32 count of links (with a mark of deletion in its third
byte), the links, a float32 vector, a uint64 label; then each element's upper levels behind their
length in bytes. Space and metric are not in it, nor whether bytes are values of another type.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from tv5core.vector_files.vector_file import U8, VectorFile, mapped, present, reading

__all__ = ["HEAD", "is_hnswlib", "read"]

HEAD = struct.Struct("<6QiI3QdQ")
_MOST_LINKS, _MOST_LEVELS, _MOST_BYTES = 65_535, 512, 1 << 22
_DELETED = 1


class _Shape(NamedTuple):
    """What the head says, as far as it counts here."""

    rows: int
    size: int
    vector: int
    label: int
    upper: int


def is_hnswlib(raw: U8) -> bool:
    """Return whether the head of a file could be hnswlib's."""
    try:
        _shape(raw)
    except (struct.error, ValueError):
        return False
    return True


def read(path: Path) -> VectorFile:
    """Map the rows; deleted ones are left out.

    Raises
    ------
    CorruptFileError, ImportFormatError
    """
    with reading(path, "an index of hnswlib"):
        raw = mapped(path)
        shape = _checked(raw)
        end = HEAD.size + shape.rows * shape.size
        elements = raw[HEAD.size : end].reshape(shape.rows, shape.size)
        keys = elements[:, shape.label :].copy().view("<u8")[:, 0]
        deleted = (elements[:, 2] & _DELETED) != 0
        rows = elements[:, shape.vector : shape.label].view("<f4")
        return VectorFile(
            path, "hnswlib", present(rows, deleted), present(keys, deleted), "",
            int(deleted.sum()),
        )  # fmt: skip


def _checked(raw: U8) -> _Shape:
    """Read the head and walk over the upper levels, which must end where the file does."""
    shape = _shape(raw)
    at = HEAD.size + shape.rows * shape.size
    tail = raw.data
    for _ in range(shape.rows):
        if at + 4 > len(raw):
            raise ValueError(f"{len(raw)} bytes: cut short")
        length = int.from_bytes(tail[at : at + 4], "little")
        if length % shape.upper or length // shape.upper > _MOST_LEVELS:
            raise ValueError(f"{length} bytes of upper levels of {shape.upper} each")
        at += 4 + length
    if at != len(raw):
        raise ValueError(f"{len(raw)} bytes where {at} are due")
    return shape


def _shape(raw: U8) -> _Shape:
    head = HEAD.unpack_from(raw.data)
    base, room, count, size, label, vector, highest, entry, upper, most, m, _, _ = head
    if base != 0 or vector != 4 + 4 * most or size != label + 8 or not 0 < most <= _MOST_LINKS:
        raise ValueError(f"elements of {size} bytes, vectors at {vector}, labels at {label}")
    if not 0 < label - vector <= _MOST_BYTES or (label - vector) % 4:
        raise ValueError(f"vectors of {label - vector} bytes")
    if not 0 < upper <= most or not 0 < m <= most or not -1 <= highest <= _MOST_LEVELS:
        raise ValueError(f"{upper} and {most} links a level of {highest + 1}")
    if count > room or HEAD.size + count * (size + 4) > len(raw) or (count and entry >= count):
        raise ValueError(f"{len(raw)} bytes for {count} elements of {size}")
    return _Shape(count, size, vector, label, 4 + 4 * upper)
