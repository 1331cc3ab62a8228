"""Where a title can be watched: fresh from the providers, cached, or as the catalogue has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec

from tv5core.cache.answer import Answer, Loaded
from tv5core.errors import UnavailableError, UpstreamError
from tv5core.server.degradation.found import Found, found_of
from tv5core.server.degradation.patience import patience_s
from tv5core.server.resources import Resources
from tv5core.types import Title
from tv5core.upstream import Availability, Priority, find_availability

__all__ = ["availability", "tag_of"]

_TTL_S = 3 * 3600.0
_EMPTY_TTL_S = 3600.0  # nowhere to watch: asked again soon


class NoSourceError(UpstreamError):
    """No source of offers answered."""


def tag_of(id: str) -> str:
    """Return the tag by which the offers of a title are invalidated, in all countries."""
    return f"offers:{id}"


async def availability(resources: Resources, title: Title, region: str) -> Found[Availability]:
    """Say where a title can be watched; without sources where nobody could tell."""
    if resources.tmdb is None and resources.justwatch is None:
        return Found(_stored(title, region))
    try:
        async with asyncio.timeout(_wait_s(resources)):
            found = found_of(await _asked(resources, title, region))
    except (TimeoutError, UnavailableError) as error:
        stored = _stored(title, region)
        if stored.offers:
            return Found(stored, "cached", _age_s(stored))
        return Found(Availability((), (), {"providers": _why(error)}, ""), "cached")
    if not found.value.sources and (stored := _stored(title, region)).offers:
        return Found(stored)  # no source knows the title, and so none knows better
    return found


def _wait_s(resources: Resources) -> float:
    """Return how long to wait for whichever source answers first."""
    deadline_s, busy_s = resources.settings.offers_deadline_s, resources.settings.stale_deadline_s
    clients = [each for each in (resources.tmdb, resources.justwatch) if each is not None]
    return max(patience_s(each, Priority.AVAILABILITY, deadline_s, busy_s) for each in clients)


def _why(error: Exception) -> str:
    cause = error.__cause__
    if isinstance(error, TimeoutError) or cause is None:
        return "no answer in time"
    return f"failed: {type(cause).__name__}"


def _asked(resources: Resources, title: Title, region: str) -> Awaitable[Answer[Availability]]:
    # Whoever keeps an answer made of this keeps the loader: without what providers do not need.
    asked = msgspec.structs.replace(title, cast=(), overview="", keywords=(), offers=())
    load: Callable[[str], Awaitable[Any]] = partial(_load, resources, asked, region)
    key = f"{resources.cached.answers.namespace}:{title.id}:{region}"
    return resources.cached.cache.answer("availability", key, load, tags=(tag_of(title.id),))


async def _load(resources: Resources, title: Title, region: str, _: str) -> Loaded:
    found = await find_availability(
        title,
        tmdb=resources.tmdb,
        justwatch=resources.justwatch,
        regions=(region,),
        deadline_s=resources.settings.unknown_deadline_s,
    )
    if not found.sources and set(found.missing) != set(found.unknown):
        raise NoSourceError(f"expected offers of {title.id}, got {found.missing}")
    return Loaded(found, ttl_s=_TTL_S if found.offers else _EMPTY_TTL_S)


def _stored(title: Title, region: str) -> Availability:
    offers = tuple(offer for offer in title.offers if offer.region in ("", region))
    return Availability(offers, ("catalog",), {})


def _age_s(stored: Availability) -> float | None:
    checked = [offer.checked_at for offer in stored.offers if offer.checked_at]
    return max(0.0, time.time() - min(checked)) if checked else None
