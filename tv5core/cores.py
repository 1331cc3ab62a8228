"""How many threads or processes can run at once."""

from __future__ import annotations

import os

__all__ = ["usable_cores"]


def usable_cores() -> int:
    """Return how many cores this process may use; where the system does not say, those there are.

    Linux says it; macOS does not have ``sched_getaffinity``.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
