"""No fork while another thread imports: its child would wait for that import for ever.

A module that is being imported is locked by the thread that imports it. A child has no such thread,
and the first use of the module there never returns. NumPy and tv5core load some of their modules on
first use, so searching in a thread is enough.
"""

from __future__ import annotations

import importlib
import threading
import time
from typing import Any

__all__ = ["hold_imports", "release_imports"]

_PAUSE_S = 1e-3
_bootstrap: Any = getattr(importlib, "_bootstrap", None)
_imp: Any = getattr(_bootstrap, "_imp", None)
_held = threading.local()


def hold_imports(timeout_s: float) -> None:
    """Wait for imports of other threads to end, and let none begin until they are released.

    Gives up after a time: an import may wait for the thread that forks.
    """
    if _imp is None:
        return  # another Python than CPython keeps its locks elsewhere
    end = time.monotonic() + timeout_s
    while True:
        _imp.acquire_lock()
        if not _is_importing():
            _held.now = True
            return
        _imp.release_lock()
        if time.monotonic() >= end:
            return
        time.sleep(_PAUSE_S)


def release_imports() -> None:
    """Let imports begin again, in the parent and in the child."""
    if getattr(_held, "now", False):
        _held.now = False
        _imp.release_lock()


def _is_importing() -> bool:
    """Return whether another thread imports a module."""
    locks = [one() for one in list(getattr(_bootstrap, "_module_locks", {}).values())]
    idle = (None, threading.get_ident())
    return any(getattr(lock, "owner", None) not in idle for lock in locks)
