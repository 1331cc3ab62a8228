"""Which process of a gateway owns a share of a provider's limit: one lock a share.

While a gateway is reloaded, it has twice as many processes as shares: old ones that finish, new
ones that begin. Each share is owned by whichever process holds its lock, and the lock goes with the
process, however that ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from tv5core.files.locking import try_lock
from tv5core.upstream.limiting.in_flight import COUNTED_S

__all__ = ["ShareLock"]

_TRIES_EVERY_S = 0.2


class ShareLock:
    """A share that is this process's alone.

    Parameters
    ----------
    folder : Path
        The same in all processes of the gateway; made where it is missing.
    shares : int
        How many there are.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self, folder: Path, shares: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._shares, self._clock = folder, shares, clock
        self._held: int | None = None
        self._since = self._try_at = clock()

    def is_owned(self) -> bool:
        """Return whether a share is owned, and what its last owner sent counts no more."""
        now = self._clock()
        if self._held is None and now >= self._try_at:
            self._try_at = now + _TRIES_EVERY_S
            self._held, self._since = self._taken(), now
        return self._held is not None and now - self._since >= COUNTED_S

    def _taken(self) -> int | None:
        """Take any share that nobody has."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(self._shares):
            lock = try_lock(self._folder / str(number))
            if lock is not None:
                return lock
        return None

    def close(self) -> None:
        """Let go of the share."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
