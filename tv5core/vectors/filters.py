"""Filter: restrict a search to some rows, given by keys, by a mask or bitmap, or by segment."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from tv5core import bitmap, kernels
from tv5core.arguments import as_array, as_int64, shown
from tv5core.bitmap import Bitmap
from tv5core.errors import InvalidInputError
from tv5core.vectors.keyed_rows import Allowed, KeyedRows, SegmentId

__all__ = ["Filter"]

I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_LOOKED_UP_ONE_IN = 64  # keys a row: of fewer rows, each is looked up by bisection


class _Rule(Protocol):
    """Which rows a filter allows."""

    def bitmap_of(self, segment: KeyedRows, start: int) -> Bitmap:
        """Return which of the segment's rows from ``start`` on, a multiple of 8, are allowed."""


class _Keys:
    """Rows with some keys."""

    def __init__(self, keys: I64) -> None:
        self._keys = np.sort(keys)

    def bitmap_of(self, segment: KeyedRows, start: int) -> Bitmap:
        if start == 0:
            return segment.rows_with_keys(self._keys)
        keys = segment.keys[start:]
        if len(keys) > len(self._keys) // _LOOKED_UP_ONE_IN:
            return kernels.rows_with_keys(keys, self._keys)
        place = np.searchsorted(self._keys, keys)  # few rows are new: each is looked up
        return bitmap.from_mask(self._keys[np.minimum(place, len(self._keys) - 1)] == keys)


class _Mask:
    """Rows with a key ``i`` where ``mask[i]``; keys past its end are not allowed."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask

    def bitmap_of(self, segment: KeyedRows, start: int) -> Bitmap:
        keys = segment.keys[start:]
        inside = keys < len(self._mask)
        allowed = inside.copy()
        allowed[inside] = self._mask[keys[inside]]
        return bitmap.from_mask(allowed)


class _Segments:
    """Rows of each segment by their numbers."""

    def __init__(self, bitmaps: Mapping[SegmentId, Bitmap]) -> None:
        self._bitmaps = bitmaps

    def bitmap_of(self, segment: KeyedRows, start: int) -> Bitmap:
        allowed = self._bitmaps.get(segment.id)
        if allowed is None:
            raise InvalidInputError(
                f"expected a bitmap for each segment, got none for one of {len(segment)} rows: "
                "search the snapshot that the filter was made for"
            )
        return bitmap.resized(allowed, len(segment))[start // 8 :]


class _Cached(NamedTuple):
    """What a filter allows of a segment as it was when it was last searched."""

    size: int
    bits: Bitmap
    alive: Bitmap | None
    allowed: Allowed


class Filter:
    """Rows a search may return; safe to share between threads.

    Make one with :meth:`VectorIndex.filter` or one of the constructors and use it for any number of
    searches: the bitmap of a segment is computed once, and for rows that are added to it since.
    """

    def __init__(self, rule: _Rule) -> None:
        self._rule = rule
        self._cached: WeakKeyDictionary[SegmentId, _Cached] = WeakKeyDictionary()

    @classmethod
    def of(cls, allow: Any) -> Filter:
        """Make a filter of keys, of a boolean mask over keys, of a roaring bitmap, or of a filter.

        A roaring bitmap is a ``BitMap`` or ``BitMap64`` of pyroaring and holds keys.

        Arrays are copied: what is done to them later changes no filter.

        Raises
        ------
        InvalidInputError
            Neither integers nor booleans in one dimension.
        """
        if isinstance(allow, cls):
            return allow
        if _is_roaring(allow):
            return cls(_Keys(np.asarray(allow.to_array()).astype(np.int64)))
        given = as_array("allow to be keys or a boolean mask in one dimension", allow)
        if given.ndim == 1 and given.dtype == np.bool_:
            return cls(_Mask(given.copy()))  # the caller's may change before a segment is met
        if given.ndim == 1 and (given.dtype.kind in "iu" or given.size == 0):
            return cls(_Keys(as_int64(given)))
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

    def allowed(self, segment: KeyedRows) -> Allowed:
        """Return the rows of a segment that are allowed and not deleted."""
        known, size = self._cached.get(segment.id), len(segment)
        if known is not None and known.size == size and known.alive is segment.alive:
            return known.allowed
        bits = self._bits(segment, known)
        allowed = Allowed.of(segment, bits)
        self._cached[segment.id] = _Cached(size, bits, segment.alive, allowed)
        return allowed

    def _bits(self, segment: KeyedRows, known: _Cached | None) -> Bitmap:
        """Return the allowed rows, deleted ones included; ask for those only that are new."""
        size = len(segment)
        if known is None or known.size > size:  # an older snapshot than the last one searched
            return self._rule.bitmap_of(segment, 0)
        if known.size == size:
            return known.bits
        whole = known.size // 8
        return np.concatenate([known.bits[:whole], self._rule.bitmap_of(segment, 8 * whole)])


def _is_roaring(allow: object) -> bool:
    """Tell whether it is a bitmap of pyroaring, which need not be installed."""
    pyroaring = sys.modules.get("pyroaring")
    names = ("BitMap", "FrozenBitMap", "BitMap64", "FrozenBitMap64")
    return pyroaring is not None and isinstance(
        allow, tuple(getattr(pyroaring, name) for name in names)
    )


def _check_bitmap(allowed: Bitmap) -> None:
    if not isinstance(allowed, np.ndarray) or allowed.dtype != np.uint8 or allowed.ndim != 1:
        raise InvalidInputError(
            f"expected a bitmap of uint8 in one dimension, got {shown(allowed)}"
        )
