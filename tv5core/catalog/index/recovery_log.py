"""What opening a catalogue found damaged, and what was done about it."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["RecoveryLog"]

log = logging.getLogger("tv5core")

_SHOWN_ROWS = 5


class RecoveryLog:
    """Collects what was recovered, and logs it.

    Attributes
    ----------
    messages : list of str
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._left_out: set[int] = set()
        self.messages: list[str] = []

    def add(self, message: str) -> None:
        """Note and log a message."""
        self.messages.append(message)
        log.warning("%s: %s", self._folder, message)

    def leave_out(self, rows: npt.NDArray[np.int64]) -> None:
        """Note, once of each row, that it is served without its vector, which is damaged."""
        fresh = sorted(set(rows.tolist()) - self._left_out)
        if not fresh:
            return
        self._left_out.update(fresh)
        some = ", ".join(map(str, fresh[:_SHOWN_ROWS])) + ", ..." * (len(fresh) > _SHOWN_ROWS)
        self.add(f"damaged vectors were left out: {len(fresh):,} (rows {some})")
