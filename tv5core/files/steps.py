"""Named steps of everything that changes what is on disk.

The code calls :func:`reached` after each step of the commit protocol. In use that does nothing;
tests set :data:`hook` to stop, fail or kill the process exactly there.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["hook", "reached"]

hook: Callable[[str], None] | None = None
"""Called with a step's name; set by tests only."""


def reached(step: str) -> None:
    """Say that a step, such as ``"seal: recorded"``, is done."""
    if hook is not None:
        hook(step)
