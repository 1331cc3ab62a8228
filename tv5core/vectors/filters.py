"""Restrict a search to some keys, given as keys or as a mask over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.bitmap import Bitmap
from tv5core.errors import InvalidInputError
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.planner import Snapshot

__all__ = ["Filter"]

I64 = npt.NDArray[np.int64]


@dataclass
class Filter:
    """Keys a search may return, with the bitmap of the sealed rows kept for the next search.

    Make one with :meth:`VectorIndex.filter` and use it for any number of searches: only the first
    pays for finding the rows.
    """

    keys: I64 | None
    mask: npt.NDArray[np.bool_] | None
    _sealed: tuple[SealedGraph, Bitmap] | None = None

    @classmethod
    def of(cls, allow: Any) -> Filter:
        """Take keys, a boolean mask (key ``i`` is allowed where ``mask[i]``), or a filter.

        Raises
        ------
        InvalidInputError
            Neither integers nor booleans in one dimension.
        """
        if isinstance(allow, cls):
            return allow
        given = np.asarray(allow)
        if given.ndim == 1 and given.dtype == np.bool_:
            return cls(None, given)
        if given.ndim == 1 and (given.dtype.kind in "iu" or given.size == 0):
            return cls(np.unique(given.astype(np.int64)), None)
        raise InvalidInputError(
            "expected allow to be keys or a boolean mask in one dimension, "
            f"got {given.dtype} of shape {given.shape}"
        )

    def bitmaps(self, snapshot: Snapshot) -> list[Bitmap]:
        """Return the allowed rows of each part of a snapshot."""
        return [
            self._of_sealed(snapshot.sealed)
            if part.graph is not None and snapshot.sealed is not None
            else bitmap.from_mask(self._holds(part.keys))
            for part in snapshot.parts
        ]

    def _of_sealed(self, sealed: SealedGraph) -> Bitmap:
        kept = self._sealed
        if kept is None or kept[0] is not sealed:
            kept = self._sealed = (sealed, self._find(sealed))
        return kept[1]

    def _find(self, sealed: SealedGraph) -> Bitmap:
        if self.keys is None or 8 * len(self.keys) > len(sealed):
            return bitmap.from_mask(self._holds(sealed.keys))
        rows = sealed.find(self.keys)
        return bitmap.from_rows(rows[rows >= 0], len(sealed))

    def _holds(self, keys: I64) -> npt.NDArray[np.bool_]:
        if self.keys is not None:
            return np.isin(keys, self.keys)
        mask = self.mask if self.mask is not None else np.zeros(0, bool)
        inside = keys < len(mask)
        held: npt.NDArray[np.bool_] = inside.copy()
        held[inside] = mask[keys[inside]]
        return held
