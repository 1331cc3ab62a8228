"""Failpoints: named places in everything that changes what is on disk.

The code calls :func:`failpoint` after each step of the commit protocol. In production that does
nothing; tests set :data:`hook` to pause, fail or kill the process exactly there.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["failpoint", "hook"]

hook: Callable[[str], None] | None = None
"""Called with a failpoint's name; set by tests only."""


def failpoint(name: str) -> None:
    """Mark a completed step, such as ``"seal: recorded"``."""
    if hook is not None:
        hook(name)
