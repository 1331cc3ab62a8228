"""``/api/hooks/availability``: a provider says what has changed."""

from __future__ import annotations

from tv5core.events.event import Event
from tv5core.server.api.answers import Invalidated
from tv5core.server.api.bodies import EventBody
from tv5core.server.api.calls import Call, Reply

__all__ = ["availability_changed"]


async def availability_changed(call: Call[object, EventBody]) -> Reply:
    """Invalidate what an event touches, in every process."""
    await call.resources.webhook.submit(Event(call.body.ids, call.body.event))
    kinds = ("availability",) if call.body.event == "availability.changed" else (
        "availability", "details", "title",
    )  # fmt: skip
    return Reply(Invalidated(call.body.ids, kinds))
