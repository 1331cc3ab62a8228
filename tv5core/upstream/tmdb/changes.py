"""Ids of changed titles over any number of days, although TMDB lists 14 days at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import date, datetime, timedelta

from tv5core.errors import InvalidInputError
from tv5core.upstream.tmdb.types import END_OF_IDS, ChangedId, Page

__all__ = [
    "MAX_WINDOW_DAYS",
    "FetchChanges",
    "changed_ids",
    "split_into_windows",
    "validated_day",
    "window_params",
]

MAX_WINDOW_DAYS = 14
"""TMDB's own limit."""
_MAX_PAGE = 500

FetchChanges = Callable[[date, date, int], Awaitable[Page[ChangedId]]]
"""Fetches a page of the changes from one day to another; pages count from 1."""


def validated_day(day: date) -> date:
    """Return the day itself.

    Raises
    ------
    InvalidInputError
        It is not a date, or a datetime, whose day depends on the time zone.
    """
    if isinstance(day, datetime) or not isinstance(day, date):
        raise InvalidInputError(f"expected a date, got {day!r}")
    return day


def window_params(start: date, end: date) -> dict[str, str]:
    """Return the query parameters of a window of days.

    Raises
    ------
    InvalidInputError
        It is longer than 14 days, or ends before it starts.
    """
    length = validated_day(end) - validated_day(start)
    if not timedelta(0) <= length <= timedelta(days=MAX_WINDOW_DAYS):
        raise InvalidInputError(
            f"expected at most {MAX_WINDOW_DAYS} days, the earlier first, got {start} to {end}"
        )
    return {"start_date": start.isoformat(), "end_date": end.isoformat()}


def split_into_windows(since: date, until: date) -> Iterator[tuple[date, date]]:
    """Split a span of days into windows that TMDB accepts; neighbours share a day.

    Raises
    ------
    InvalidInputError
        The span ends before it starts.
    """
    start = validated_day(since)
    if validated_day(until) < start:
        raise InvalidInputError(f"expected the earlier day first, got {since} to {until}")
    while True:
        end = min(start + timedelta(days=MAX_WINDOW_DAYS), until)
        yield start, end
        if end >= until:
            return
        start = end


async def changed_ids(fetch: FetchChanges, since: date, until: date) -> list[int]:
    """Return the ids of all titles that changed between two days, in ascending order."""
    ids: set[int] = set()
    for start, end in split_into_windows(since, until):
        ids |= await _changed_within(fetch, start, end)
    return sorted(ids)


async def _changed_within(fetch: FetchChanges, start: date, end: date) -> set[int]:
    """Read all pages of a window; a window with more pages than TMDB serves is halved."""
    first = await fetch(start, end, 1)
    if first.total_pages > _MAX_PAGE and end - start > timedelta(days=1):
        middle = start + (end - start) // 2
        left = await _changed_within(fetch, start, middle)
        return left | await _changed_within(fetch, middle, end)
    ids = {each.id for each in first.results}
    for number in range(2, min(first.total_pages, _MAX_PAGE) + 1):
        ids.update(each.id for each in (await fetch(start, end, number)).results)
    return {each for each in ids if 0 < each < END_OF_IDS}
