"""Writing sections: streamed, and checksummed while they are written."""

from __future__ import annotations

import math
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.errors import InvalidInputError
from tv5core.files.durability import disk_errors
from tv5core.files.failpoints import failpoint
from tv5core.files.layout import (
    ALIGNMENT,
    BLOCK_BYTES,
    DTYPES,
    MAGIC,
    PREAMBLE_BYTES,
    Array,
    Header,
    SealedFile,
    Section,
    checksum,
    nbytes,
)

__all__ = ["SectionStream", "write_sections"]


@dataclass(frozen=True, slots=True)
class SectionStream:
    """A section written block by block, for what does not fit in memory twice.

    Attributes
    ----------
    dtype : numpy dtype
        One of the integer and float types of 1 to 8 bytes.
    shape : tuple of int
        Shape of the whole section.
    blocks : iterable of ndarray
        Blocks that, flattened in C order one after another, are the section.
    version : int
        Of what the section means, from 1; apart from that of the kind of file.
    """

    dtype: npt.DTypeLike
    shape: tuple[int, ...]
    blocks: Iterable[Array]
    version: int = 1


def write_sections(
    path: str | os.PathLike[str],
    kind: str,
    version: int,
    meta: Mapping[str, Any],
    sections: Mapping[str, Array | SectionStream],
) -> SealedFile:
    """Write named arrays to a new file and fsync it.

    Give a temporary name and follow with :func:`replace_durably`: that pair is what
    makes the file appear whole or not at all.

    Parameters
    ----------
    path : path-like
        Where to write; an existing file is overwritten.
    kind : str
        Four ASCII characters naming what the file holds.
    version : int
        Version of that kind of file, from 1.
    meta : mapping
        Anything msgpack can hold.
    sections : mapping of str to ndarray or SectionStream
        Written in this order, without a copy of more than one block.

    Returns
    -------
    SealedFile

    Raises
    ------
    InvalidInputError
        Kind, dtype or the length of a stream is wrong.
    DiskFullError, DiskFailureError
        The disk or the quota is full, or it failed. Like after any failure, the file is gone.
    """
    path = Path(path)
    identity = _identity(kind, version)
    try:
        with disk_errors(path), path.open("wb") as file:
            return _write(file, path.name, identity, dict(meta), sections)
    except BaseException:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def _identity(kind: str, version: int) -> bytes:
    if len(kind) != 4 or not kind.isascii():
        raise InvalidInputError(f"expected a kind of 4 ASCII characters, got {kind!r}")
    if not 1 <= version < 1 << 32:
        raise InvalidInputError(f"expected a version from 1, got {version}")
    return MAGIC + kind.encode("ascii") + struct.pack("<I", version)


def _write(
    file: BinaryIO,
    name: str,
    identity: bytes,
    meta: dict[str, Any],
    sections: Mapping[str, Array | SectionStream],
) -> SealedFile:
    file.write(bytes(PREAMBLE_BYTES))
    body = _Body(file)
    table = [_write_section(body, key, value) for key, value in sections.items()]
    checksums = body.finish()
    header = msgspec.msgpack.encode(Header(meta, table, checksums))
    file.write(header)
    file.seek(0)
    file.write(_preamble(identity, body.position, header))
    file.flush()
    failpoint("file: written")
    os.fsync(file.fileno())
    failpoint("file: synced")
    return SealedFile(name, body.position + len(header), checksum(identity, header))


def _preamble(identity: bytes, offset: int, header: bytes) -> bytes:
    start = identity + struct.pack("<QQI24x", offset, len(header), zlib.crc32(header))
    return start + struct.pack("<I", zlib.crc32(start))


def _write_section(body: _Body, name: str, value: Array | SectionStream) -> Section:
    if not isinstance(value, SectionStream):
        value = SectionStream(value.dtype, value.shape, [value])
    dtype = np.dtype(value.dtype).newbyteorder("<")
    if dtype.str not in DTYPES:
        raise InvalidInputError(
            f"expected integers or floats of 1 to 8 bytes in section {name!r}, got {dtype}"
        )
    body.align()
    start, crc = body.position, 0
    for block in value.blocks:
        for piece in _pieces(np.asarray(block), dtype):
            body.write(piece)
            crc = zlib.crc32(piece, crc)
    shape = tuple(map(int, value.shape))
    section = Section(name, start, dtype.str, shape, value.version, crc)
    _check_length(section, body.position - start)
    return section


def _check_length(section: Section, written: int) -> None:
    expected = nbytes(section)
    if written != expected:
        raise InvalidInputError(
            f"expected {expected} bytes in section {section.name!r} "
            f"of shape {section.shape}, got {written}"
        )


def _pieces(block: Array, dtype: np.dtype[Any]) -> Iterator[memoryview]:
    """Cut a block into runs of whole rows whose bytes can be written without a copy."""
    if block.dtype == dtype and block.flags.c_contiguous:
        yield block.reshape(-1).view(np.uint8).data
        return
    if not np.can_cast(block.dtype, dtype, "same_kind"):
        raise InvalidInputError(f"expected a block of {dtype}, got {block.dtype}")
    block = np.atleast_1d(block)
    row_bytes = max(1, math.prod(block.shape[1:]) * dtype.itemsize)
    step = max(1, BLOCK_BYTES // row_bytes)
    for start in range(0, len(block), step):
        rows = np.ascontiguousarray(block[start : start + step], dtype=dtype)
        yield rows.reshape(-1).view(np.uint8).data


class _Body:
    """Writes the body and checksums it in blocks while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._checksums: list[int] = []
        self._crc = 0
        self.position = PREAMBLE_BYTES

    def align(self) -> None:
        self.write(memoryview(bytes(-self.position % ALIGNMENT)))

    def write(self, data: memoryview) -> None:
        while data:
            room = BLOCK_BYTES - self._filled
            piece, data = data[:room], data[room:]
            self._file.write(piece)
            self._crc = zlib.crc32(piece, self._crc)
            self.position += len(piece)
            if not self._filled:
                self._close_block()

    def finish(self) -> bytes:
        self.align()
        if self._filled:
            self._close_block()
        return np.array(self._checksums, dtype="<u4").tobytes()

    @property
    def _filled(self) -> int:
        return (self.position - PREAMBLE_BYTES) % BLOCK_BYTES

    def _close_block(self) -> None:
        self._checksums.append(self._crc)
        self._crc = 0
