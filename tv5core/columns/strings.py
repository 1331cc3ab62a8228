"""A sorted table of texts in two arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

__all__ = ["StringTable", "adjacent"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

_AFTER = b"\xff"  # sorts after every byte of UTF-8


class StringTable:
    """Texts in UTF-8, one after another; sorted by their bytes where they are to be found.

    Parameters
    ----------
    blob : uint8[bytes]
    offsets : uint32[n + 1]
        Where each begins.
    """

    def __init__(self, blob: U8, offsets: U32) -> None:
        self.blob, self.offsets = blob, offsets

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> StringTable:
        """Make a table of texts in the order given."""
        offsets = np.zeros(len(texts) + 1, np.uint32)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        return cls(np.frombuffer(b"".join(texts), np.uint8), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def raw(self, place: int) -> bytes:
        """Return the bytes of a text."""
        blob, offsets = self._views
        return bytes(blob[offsets[place] : offsets[place + 1]])

    @cached_property
    def _views(self) -> tuple[memoryview, memoryview]:
        """The arrays, as Python takes single items of them fastest."""
        return self.blob.data, self.offsets.data

    def __getitem__(self, place: int) -> str:
        return self.raw(place).decode("utf-8", "replace")

    def all_raw(self) -> list[bytes]:
        """Return the bytes of all texts."""
        blob, ends = self.blob.tobytes(), self.offsets.tolist()
        return [blob[a:b] for a, b in pairwise(ends)]

    def __iter__(self) -> Iterator[str]:
        return (text.decode("utf-8", "replace") for text in self.all_raw())

    def find(self, text: str) -> int:
        """Return the place of a text, -1 where there is none."""
        raw = text.encode()
        place = self._bisect(raw)
        return place if place < len(self) and self.raw(place) == raw else -1

    def prefix_range(self, prefix: str) -> tuple[int, int]:
        """Return the first and the end of the places of texts that begin so."""
        raw = prefix.encode()
        return self._bisect(raw), self._bisect(raw + _AFTER) if raw else len(self)

    def _bisect(self, raw: bytes) -> int:
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.raw(middle) < raw:
                low = middle + 1
            else:
                high = middle
        return low

    @property
    def nbytes(self) -> int:
        """Bytes of both arrays."""
        return self.blob.nbytes + self.offsets.nbytes


def adjacent(
    starts: npt.NDArray[np.integer], lengths: npt.NDArray[np.integer]
) -> npt.NDArray[np.int64]:
    """Return the numbers ``starts[0], starts[0] + 1, ...`` of all runs, one after another."""
    ends = np.cumsum(lengths, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    shift = np.repeat(starts.astype(np.int64) - (ends - lengths), lengths)
    return np.arange(total, dtype=np.int64) + shift
