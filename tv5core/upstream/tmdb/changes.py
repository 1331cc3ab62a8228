"""The windows of days in which TMDB tells what changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Unpack

from tv5core.errors import InvalidInputError
from tv5core.upstream.tmdb.types import ChangedId, Page

if TYPE_CHECKING:
    from tv5core.upstream.fetching.call_options import Limits
    from tv5core.upstream.tmdb.client import Media, Tmdb

__all__ = ["MAX_WINDOW_DAYS", "Ask", "changed_ids", "day", "window", "windows"]

MAX_WINDOW_DAYS = 14
"""TMDB's own limit."""
_MAX_PAGE = 500


def day(given: date) -> date:
    """Return the day itself; a moment would be taken for one of an unknown time zone."""
    if isinstance(given, datetime) or not isinstance(given, date):
        raise InvalidInputError(f"expected a date, got {given!r}")
    return given


def window(start: date, end: date) -> dict[str, str]:
    """Return the parameters of a window of days.

    Raises
    ------
    InvalidInputError
        It is longer than 14 days, or ends before it starts.
    """
    if not timedelta(0) <= day(end) - day(start) <= timedelta(days=MAX_WINDOW_DAYS):
        raise InvalidInputError(
            f"expected at most {MAX_WINDOW_DAYS} days, the earlier first, got {start} to {end}"
        )
    return {"start_date": start.isoformat(), "end_date": end.isoformat()}


def windows(since: date, until: date) -> Iterator[tuple[date, date]]:
    """Cut a stretch of days into windows that TMDB takes; neighbours share a day."""
    start = day(since)
    if day(until) < start:
        raise InvalidInputError(f"expected the earlier day first, got {since} to {until}")
    while True:
        end = min(start + timedelta(days=MAX_WINDOW_DAYS), until)
        yield start, end
        if end >= until:
            return
        start = end


Ask = Callable[[Callable[[], Awaitable[Page[ChangedId]]]], Awaitable[Page[ChangedId]]]
"""Makes a call, perhaps more than once; see :class:`Patience`."""


async def _at_once(call: Callable[[], Awaitable[Page[ChangedId]]]) -> Page[ChangedId]:
    return await call()


async def changed_ids(
    client: Tmdb,
    media: Media,
    since: date,
    until: date,
    ask: Ask = _at_once,
    **limits: Unpack[Limits],
) -> list[int]:
    """Collect the numbers of all titles that changed; see ``Tmdb.changed_ids``."""
    found: set[int] = set()
    for start, end in windows(since, until):
        found |= await _changed_within(client, media, start, end, ask, **limits)
    return sorted(found)


async def _changed_within(
    client: Tmdb, media: Media, start: date, end: date, ask: Ask, **limits: Unpack[Limits]
) -> set[int]:
    """Read all pages of a window; one with more pages than TMDB gives is halved."""

    def page(number: int) -> Awaitable[Page[ChangedId]]:
        return ask(lambda: client.changes(media, start, end, page=number, **limits))

    first = await page(1)
    if first.total_pages > _MAX_PAGE and end - start > timedelta(days=1):
        middle = start + (end - start) // 2
        left = await _changed_within(client, media, start, middle, ask, **limits)
        return left | await _changed_within(client, media, middle, end, ask, **limits)
    found = {each.id for each in first.results}
    for number in range(2, min(first.total_pages, _MAX_PAGE) + 1):
        found.update(each.id for each in (await page(number)).results)
    return found - {0}
