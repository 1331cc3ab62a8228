"""WebhookEvents: events that a provider sends in requests."""

from __future__ import annotations

import asyncio

from tv5core.errors import UnavailableError
from tv5core.events.event import Event
from tv5core.events.source import Apply

__all__ = ["WebhookEvents"]


class WebhookEvents:
    """Hands over what an endpoint receives; the sender is answered when it is applied."""

    name = "webhook"
    is_local = True

    def __init__(self) -> None:
        self._apply: Apply | None = None

    async def deliver(self, apply: Apply, *, resumed: bool) -> None:  # noqa: ARG002 - see submit
        """Have what is submitted applied, until this is cancelled."""
        self._apply = apply
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._apply = None

    async def submit(self, event: Event) -> None:
        """Apply an event; return when that is done.

        Raises
        ------
        UnavailableError
            Nobody listens: the sender may try again.
        """
        if self._apply is None:
            raise UnavailableError(
                "expected somebody to listen for events, got nobody yet", retry_after_s=1.0
            )
        await self._apply(event)
