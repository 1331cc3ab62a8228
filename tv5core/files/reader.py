"""Reading sections: validate everything the file says, then map it."""

from __future__ import annotations

import math
import mmap
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from tv5core.errors import ClosedError, CorruptFileError, FormatVersionError
from tv5core.files.layout import (
    ALIGNMENT,
    BLOCK_BYTES,
    DTYPES,
    IDENTITY_BYTES,
    MAGIC,
    MAX_BYTES,
    PREAMBLE,
    PREAMBLE_BYTES,
    Array,
    Header,
    SealedFile,
    Section,
    checksum,
    nbytes,
)

__all__ = ["SectionFile"]


class SectionFile:
    """A file of named arrays, mapped read-only; see :meth:`open`.

    Attributes
    ----------
    path : Path
        The file.
    version : int
        Version of this kind of file.
    meta : dict
        What the writer gave. Its content is the caller's to validate.
    size : int
        Bytes.
    checksum : int
        As in :class:`SealedFile`.
    """

    def __init__(
        self,
        path: Path,
        version: int,
        header: Header,
        record: SealedFile,
        map_: mmap.mmap,
        body_end: int,
    ) -> None:
        self.path = path
        self.version = version
        self.meta = header.meta
        self.size = record.size
        self.checksum = record.checksum
        self._sections = {section.name: section for section in header.sections}
        self._checksums, self._body_end = header.checksums, body_end
        self._map: mmap.mmap | None = map_

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        kind: str,
        max_version: int,
        *,
        verify: bool = True,
    ) -> SectionFile:
        """Map a file after checking its structure and, by default, every byte.

        Checksums are computed over ordinary reads rather than the map, so that
        verifying leaves the pages in the system's cache but not in this process.

        Parameters
        ----------
        path : path-like
            The file.
        kind : str
            What the file must hold.
        max_version : int
            The newest version the caller can read.
        verify : bool
            Whether to check the body's checksums. Preamble and header always are.

        Returns
        -------
        SectionFile

        Raises
        ------
        CorruptFileError
            Kind, size, structure or a checksum is wrong.
        FormatVersionError
            The file is newer than ``max_version``.
        OSError
            The file cannot be opened.
        """
        path = Path(path)
        with path.open("rb") as file:
            version, header, record, body_end = _read_head(file, path, kind, max_version)
            if verify:
                _verify_body(file, path, header, body_end)
            return cls(path, version, header, record, _map(file, path, record.size), body_end)

    def __contains__(self, name: object) -> bool:
        return name in self._sections

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sections, in file order."""
        return tuple(self._sections)

    def section(self, name: str, max_version: int = 1) -> Array:
        """Give one section as a read-only view of the map.

        Parameters
        ----------
        name : str
            Which section.
        max_version : int
            The newest version of that section the caller can read.

        Returns
        -------
        ndarray
            Valid for as long as it is referenced, even after :meth:`close`.

        Raises
        ------
        CorruptFileError
            The file has no such section.
        FormatVersionError
            The section is newer than ``max_version``.
        ClosedError
            The file was closed.
        """
        map_, section = self._entry(name)
        if section.version > max_version:
            known = f"section {name!r} of version {max_version}"
            raise FormatVersionError(_newer(self.path, known, section.version))
        return _view(map_, section)

    @property
    def has_checksums(self) -> bool:
        """Whether each section has a checksum of its own."""
        return all(section.checksum is not None for section in self._sections.values())

    def check(self) -> None:
        """Check every byte of the body, as opening does by default, by way of the map.

        Raises
        ------
        CorruptFileError
            It is not what was written.
        ClosedError
            The file was closed.
        """
        for _ in self.checked_blocks():
            pass

    def checked_blocks(self) -> Iterator[int]:
        """Check block after block, and give the number of each that is sound.

        Pages leave this process again once they are checked; they stay in the system's cache.

        Raises
        ------
        CorruptFileError
            The next block is not what was written.
        ClosedError
            The file was closed.
        """
        map_ = self._opened()
        with memoryview(map_) as whole, whole[: self._body_end] as data:
            for number, crc in enumerate(np.frombuffer(self._checksums, "<u4").tolist()):
                start = PREAMBLE_BYTES + number * BLOCK_BYTES
                with data[start : start + BLOCK_BYTES] as block:
                    _check_crc(f"{self.path}: block {number}", crc, zlib.crc32(block))
                # A map of the file itself: what is dropped comes back from the system's cache.
                map_.madvise(mmap.MADV_DONTNEED, number * BLOCK_BYTES, BLOCK_BYTES)
                yield number

    def _opened(self) -> mmap.mmap:
        if self._map is None:
            raise ClosedError(f"expected an open file, got {self.path.name} after close()")
        return self._map

    def _entry(self, name: str) -> tuple[mmap.mmap, Section]:
        map_ = self._opened()
        section = self._sections.get(name)
        if section is None:
            raise CorruptFileError(
                f"{self.path}: expected a section {name!r}, got {list(self._sections)}"
            )
        return map_, section

    def close(self) -> None:
        """Release the map; views in use keep it alive until they are gone."""
        map_, self._map = self._map, None
        if map_ is not None:
            # BufferError: someone holds a view, whose end unmaps the file instead.
            with suppress(BufferError):
                map_.close()


def _map(file: BinaryIO, path: Path, size: int) -> mmap.mmap:
    try:
        return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    except ValueError as error:  # shortened since its size was read
        raise CorruptFileError(f"{path}: expected {size} bytes, got fewer") from error


def _view(map_: mmap.mmap, section: Section) -> Array:
    count = math.prod(section.shape)
    if count == 0:
        array: Array = np.empty(section.shape, section.dtype)
        array.flags.writeable = False
        return array
    return np.frombuffer(map_, section.dtype, count, section.offset).reshape(section.shape)


def _read_head(
    file: BinaryIO, path: Path, kind: str, max_version: int
) -> tuple[int, Header, SealedFile, int]:
    size = os.fstat(file.fileno()).st_size
    preamble = file.read(PREAMBLE_BYTES)
    version, offset, length, crc = _parse_preamble(preamble, path, kind, max_version)
    if offset + length != size or offset < PREAMBLE_BYTES:
        raise CorruptFileError(f"{path}: expected {offset + length} bytes, got {size}")
    file.seek(offset)
    raw = file.read(length)
    _check_crc(f"{path}: header", crc, zlib.crc32(raw))
    header = _parse_header(raw, path)
    _check_sections(header, offset, path)
    record = SealedFile(path.name, size, checksum(preamble[:IDENTITY_BYTES], raw))
    return version, header, record, offset


def _parse_preamble(
    preamble: bytes, path: Path, kind: str, max_version: int
) -> tuple[int, int, int, int]:
    if len(preamble) < PREAMBLE_BYTES:
        raise CorruptFileError(
            f"{path}: expected at least {PREAMBLE_BYTES} bytes, got {len(preamble)}"
        )
    _check_magic(preamble[:8], path)
    _, got_kind, version, offset, length, crc, own = PREAMBLE.unpack(preamble)
    _check_crc(f"{path}: preamble", own, zlib.crc32(preamble[:-4]))
    if got_kind != kind.encode("ascii"):
        raise CorruptFileError(f"{path}: expected a {kind!r} file, got {got_kind!r}")
    if version > max_version:
        raise FormatVersionError(_newer(path, f"{kind} version {max_version}", version))
    return version, offset, length, crc


def _check_magic(magic: bytes, path: Path) -> None:
    if magic == MAGIC:
        return
    if magic[:7] == MAGIC[:7] and MAGIC[7] < magic[7] <= ord("9"):
        raise FormatVersionError(_newer(path, "container version 1", chr(magic[7])))
    raise CorruptFileError(f"{path}: expected a tv5core file, got one starting {magic!r}")


def _newer(path: Path, known: str, got: object) -> str:
    return f"{path}: expected at most {known}, got {got}: a newer tv5core wrote this file"


def _check_crc(what: str, expected: int, got: int) -> None:
    if expected != got:
        raise CorruptFileError(f"{what}: expected checksum {expected:08x}, got {got:08x}")


def _parse_header(raw: bytes, path: Path) -> Header:
    try:
        return msgspec.msgpack.decode(raw, type=Header)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CorruptFileError(f"{path}: expected a readable header, got {error}") from error


def _check_sections(header: Header, end: int, path: Path) -> None:
    blocks = -(-(end - PREAMBLE_BYTES) // BLOCK_BYTES)
    if len(header.checksums) != 4 * blocks:
        raise CorruptFileError(
            f"{path}: expected {blocks} block checksums, got {len(header.checksums) / 4:g}"
        )
    if len({section.name for section in header.sections}) != len(header.sections):
        raise CorruptFileError(f"{path}: expected distinct section names, got duplicates")
    position = PREAMBLE_BYTES
    for section in header.sections:
        position = _check_section(section, position, end, path)


def _check_section(section: Section, start: int, end: int, path: Path) -> int:
    """Check that a section is between ``start`` and ``end``; return its end."""
    where = f"{path}: section {section.name!r}"
    if section.dtype not in DTYPES:
        raise CorruptFileError(f"{where}: expected one of {sorted(DTYPES)}, got {section.dtype!r}")
    # Zeros count as ones here: NumPy too refuses (0, 2**62, 8), whose size is 0.
    extent = math.prod(max(1, n) for n in section.shape) * np.dtype(section.dtype).itemsize
    if len(section.shape) > 8 or any(n < 0 for n in section.shape) or extent > MAX_BYTES:
        raise CorruptFileError(f"{where}: expected a possible shape, got {section.shape}")
    last = section.offset + nbytes(section)
    if section.offset % ALIGNMENT or section.offset < start or last > end:
        raise CorruptFileError(
            f"{where}: expected bytes within {start} to {end}, got {section.offset} to {last}"
        )
    return last


def _verify_body(file: BinaryIO, path: Path, header: Header, end: int) -> None:
    file.seek(PREAMBLE_BYTES)
    expected = np.frombuffer(header.checksums, "<u4").tolist()
    for number, crc in enumerate(expected):
        start = PREAMBLE_BYTES + number * BLOCK_BYTES
        data = file.read(min(BLOCK_BYTES, end - start))
        _check_crc(f"{path}: block {number}", crc, zlib.crc32(data))
