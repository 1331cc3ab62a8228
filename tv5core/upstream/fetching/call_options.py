"""The keyword arguments that every method of a client takes besides its own."""

from __future__ import annotations

from typing import TypedDict

from tv5core.upstream.limiting.priority import Priority

__all__ = ["CallOptions"]


class CallOptions(TypedDict, total=False):
    """How urgent a call is, and how long it may take.

    Attributes
    ----------
    priority : Priority
        USER by default.
    deadline_s : float
        Seconds for the whole call, queueing and retries included; 10 by default.
    """

    priority: Priority
    deadline_s: float
