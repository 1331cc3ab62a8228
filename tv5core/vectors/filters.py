"""Filter: restrict a search to some rows, given by keys, by a mask or bitmap, or by segment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.arguments import as_array, shown
from tv5core.bitmap import Bitmap
from tv5core.errors import InvalidInputError
from tv5core.vectors.keyed_rows import KeyedRows, SegmentId

__all__ = ["Filter"]

I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class _Rule(Protocol):
    """Which rows a filter allows."""

    def bitmap_of(self, segment: KeyedRows) -> Bitmap:
        """Return the allowed rows in the segment's own numbers."""


class _Keys:
    """Rows with some keys."""

    def __init__(self, keys: I64) -> None:
        self._keys = np.unique(keys)

    def bitmap_of(self, segment: KeyedRows) -> Bitmap:
        return segment.rows_with_keys(self._keys)


class _Mask:
    """Rows with a key ``i`` where ``mask[i]``; keys past its end are not allowed."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask

    def bitmap_of(self, segment: KeyedRows) -> Bitmap:
        keys = segment.keys
        inside = keys < len(self._mask)
        allowed = inside.copy()
        allowed[inside] = self._mask[keys[inside]]
        return bitmap.from_mask(allowed)


class _Segments:
    """Rows of each segment by their numbers."""

    def __init__(self, bitmaps: Mapping[SegmentId, Bitmap]) -> None:
        self._bitmaps = bitmaps

    def bitmap_of(self, segment: KeyedRows) -> Bitmap:
        allowed = self._bitmaps.get(segment.id)
        if allowed is None:
            raise InvalidInputError(
                f"expected a bitmap for each segment, got none for one of {len(segment)} rows: "
                "search the snapshot that the filter was made for"
            )
        return bitmap.resized(allowed, len(segment))


class Filter:
    """Rows a search may return; safe to share between threads.

    Make one with :meth:`VectorIndex.filter` or one of the constructors and use it for any number of
    searches: the bitmap of a segment is computed once, and again when rows were added to it.
    """

    def __init__(self, rule: _Rule) -> None:
        self._rule = rule
        self._cached: WeakKeyDictionary[SegmentId, tuple[int, Bitmap]] = WeakKeyDictionary()

    @classmethod
    def of(cls, allow: Any) -> Filter:
        """Make a filter of keys, of a boolean mask over keys, or of a filter.

        Arrays are copied: what is done to them later changes no filter.

        Raises
        ------
        InvalidInputError
            Neither integers nor booleans in one dimension.
        """
        if isinstance(allow, cls):
            return allow
        given = as_array("allow to be keys or a boolean mask in one dimension", allow)
        if given.ndim == 1 and given.dtype == np.bool_:
            return cls(_Mask(given.copy()))  # the caller's may change before a segment is met
        if given.ndim == 1 and (given.dtype.kind in "iu" or given.size == 0):
            return cls(_Keys(given.astype(np.int64)))
        raise InvalidInputError(
            "expected allow to be keys or a boolean mask in one dimension, "
            f"got {given.dtype} of shape {given.shape}"
        )

    @classmethod
    def from_bitmap(cls, allowed: Bitmap) -> Filter:
        """Make a filter of a bitmap over keys.

        Parameters
        ----------
        allowed : uint8[...]
            As :mod:`tv5core.bitmap` packs bits: key ``i`` is allowed where bit ``i`` is set; keys
            past the end are not.

        Raises
        ------
        InvalidInputError
            Another type or shape.
        """
        _check_bitmap(allowed)
        return cls(_Mask(np.unpackbits(allowed, bitorder="little").view(np.bool_)))

    @classmethod
    def from_segment_bitmaps(cls, bitmaps: Mapping[SegmentId, Bitmap]) -> Filter:
        """Make a filter of bitmaps over the rows of each segment, by its id.

        For callers that compute what is allowed from data of their own beside each segment. Rows
        past the end of a bitmap, which were added since, are not allowed. A search that meets a
        segment without a bitmap raises InvalidInputError.

        Raises
        ------
        InvalidInputError
            Another type or shape.
        """
        if not isinstance(bitmaps, Mapping) or not all(isinstance(i, SegmentId) for i in bitmaps):
            raise InvalidInputError(f"expected bitmaps by segment's id, got {shown(bitmaps)}")
        for allowed in bitmaps.values():
            _check_bitmap(allowed)
        return cls(_Segments({segment: allowed.copy() for segment, allowed in bitmaps.items()}))

    def bitmaps(self, segments: Iterable[KeyedRows]) -> list[Bitmap]:
        """Return the allowed rows of each segment, in its own row numbers."""
        return [self._bitmap_of(segment) for segment in segments]

    def _bitmap_of(self, segment: KeyedRows) -> Bitmap:
        size, allowed = self._cached.get(segment.id, (-1, None))
        if allowed is None or size != len(segment):
            allowed = self._rule.bitmap_of(segment)
            self._cached[segment.id] = len(segment), allowed
        return allowed


def _check_bitmap(allowed: Bitmap) -> None:
    if not isinstance(allowed, np.ndarray) or allowed.dtype != np.uint8 or allowed.ndim != 1:
        raise InvalidInputError(
            f"expected a bitmap of uint8 in one dimension, got {shown(allowed)}"
        )
