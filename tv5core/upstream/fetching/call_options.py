"""What every call of a client takes besides its own arguments."""

from __future__ import annotations

from typing import TypedDict

from tv5core.upstream.limiting.priority import Priority

__all__ = ["Limits"]


class Limits(TypedDict, total=False):
    """How urgent a call is, and how long it may take in all.

    Attributes
    ----------
    priority : Priority
        USER by default.
    deadline_s : float
        Seconds, waiting included; 10 by default.
    """

    priority: Priority
    deadline_s: float
