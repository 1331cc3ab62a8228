"""Opens the file of a source as a stream of bytes: unpacked, in UTF-8, by lines.

How a file is packed is detected by its first bytes, never by its name: a gzip file named ``.csv``
is unpacked like any other. Unpacked bytes have a limit, so that a small file cannot fill the disk
or take unbounded time.
"""

from __future__ import annotations

import codecs
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from tv5core.errors import ImportFormatError
from tv5core.importers.base import Context, Source

__all__ = ["GZIP", "ZIP", "content_name", "head_of", "members", "open_source", "unpacked_limit"]

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
_HEAD = 1 << 20
_CHUNK = 1 << 18
_MAX_MEMBERS = 1_000
_FREE_BYTES, _RATIO = 256 << 20, 100
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def unpacked_limit(packed_bytes: int) -> int:
    """Return how many bytes a file may unpack to: 256 MiB, and 100 for each packed byte."""
    return _FREE_BYTES + _RATIO * packed_bytes


def content_name(path: Path, member: str = "") -> Path:
    """Return the name of what a file holds: ``x.csv`` for ``x.csv.gz``, a member's own name."""
    name = Path(member) if member else path
    return name.with_suffix("") if name.suffix.casefold() == ".gz" and name.stem else name


@contextmanager
def open_source(source: Source, context: Context | None = None) -> Iterator[IO[bytes]]:
    """Open what a source holds as UTF-8 with line feeds; the context counts the bytes read.

    Raises
    ------
    ImportFormatError
        It is packed in an unknown way, damaged, or unpacks to more than the limit; also
        while it is read.
    OSError
        The file cannot be read.
    """
    with ExitStack() as stack:
        stream = _unpacked(_packed(source, context, stack), source, context)
        encoding = _encoding(stream.peek(4)[:4], context)
        if encoding:
            stream = _buffered(_Recoded(stream, encoding))
        head = stream.peek(_CHUNK)
        if b"\r" in head and b"\n" not in head:
            stream = _buffered(_OldMacLines(stream))
        yield stream


def head_of(source: Source, context: Context | None = None, size: int = _HEAD) -> bytes:
    """Return the first bytes of what a source holds."""
    quiet = None if context is None else Context(context.options)
    with open_source(source, quiet) as stream:
        return stream.read(size)


def _packed(source: Source, context: Context | None, stack: ExitStack) -> io.BufferedReader:
    """Open the file, or its member where it is an archive."""
    raw = stack.enter_context(source.path.open("rb", buffering=0))
    counted = _buffered(_Counted(raw, context))
    if not source.member:
        return counted
    try:
        archive = stack.enter_context(zipfile.ZipFile(counted))
        _check_size(archive, source)
        return _buffered(_Member(stack.enter_context(archive.open(source.member))))
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError) as error:
        raise ImportFormatError(f"expected a ZIP archive that opens, got: {error}") from None


def _check_size(archive: zipfile.ZipFile, source: Source) -> None:
    # A member ends at the size that is stated, whatever it holds.
    size = archive.getinfo(source.member).file_size
    limit = unpacked_limit(source.path.stat().st_size)
    if size > limit:
        raise ImportFormatError(f"expected at most {limit} bytes in {source.member}, got {size}")


def _unpacked(
    stream: io.BufferedReader, source: Source, context: Context | None
) -> io.BufferedReader:
    if stream.peek(2)[:2] != GZIP:
        return stream
    limit = unpacked_limit(source.path.stat().st_size)
    stream = _buffered(_Gunzipped(stream, limit, context))
    if stream.peek(2)[:2] == GZIP:
        raise ImportFormatError("expected text in gzip, got gzip in gzip: unpack it once")
    return stream


def _encoding(start: bytes, context: Context | None) -> str:
    """Return the encoding to convert from; empty for UTF-8, and for what is decoded by line."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    given = context.options.encoding if context is not None else ""
    if given or len(start) < len("ab") * 2 or start.count(0) != len("ab"):
        return given
    if start[0] and start[2]:
        return "utf-16-le"
    return "utf-16-be" if start[1] and start[3] else given


def members(path: Path) -> list[str]:
    """Names of the files in a ZIP archive, without folders and hidden ones.

    Raises
    ------
    ImportFormatError
        It is no whole ZIP archive, or has more than 1,000 members.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = [each.filename for each in archive.infolist() if not each.is_dir()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ImportFormatError(f"expected a ZIP archive, got: {error}") from None
    if len(found) > _MAX_MEMBERS:
        raise ImportFormatError(f"expected at most {_MAX_MEMBERS} files in it, got {len(found)}")
    return sorted(name for name in found if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in Path(name).parts)


def _buffered(raw: io.RawIOBase) -> io.BufferedReader:
    return io.BufferedReader(raw, _CHUNK)


class _Readable(io.RawIOBase):
    """A stream that is read by chunks; a subclass says where they come from."""

    def __init__(self) -> None:
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = self._more()
            if chunk is None:
                return 0
            self._rest = chunk
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _more(self) -> bytes | None:
        """Return the next chunk, which may be empty; None at the end."""
        raise NotImplementedError


class _Counted(io.RawIOBase):
    """A file whose bytes are counted as they are read."""

    def __init__(self, raw: io.RawIOBase | io.FileIO, context: Context | None) -> None:
        self._raw, self._context = raw, context

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readinto(self, buffer: Any) -> int:
        size = self._raw.readinto(buffer) or 0
        if self._context is not None:
            self._context.bytes_read += size
        return size


class _Member(_Readable):
    """A member of an archive, read as it comes."""

    def __init__(self, inner: IO[bytes]) -> None:
        super().__init__()
        self._inner = inner

    def _more(self) -> bytes | None:
        try:
            return self._inner.read(_CHUNK) or None
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ImportFormatError(f"expected a whole ZIP archive, got: {error}") from None


class _Gunzipped(_Readable):
    """The members of a gzip file one after another; other bytes behind them are ignored."""

    def __init__(self, packed: IO[bytes], limit: int, context: Context | None) -> None:
        super().__init__()
        self._packed, self._limit, self._context = packed, limit, context
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._left = b""
        self._size = 0

    def _more(self) -> bytes | None:
        packed = self._left or self._packed.read(_CHUNK)
        if self._inflater.eof:
            if not (packed := self._next_member(packed)):
                return None
            self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        if not packed:
            raise ImportFormatError("expected a whole gzip file, got one that ends early")
        return self._inflated(packed)

    def _next_member(self, packed: bytes) -> bytes:
        """Return the bytes from the next member on, nothing where there is none."""
        while len(packed := packed.lstrip(b"\0")) < len(GZIP):
            if not (more := self._packed.read(_CHUNK)):
                break
            packed += more
        if packed.startswith(GZIP):
            return packed
        if packed and self._context is not None:
            self._context.note("bytes after the end of gzip", str(len(packed)))
        return b""

    def _inflated(self, packed: bytes) -> bytes:
        try:
            found = self._inflater.decompress(packed, _CHUNK)
        except zlib.error as error:
            raise ImportFormatError(f"expected a gzip file, got: {error}") from None
        self._left = self._inflater.unconsumed_tail or self._inflater.unused_data
        self._size += len(found)
        if self._size > self._limit:
            raise ImportFormatError(f"expected at most {self._limit} bytes unpacked, got more")
        return found


class _Recoded(_Readable):
    """Text of another encoding as UTF-8."""

    def __init__(self, inner: IO[bytes], encoding: str) -> None:
        super().__init__()
        self._inner = inner
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def _more(self) -> bytes | None:
        chunk = self._inner.read(_CHUNK)
        found = self._decoder.decode(chunk, final=not chunk)
        return found.encode("utf-8", "replace") if chunk or found else None


class _OldMacLines(_Readable):
    """Text with carriage returns alone for line ends."""

    def __init__(self, inner: IO[bytes]) -> None:
        super().__init__()
        self._inner = inner

    def _more(self) -> bytes | None:
        return self._inner.read(_CHUNK).replace(b"\r", b"\n") or None
