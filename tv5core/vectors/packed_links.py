"""Links of a sealed graph without padding: compressed sparse rows, their places in the records.

A row has room for many links and uses a few: 14 of 48 on average at 100,000 rows. Packed, they take
two or three bytes each and nothing for what is not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tv5core.kernels import LINK_SLACK, NONE, PackedLinks
from tv5core.kernels.code_layout import CodeLayout

__all__ = ["MOST_LINKS", "PackedLists", "pack", "width_for"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

MOST_LINKS = 768
"""Links that a row may have room for, by the greatest connectivity."""
_BLOCK_ROWS = 65_536
_FIRST = np.uint64(0xFFFFFFFFFFFF)
_LENGTH = np.uint64(48)  # bits to the left
_LEAST_WIDTH = 2  # bytes: fewer serve 256 rows only


def width_for(rows: int) -> int:
    """Return how many bytes a row's number takes."""
    return max(_LEAST_WIDTH, -(-(rows - 1).bit_length() // 8))


def pack(links: U32) -> tuple[PackedLinks, U64]:
    """Pack links.

    Parameters
    ----------
    links : uint32[n, degree]
        Each list is padded with NONE.

    Returns
    -------
    packed : PackedLinks
    places : uint64[n]
        Where each row's list is, as its record has it.
    """
    n, degree = links.shape
    width = width_for(n)
    blocks = [slice(at, at + _BLOCK_ROWS) for at in range(0, n, _BLOCK_ROWS)]
    counts = np.concatenate([(links[some] != NONE).sum(axis=1) for some in blocks])
    ends = np.cumsum(counts)
    data = np.zeros(width * int(ends[-1]) + LINK_SLACK, np.uint8)
    at = 0
    for some in blocks:
        block = links[some]
        values = block[block != NONE].astype("<u4").view(np.uint8).reshape(-1, 4)
        data[at : at + width * len(values)] = values[:, :width].ravel()
        at += width * len(values)
    places = (ends - counts).astype(np.uint64) | counts.astype(np.uint64) << _LENGTH
    return PackedLinks(data, width, degree), places


@dataclass(frozen=True)
class PackedLists:
    """Lists of links to read by row, like an array uint32[n, degree] padded with NONE.

    Attributes
    ----------
    records : uint8[n, stride]
        Codes and the places of lists.
    layout : CodeLayout
        Of the records.
    packed : PackedLinks
    """

    records: U8
    layout: CodeLayout
    packed: PackedLinks

    def __len__(self) -> int:
        return len(self.records)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and links that a row has at most."""
        return len(self), self.packed.degree

    def __getitem__(self, rows: I64 | slice) -> U32:
        """Return the lists of some rows: uint32[m, degree], cut to what there is."""
        first, counts = self._places(rows)
        total, degree, width = self._total, self.packed.degree, self.packed.width
        first = np.minimum(first, total)
        counts = np.minimum(np.minimum(counts, degree), total - first)
        there = np.arange(degree) < counts[:, None]
        at = (first[:, None] + np.arange(degree))[there]
        numbers = np.zeros((len(at), 4), np.uint8)
        numbers[:, :width] = self.packed.data[: width * total].reshape(total, width)[at]
        lists = np.full((len(first), degree), NONE, np.uint32)
        lists[there] = numbers.view("<u4")[:, 0]
        return lists

    def misplaced(self, rows: slice) -> int:
        """Return how many of some rows have lists that are not within the packed links."""
        first, counts = self._places(rows)
        return int(((first + counts > self._total) | (counts > self.packed.degree)).sum())

    @property
    def _total(self) -> int:
        return (len(self.packed.data) - LINK_SLACK) // self.packed.width

    def _places(self, rows: I64 | slice) -> tuple[I64, I64]:
        """Return the first link and the number of links of each of some rows."""
        places = self.layout.places(self.records[rows])
        return (places & _FIRST).astype(np.int64), (places >> _LENGTH).astype(np.int64)
