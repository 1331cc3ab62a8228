"""Sources are kept going; one that fails is tried again, and told that something may be missed."""

from __future__ import annotations

import asyncio

import pytest

from tv5core.errors import UnavailableError
from tv5core.events.event import Event
from tv5core.events.listening import EventListener
from tv5core.events.source import Apply
from tv5core.events.webhook import WebhookEvents
from tv5core.observing import Tally

EVENT = Event(("a",), "title.changed")


class Breaking:
    """Delivers one event each time, then fails."""

    name, is_local = "breaking", False

    def __init__(self) -> None:
        self.resumed = list[bool]()

    async def deliver(self, apply: Apply, *, resumed: bool) -> None:
        self.resumed.append(resumed)
        await apply(EVENT)
        raise OSError("broken off")


async def until(done: object) -> None:
    async with asyncio.timeout(60):
        while not done():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_a_source_that_fails_is_resumed() -> None:
    source, heard, tally = Breaking(), list[Event](), Tally()

    async def apply(event: Event) -> None:
        heard.append(event)

    listener = EventListener([source], apply, observer=tally)
    listener.start()
    await until(lambda: len(source.resumed) >= 2)
    await listener.close()
    assert source.resumed[:2] == [False, True]
    assert heard[:2] == [EVENT, EVENT]
    assert tally.counted("events.failed", source="breaking") >= 1
    assert tally.counted("events.applied", source="breaking") >= 2


async def test_one_process_listens_and_another_takes_over() -> None:
    source, ours = Breaking(), False
    listener = EventListener([source], _nothing, owns=lambda: ours)
    listener.start()
    await asyncio.sleep(0.05)
    assert not source.resumed
    ours = True
    await until(lambda: source.resumed)
    assert source.resumed[0], "who listened before may have missed something at its end"
    await listener.close()


async def test_a_webhook_is_answered_when_its_event_is_applied() -> None:
    source, heard = WebhookEvents(), list[Event]()

    async def apply(event: Event) -> None:
        await asyncio.sleep(0)
        heard.append(event)

    with pytest.raises(UnavailableError):
        await source.submit(EVENT)
    listener = EventListener([source], apply, owns=lambda: False)
    listener.start()
    await asyncio.sleep(0)
    await source.submit(EVENT)
    assert heard == [EVENT]
    await listener.close()
    with pytest.raises(UnavailableError):
        await source.submit(EVENT)


async def _nothing(_: Event) -> None:
    """Apply nothing."""
