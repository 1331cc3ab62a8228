"""Where a title can be watched: all enabled sources side by side, under one deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec

from tv5core.errors import (
    InvalidInputError,
    MalformedResponseError,
    TitleNotFoundError,
    UpstreamError,
)
from tv5core.types import Offer, Title
from tv5core.upstream.fetching.call_options import CallOptions
from tv5core.upstream.fetching.omissions import record_omissions
from tv5core.upstream.justwatch.client import JustWatch
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.tmdb.client import Tmdb
from tv5core.upstream.tmdb.mapping import WATCH_ATTRIBUTION, offers_from
from tv5core.upstream.tmdb.types import Media

__all__ = ["Availability", "find_availability"]

_MARGIN_S = 0.02  # part of the deadline that is kept for merging the results


class Availability(msgspec.Struct, frozen=True):
    """Where a title can be watched.

    Attributes
    ----------
    offers : tuple of Offer
        An offer that both sources have is JustWatch's, which has a price and a link.
    sources : tuple of str
        Sources that responded: ``tmdb``, ``justwatch``.
    missing : dict of str to str
        The reason why a source, or a source and country (``justwatch DE``), has no result.
    attribution : str
        Attribution to show wherever the offers are shown.
    unknown : tuple of str
        Those sources of ``missing`` that responded: they know no such title.
    """

    offers: tuple[Offer, ...]
    sources: tuple[str, ...]
    missing: dict[str, str]
    attribution: str = WATCH_ATTRIBUTION
    unknown: tuple[str, ...] = ()


async def find_availability(
    title: Title,
    *,
    tmdb: Tmdb | None = None,
    justwatch: JustWatch | None = None,
    regions: Sequence[str] = ("US",),
    deadline_s: float = 1.0,
    priority: Priority = Priority.AVAILABILITY,
) -> Availability:
    """Look up where a title can be watched, at TMDB and, where it is enabled, at JustWatch.

    Returns by the deadline with the results so far; a source that fails does not raise.

    Parameters
    ----------
    title : Title
        With an id of TMDB, IMDb or JustWatch among its external ids.
    tmdb : Tmdb or None
    justwatch : JustWatch or None
        Ignored where it is disabled.
    regions : sequence of str
        ISO 3166-1 alpha-2 countries.
    deadline_s : float
        Seconds for the whole call.
    priority : Priority

    Raises
    ------
    InvalidInputError
        There is no source, or no region, or the deadline is not positive.
    """
    if not regions or not deadline_s > 0:
        raise InvalidInputError(
            f"expected countries and a deadline above 0, got {regions!r} and {deadline_s}"
        )
    options: CallOptions = {"priority": priority, "deadline_s": max(deadline_s - _MARGIN_S, 0.0)}
    calls: dict[str, Coroutine[Any, Any, _Result]] = {}
    if tmdb is not None:
        calls["tmdb"] = _from_tmdb(tmdb, title, regions, options)
    if justwatch is not None and justwatch.enabled:
        calls["justwatch"] = _from_justwatch(justwatch, title, regions, options)
    if not calls:
        raise InvalidInputError("expected an enabled source, got none")
    return _merge(await _run_all(calls, deadline_s))


_Result = tuple[tuple[Offer, ...], dict[str, str]]
"""Offers, and the reasons why countries have none."""


class _Unknown(str):
    """The reason of a source that knows no such title."""

    __slots__ = ()


async def _run_all(
    calls: dict[str, Coroutine[Any, Any, _Result]], deadline_s: float
) -> dict[str, _Result | str]:
    """Run all calls side by side; a call that fails or is late gives the reason instead."""
    tasks = {name: asyncio.create_task(call) for name, call in calls.items()}
    try:
        await asyncio.wait(tasks.values(), timeout=deadline_s)
        return {name: _result_or_reason(task, deadline_s) for name, task in tasks.items()}
    finally:
        for task in tasks.values():
            task.cancel()


def _result_or_reason(task: asyncio.Task[_Result], deadline_s: float) -> _Result | str:
    if not task.done():
        return f"no response within {deadline_s:g} s"
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, TitleNotFoundError):
        return _Unknown(error)
    if isinstance(error, UpstreamError):
        return str(error)
    raise error


def _merge(results: dict[str, _Result | str]) -> Availability:
    responses = {name: each for name, each in results.items() if not isinstance(each, str)}
    missing = {name: str(each) for name, each in results.items() if isinstance(each, str)}
    unknown = tuple(name for name, each in results.items() if isinstance(each, _Unknown))
    for name, (_, reasons) in responses.items():
        missing |= {f"{name} {region}": reason for region, reason in reasons.items()}
    priced = responses["justwatch"][0] if "justwatch" in responses else ()
    known = {(offer.provider, offer.region, offer.kind) for offer in priced}
    others = responses["tmdb"][0] if "tmdb" in responses else ()
    rest = (o for o in others if (o.provider, o.region, o.kind) not in known)
    return Availability((*priced, *rest), tuple(responses), missing, unknown=unknown)


async def _from_tmdb(
    tmdb: Tmdb, title: Title, regions: Sequence[str], options: CallOptions
) -> _Result:
    media, tmdb_id = await _tmdb_id(tmdb, title, options)
    with record_omissions() as omitted:
        providers = await tmdb.watch_providers(media, tmdb_id, **options)
    offers = offers_from(providers, regions, checked_at=int(time.time()))
    if omitted and not offers:
        # Not "nowhere": what was left out may have been the offers.
        places = ", ".join(f"$.{place}" for place in omitted)
        raise MalformedResponseError(f"tmdb: expected offers, got unusable values at {places}")
    return offers, {}


async def _tmdb_id(tmdb: Tmdb, title: Title, options: CallOptions) -> tuple[Media, int]:
    media: Media = "movie" if title.kind == "movie" else "tv"
    ids = title.external_ids
    if (known := ids.get("tmdb", "")).isascii() and known.isdigit():
        return media, int(known)
    if "imdb" not in ids:
        raise TitleNotFoundError(f"expected an id of TMDB or IMDb, got {title.id} without one")
    found = await tmdb.find(ids["imdb"], **options)
    results = found.movie_results if media == "movie" else found.tv_results
    if not results:
        raise TitleNotFoundError(f"expected a title that TMDB knows, got imdb:{ids['imdb']}")
    return media, results[0].id


async def _from_justwatch(
    justwatch: JustWatch, title: Title, regions: Sequence[str], options: CallOptions
) -> _Result:
    justwatch_id = await justwatch.find_id(title, country=regions[0], **options)
    found = await justwatch.offers(justwatch_id, regions, **options)
    return found.offers, found.missing
