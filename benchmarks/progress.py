"""Progress on the standard error, so that the standard output holds results only."""

from __future__ import annotations

import sys
import time

__all__ = ["Progress", "say"]


def say(message: str) -> None:
    """Print one line on the standard error."""
    print(message, file=sys.stderr, flush=True)


class Progress:
    """Print each step with the time since the start and, where known, the time left."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._left = ""

    def __call__(self, message: str) -> None:
        """Print one step."""
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        say(f"[{minutes:3}:{seconds:02}{self._left}] {message}")

    def estimate(self, done: int, total: int) -> None:
        """Extrapolate how long the rest takes."""
        if done:
            rest = (time.monotonic() - self._started) / done * (total - done)
            self._left = f", about {rest / 60:.0f} min left"
