"""The catalogues open in this process: closed when it ends, reset in a child when it forks."""

from __future__ import annotations

import atexit
import os
import weakref
from contextlib import suppress
from typing import Protocol

__all__ = ["forget", "remember"]


class OpenCatalog(Protocol):
    """What is called at the end of a catalogue's process, and in a forked child."""

    def close(self) -> None:
        """Stop work in the background and close the files."""

    def after_fork(self) -> None:
        """Reset after a fork, in the child."""


_OPEN: weakref.WeakSet[OpenCatalog] = weakref.WeakSet()


def remember(catalog: OpenCatalog) -> None:
    """Add a catalogue that was opened."""
    _OPEN.add(catalog)


def forget(catalog: OpenCatalog) -> None:
    """Remove a catalogue that was closed."""
    _OPEN.discard(catalog)


@atexit.register
def _close_all() -> None:
    # Work in the background must end before the interpreter's state goes away.
    for catalog in list(_OPEN):
        with suppress(Exception):
            catalog.close()


def _after_fork_in_child() -> None:
    for catalog in list(_OPEN):
        catalog.after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
