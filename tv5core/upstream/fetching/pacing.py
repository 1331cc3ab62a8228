"""Lets other tasks run during long computations on the event loop."""

from __future__ import annotations

import asyncio

__all__ = ["Pacer"]

_MAX_BLOCK_S = 0.005


class Pacer:
    """Gives way to other tasks once its own work has taken 5 ms."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._resumed_at = self._clock()

    async def pace(self) -> None:
        """Let other tasks run, if it is time; call this after each small step."""
        if self._clock() - self._resumed_at >= _MAX_BLOCK_S:
            await asyncio.sleep(0)
            self._resumed_at = self._clock()
