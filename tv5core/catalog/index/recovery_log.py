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
        self._left_out: dict[str, set[int]] = {}
        self.messages: list[str] = []

    def add(self, message: str) -> None:
        """Note and log a message."""
        self.messages.append(message)
        log.warning("%s: %s", self._folder, message)

    def leave_out(self, rows: npt.NDArray[np.int64]) -> None:
        """Note, once of each row, that it is served without its vector, which is damaged."""
        self._leave_out(rows.tolist(), "vectors")

    def leave_out_title(self, row: int) -> None:
        """Note, once of each row, that answers lack its title, which is damaged."""
        self._leave_out([row], "titles")

    def _leave_out(self, rows: list[int], what: str) -> None:
        seen = self._left_out.setdefault(what, set())
        fresh = sorted(set(rows) - seen)
        if not fresh:
            return
        seen.update(fresh)
        some = ", ".join(map(str, fresh[:_SHOWN_ROWS])) + ", ..." * (len(fresh) > _SHOWN_ROWS)
        self.add(f"damaged {what} were left out: {len(fresh):,} (rows {some})")
