"""Where one title can be watched, from every source that is on, side by side under one deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec

from tv5core.errors import InvalidInputError, TitleNotFoundError, UpstreamError
from tv5core.types import Offer, Title
from tv5core.upstream.fetching.call_options import Limits
from tv5core.upstream.justwatch.client import JustWatch
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.tmdb.client import Media, Tmdb
from tv5core.upstream.tmdb.mapping import WATCH_ATTRIBUTION, offers_from

__all__ = ["Availability", "find_availability"]

# Of the time that is given, what is kept for putting the answers together.
_MARGIN_S = 0.02


class Availability(msgspec.Struct, frozen=True):
    """Where a title can be watched.

    Attributes
    ----------
    offers : tuple of Offer
        Of an offer that both sources know, JustWatch's, which has a price and a link to it.
    sources : tuple of str
        Those that answered: ``tmdb``, ``justwatch``.
    missing : dict of str to str
        What was asked and did not answer, by source, or by source and country
        (``justwatch DE``), with the reason.
    attribution : str
        Whom to name wherever the offers are shown.
    """

    offers: tuple[Offer, ...]
    sources: tuple[str, ...]
    missing: dict[str, str]
    attribution: str = WATCH_ATTRIBUTION


async def find_availability(
    title: Title,
    *,
    tmdb: Tmdb | None = None,
    justwatch: JustWatch | None = None,
    regions: Sequence[str] = ("US",),
    deadline_s: float = 1.0,
    priority: Priority = Priority.AVAILABILITY,
) -> Availability:
    """Ask TMDB, and JustWatch where it is on, where a title can be watched.

    Returns within the deadline with what came by then; no failure of a source raises.

    Parameters
    ----------
    title : Title
        With TMDB's, IMDb's or JustWatch's id among its external ids.
    tmdb : Tmdb or None
    justwatch : JustWatch or None
        One that is not switched on is not asked.
    regions : sequence of str
        ISO 3166-1 alpha-2 countries.
    deadline_s : float
        Seconds for all of it.
    priority : Priority

    Raises
    ------
    InvalidInputError
        There is nobody to ask, or no country to ask about.
    """
    asked: dict[str, Coroutine[Any, Any, _Answer]] = {}
    limits: Limits = {"priority": priority, "deadline_s": max(deadline_s - _MARGIN_S, 0.0)}
    if not regions or not deadline_s > 0:
        raise InvalidInputError(
            f"expected countries and a deadline above 0, got {regions!r} and {deadline_s}"
        )
    if tmdb is not None:
        asked["tmdb"] = _from_tmdb(tmdb, title, regions, limits)
    if justwatch is not None and justwatch.enabled:
        asked["justwatch"] = _from_justwatch(justwatch, title, regions, limits)
    if not asked:
        raise InvalidInputError("expected a source that is switched on, got none")
    return _joined(await _all_within(asked, deadline_s))


_Answer = tuple[tuple[Offer, ...], dict[str, str]]


async def _all_within(
    asked: dict[str, Coroutine[Any, Any, _Answer]], deadline_s: float
) -> dict[str, _Answer | str]:
    """Run all side by side; what did not come, or failed, is the reason instead."""
    tasks = {name: asyncio.create_task(call) for name, call in asked.items()}
    try:
        await asyncio.wait(tasks.values(), timeout=deadline_s)
        return {name: _outcome(task, deadline_s) for name, task in tasks.items()}
    finally:
        for task in tasks.values():
            task.cancel()


def _outcome(task: asyncio.Task[_Answer], deadline_s: float) -> _Answer | str:
    if not task.done():
        return f"no answer within {deadline_s:g} s"
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, UpstreamError):
        return str(error)
    raise error


def _joined(answers: dict[str, _Answer | str]) -> Availability:
    came = {name: a for name, a in answers.items() if not isinstance(a, str)}
    missing = {name: a for name, a in answers.items() if isinstance(a, str)}
    for name, (_, without) in came.items():
        missing |= {f"{name} {region}": reason for region, reason in without.items()}
    fuller = came["justwatch"][0] if "justwatch" in came else ()
    known = {(offer.provider, offer.region, offer.kind) for offer in fuller}
    others = came["tmdb"][0] if "tmdb" in came else ()
    rest = (o for o in others if (o.provider, o.region, o.kind) not in known)
    return Availability((*fuller, *rest), tuple(came), missing)


async def _from_tmdb(tmdb: Tmdb, title: Title, regions: Sequence[str], limits: Limits) -> _Answer:
    media, number = await _at_tmdb(tmdb, title, limits)
    found = await tmdb.watch_providers(media, number, **limits)
    return offers_from(found, regions, checked_at=int(time.time())), {}


async def _at_tmdb(tmdb: Tmdb, title: Title, limits: Limits) -> tuple[Media, int]:
    media: Media = "movie" if title.kind == "movie" else "tv"
    ids = title.external_ids
    if known := ids.get("tmdb"):
        return media, int(known)
    if "imdb" not in ids:
        raise TitleNotFoundError(f"expected an id of TMDB's or IMDb's, got {title.id} without")
    found = await tmdb.find(ids["imdb"], **limits)
    results = found.movie_results if media == "movie" else found.tv_results
    if not results:
        raise TitleNotFoundError(f"expected a title that TMDB knows, got imdb:{ids['imdb']}")
    return media, results[0].id


async def _from_justwatch(
    justwatch: JustWatch, title: Title, regions: Sequence[str], limits: Limits
) -> _Answer:
    known = await justwatch.id_of(title, country=regions[0], **limits)
    found = await justwatch.offers(known, regions, **limits)
    return found.offers, found.missing
