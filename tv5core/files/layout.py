"""The container's layout, as its writer and its reader share it."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = [
    "ALIGNMENT",
    "BLOCK_BYTES",
    "DTYPES",
    "IDENTITY_BYTES",
    "MAGIC",
    "MAX_BYTES",
    "PREAMBLE",
    "PREAMBLE_BYTES",
    "Array",
    "Header",
    "SealedFile",
    "Section",
    "checksum",
    "nbytes",
]

Array = npt.NDArray[Any]

MAGIC = b"TV5FILE1"  # the last byte is the version of this container
PREAMBLE = struct.Struct("<8s4sIQQI24xI")
PREAMBLE_BYTES = PREAMBLE.size
IDENTITY_BYTES = 16  # magic, kind, version
ALIGNMENT = 64
BLOCK_BYTES = 1 << 20
MAX_BYTES = 1 << 62
DTYPES = frozenset("|i1 |u1 <i2 <u2 <i4 <u4 <i8 <u8 <f2 <f4 <f8".split())


@dataclass(frozen=True, slots=True)
class SealedFile:
    """What identifies a written file.

    Attributes
    ----------
    name : str
        Name it was written under, without its folder.
    size : int
        Bytes.
    checksum : int
        CRC-32 of kind, version and header; the header holds a checksum of every
        block, so files of equal checksum have, but for chance, equal content.
    """

    name: str
    size: int
    checksum: int


class Section(msgspec.Struct, array_like=True, frozen=True):
    """One line of the table of sections.

    Attributes
    ----------
    name : str
    offset : int
        From the file's beginning.
    dtype : str
    shape : tuple of int
    version : int
        Of what the section means; readers that know only older ones do not read it.
    checksum : int or None
        CRC-32 of its bytes; None in a file that format 4 or earlier wrote.
    """

    name: str
    offset: int
    dtype: str
    shape: tuple[int, ...]
    version: int = 1
    checksum: int | None = None


class Header(msgspec.Struct, frozen=True):
    """What the msgpack at the file's end holds."""

    meta: dict[str, Any]
    sections: list[Section]
    checksums: bytes  # uint32 little-endian, one for each block of the body


def nbytes(section: Section) -> int:
    """Count the bytes a section takes."""
    return math.prod(section.shape) * np.dtype(section.dtype).itemsize


def checksum(identity: bytes, header: bytes | memoryview) -> int:
    """Identify a file's content; ``identity`` is magic, kind and version."""
    return zlib.crc32(header, zlib.crc32(identity))
