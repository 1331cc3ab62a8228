"""EventSource: where events come from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from tv5core.events.event import Event

__all__ = ["Apply", "EventSource"]

Apply = Callable[[Event], Awaitable[None]]
"""Applies an event; when it returns, the event is done with."""


class EventSource(Protocol):
    """Delivers events, one after another.

    Attributes
    ----------
    name : str
        In logs and metrics.
    is_local : bool
        Whether its events come to this very process, rather than to any that listens.
    """

    name: str
    is_local: bool

    async def deliver(self, apply: Apply, *, resumed: bool) -> None:
        """Deliver events until it is cancelled; raises where the source fails.

        Parameters
        ----------
        apply : callable
            Awaited for each event. Where it raises, so does this; a source that keeps events
            delivers that one again.
        resumed : bool
            Whether events were listened for before, so that some may have been missed since. A
            source that does not keep them then delivers an event ``missed`` first.
        """
