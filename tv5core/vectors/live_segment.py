"""LiveSegment: rows added since the last sealing, scanned instead of walked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.bitmap import Bitmap
from tv5core.observing import stage
from tv5core.vectors.keyed_rows import SegmentId
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.planner import choose_plan, scan_margin
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.segment import (
    Allowed,
    SegmentHits,
    scan_bounded,
    scan_codes,
    scan_rows,
)
from tv5core.vectors.stored_rows import StoredRows

__all__ = ["LiveSegment"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

_MIN_CANDIDATES = 100
"""The codes may have been centred before there was data to centre on: rescore more of them."""


@dataclass(frozen=True)
class LiveSegment:
    """A view of live rows that no later append touches; see :class:`Segment`."""

    id: SegmentId
    keys: I64
    codes: U8
    rows: StoredRows
    quantizer: Quantizer
    alive: Bitmap | None
    alive_count: int

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def sealed(self) -> bool:
        """False."""
        return False

    @property
    def scratch_bytes(self) -> int:
        """None: scans keep no scratch."""
        return 0

    def buffers(self) -> dict[str, list[npt.NDArray[Any]]]:
        """Return the arrays in memory, as ``live``."""
        scales = [] if self.rows.scales is None else [self.rows.scales]
        return {"live": [self.keys, self.codes, self.rows.values, *scales]}

    def rows_with_keys(self, keys: I64) -> Bitmap:
        """Compare the key of every row."""
        return kernels.rows_with_keys(self.keys, keys)

    def search(
        self, queries: F32, k: int, options: SearchOptions, allowed: Allowed | None = None
    ) -> SegmentHits:
        """Scan exactly, or by codes."""
        which = allowed or Allowed.of(self)
        plan = choose_plan(len(self), which.row_count, k, options, walkable=False)
        with stage(plan):
            if plan == "exact":
                return scan_rows(self, queries, k, which)
            if which.bitmap is not None:
                return scan_bounded(self, queries, k, scan_margin(options.settings), which)
            candidates = max(options.settings.candidates(k), _MIN_CANDIDATES)
            return scan_codes(self, queries, k, candidates, which)
