"""Decompresses gzip as it arrives, in bounded steps, whatever follows its end."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

__all__ = ["GZIP_MAGIC", "GzipStream"]

GZIP_MAGIC = b"\x1f\x8b"
"""The first bytes of a gzip member."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_STEP_BYTES = 65_536
# The rest of a slice is copied at the end of each member, so that many short members in a long
# slice would take quadratic time.
_SLICE_BYTES = 16_384
_PADDING = b"\0\t\n\r "


class GzipStream:
    """Decompresses the members of a gzip file, or one zlib stream.

    A file may have several members (RFC 1952, section 2.2), and padding between and after them.
    Other bytes after a member's end, such as a page that a server appended, are ignored and
    counted, as gzip itself does with a warning.

    Attributes
    ----------
    trailing_bytes : int
        Bytes after the end that are neither a member nor padding.
    """

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._head = b""  # the first byte of what may be the next member
        self._is_over = False
        self.trailing_bytes = 0

    @property
    def is_whole(self) -> bool:
        """Whether the last member has ended."""
        return self._inner.eof

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Decompress the next bytes in steps of at most 64 KiB, each of which may give nothing.

        Raises
        ------
        zlib.error
            A member is damaged.
        """
        position = 0
        while position < len(piece):
            if self._is_over:
                self.trailing_bytes += len(piece) - position
                return
            if self._inner.eof:
                position = self._begin_member(piece, position)
                continue
            given = piece[position : position + _SLICE_BYTES]
            yield self._inner.decompress(given, _STEP_BYTES)
            left = self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail
            position += len(given) - len(left)

    def finish(self) -> None:
        """Count a byte that was kept as the possible beginning of a member."""
        self.trailing_bytes += len(self._head)
        self._head = b""

    def _begin_member(self, piece: bytes, position: int) -> int:
        """Skip padding, and begin a member if one follows; return the next position."""
        if not self._head and piece[position] in _PADDING:
            return len(piece) - len(piece[position:].lstrip(_PADDING))
        head = self._head + piece[position : position + len(GZIP_MAGIC) - len(self._head)]
        if len(head) < len(GZIP_MAGIC) and GZIP_MAGIC.startswith(head):
            self._head = head
            return len(piece)
        if head == GZIP_MAGIC:
            self._inner = zlib.decompressobj(_GZIP_OR_ZLIB)
            self._inner.decompress(self._head)
        else:
            self._is_over = True
            self.trailing_bytes += len(self._head)
        self._head = b""
        return position
