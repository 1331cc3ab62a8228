"""Locks that children of a fork may use, whatever another thread of the parent was at.

A child has only the thread that forked. A lock that another one held would never be released there.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["LockHolder", "renew_in_children"]


class LockHolder(Protocol):
    """Something with a lock.

    What the lock protects stays as it was in the parent: a holder whose changes take several steps
    must notice one that was cut short.
    """

    def renew_lock(self) -> None:
        """Make the lock, or make it anew."""


_HOLDERS: weakref.WeakSet[LockHolder] = weakref.WeakSet()


def renew_in_children(holder: LockHolder) -> None:
    """Make the lock of a holder, now and in every child of a fork."""
    holder.renew_lock()
    _HOLDERS.add(holder)


def _after_fork_in_child() -> None:
    for holder in list(_HOLDERS):
        holder.renew_lock()


os.register_at_fork(after_in_child=_after_fork_in_child)
