"""A title of all sources together: the catalogue, its provider, and where it can be watched.

Each source has its own deadline, and none fails the others. What the provider says now is laid over
what the catalogue has. A title that only the provider knows is stored, and found from then on.

=======  =====================================  ==============================================
tier     the provider                           the title
=======  =====================================  ==============================================
full     answered, or is not to be asked        of the provider over the catalogue's
cached   failed, busy, or too slow              as it was cached, else as the catalogue has it
static   failed, and nobody else knows it       as it ships with tv5core
none     failed, and nobody else knows it       503 with Retry-After
=======  =====================================  ==============================================
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from functools import partial

import msgspec

from tv5core.cache.answer import Answer
from tv5core.errors import (
    InvalidInputError,
    TitleNotFoundError,
    Tv5Error,
    UnavailableError,
    UnknownIdError,
)
from tv5core.importers.live import restate
from tv5core.server.degradation.found import Found, found_of
from tv5core.server.degradation.lists import FAILURES
from tv5core.server.degradation.offers import availability
from tv5core.server.degradation.patience import check_turn, patience_s
from tv5core.server.degradation.static_set import static_set
from tv5core.server.resources import Resources
from tv5core.types import Title
from tv5core.upstream import Availability, Priority

__all__ = ["Gathered", "gather_title", "provider_id", "title_of"]

_MEDIA = {"movie": "movie", "show": "tv"}
_PREFIXES = ("tmdb:movie:", "tmdb:tv:", "imdb:tt")

log = logging.getLogger("tv5core.server")


@dataclass
class Gathered:
    """A title and its offers, and what each source gave.

    Attributes
    ----------
    title : Found of Title
    offers : Availability
    sources : dict of str to str
        By source: ``fresh``, ``stale``, ``unknown`` (it has no such title) or why it failed.
    """

    title: Found[Title]
    offers: Availability
    sources: dict[str, str] = field(default_factory=dict)


async def gather_title(resources: Resources, id: str, region: str) -> Gathered:
    """Return a title of all sources together; see this module.

    Raises
    ------
    UnknownIdError
        Nobody has such a title.
    UnavailableError
        Nobody who may have it answers.
    """
    sources: dict[str, str] = {}
    stored = await _stored(resources, id, sources)
    if stored is None:
        title = await _title(resources, id, None, sources)
        return Gathered(title, await _offers(resources, title.value, region, sources), sources)
    title, offers = await asyncio.gather(
        _title(resources, id, stored, sources),
        _offers(resources, stored.value, region, sources),
    )
    return Gathered(title, offers, sources)


async def title_of(resources: Resources, id: str) -> Found[Title]:
    """Return a title as the catalogue has it, else as its provider does; as :func:`gather_title`.

    For what is asked about a title: the provider is asked only where nobody else knows it.
    """
    sources: dict[str, str] = {}
    stored = await _stored(resources, id, sources)
    return stored or await _title(resources, id, None, sources)


# -- the catalogue ------------------------------------------------------------------------


async def _stored(resources: Resources, id: str, sources: dict[str, str]) -> Found[Title] | None:
    """Return a title as the catalogue has it; None where it has none, or cannot say."""
    try:
        async with asyncio.timeout(resources.settings.stale_deadline_s):
            answer = await resources.cached.answers.title(id)
    except UnknownIdError:
        sources["catalog"] = "unknown"
    except (*FAILURES, TimeoutError) as error:
        return _uncached(resources, id, sources, error)
    else:
        sources["catalog"] = answer.state
        found = found_of(answer)
        return Found(found.value.title, found.tier, found.age_s)
    return None


def _uncached(
    resources: Resources, id: str, sources: dict[str, str], why: Exception
) -> Found[Title] | None:
    """Return a title past a cache that is slow or fails: reading one needs nobody else."""
    try:
        title = resources.catalog.get(id)
    except UnknownIdError:
        sources["catalog"] = "unknown"
    except Tv5Error:
        sources["catalog"] = _reason(why)
    else:
        sources["catalog"] = "fresh"
        return Found(title, "full")
    return None


# -- the provider -------------------------------------------------------------------------


async def _title(
    resources: Resources, id: str, stored: Found[Title] | None, sources: dict[str, str]
) -> Found[Title]:
    asked = provider_id(id, None if stored is None else stored.value)
    if resources.tmdb is None or asked is None:
        return _without_provider(id, stored, sources)
    try:
        async with asyncio.timeout(_wait_s(resources, is_known=stored is not None)):
            live = found_of(await _asked(resources, asked, is_known=stored is not None))
    except (UnavailableError, TimeoutError) as error:
        sources["tmdb"] = _reason(error)
        return _degraded(id, stored, error)
    if live.value is None:
        sources["tmdb"] = "unknown"
        return _without_provider(id, stored, sources)
    sources["tmdb"] = "stale" if live.stale else "fresh"
    if stored is None:
        await _store(resources, live.value, sources)
        return Found(live.value, live.tier, live.age_s)
    return Found(_united(stored.value, live.value), live.tier, live.age_s)


def provider_id(id: str, stored: Title | None) -> str | None:
    """Return the id by which TMDB knows a title; None where it cannot be asked."""
    if stored is not None:
        known = stored.external_ids.get("tmdb", "")
        if known.isascii() and known.isdigit():
            return f"tmdb:{_MEDIA[stored.kind]}:{int(known)}"
        return stored.id if stored.id.startswith(_PREFIXES) else None
    return id if id.startswith(_PREFIXES) else None


def _wait_s(resources: Resources, *, is_known: bool) -> float:
    settings = resources.settings
    if not is_known:
        return settings.unknown_deadline_s
    deadline_s, busy_s = settings.live_deadline_s, settings.stale_deadline_s
    return patience_s(resources.tmdb, Priority.USER, deadline_s, busy_s)


def _asked(resources: Resources, id: str, *, is_known: bool) -> Awaitable[Answer[Title | None]]:
    load = partial(_load, resources, is_known)
    return resources.cached.cache.answer("details", id, load)


async def _load(resources: Resources, is_known: bool, id: str) -> Title | None:
    """Fetch a title; None where TMDB has none, which is remembered for a while, too.

    One that the catalogue has does not queue before one that nobody else knows.
    """
    tmdb = resources.tmdb
    if tmdb is None:
        raise UnavailableError("expected a provider, got none", retry_after_s=1.0)
    if is_known:
        check_turn(tmdb, Priority.USER, resources.settings.live_deadline_s)
    try:
        return await tmdb.title(id, deadline_s=resources.settings.unknown_deadline_s)
    except (TitleNotFoundError, InvalidInputError):  # the second of an id that none of its can be
        return None


def _united(stored: Title, live: Title) -> Title:
    """Lay what a provider says now over what is stored, under the stored id."""
    return msgspec.structs.replace(restate(stored, live), id=stored.id)


async def _store(resources: Resources, title: Title, sources: dict[str, str]) -> None:
    """Store a title that only its provider knew; a failure costs the storing, not the answer."""
    if resources.writer is None:
        return
    try:
        if await _is_stored(resources, title):
            return
        await resources.writer.add([title])
        sources["catalog"] = "stored"
    except (Tv5Error, OSError) as error:
        sources["catalog"] = f"not stored: {type(error).__name__}"
        log.warning("a fetched title is not stored: %s", type(error).__name__)


async def _is_stored(resources: Resources, title: Title) -> bool:
    """Whether the catalogue has a title under another of its ids."""
    aliases = [f"{source}:{name}" for source, name in title.external_ids.items()]
    for alias in (title.id, *(name for name in aliases if not name.startswith("tmdb:"))):
        try:
            await resources.cached.answers.title(alias)
        except UnknownIdError:
            continue
        return True
    return False


# -- without it ---------------------------------------------------------------------------


def _without_provider(
    id: str, stored: Found[Title] | None, sources: dict[str, str]
) -> Found[Title]:
    """Return what the catalogue has, where there is no provider to ask or it knows of nothing."""
    if stored is not None:
        return stored
    if sources.get("catalog") == "unknown":
        raise UnknownIdError(f"expected the id of a title, got {id[:80]!r}")
    return _static(id, None)


def _degraded(id: str, stored: Found[Title] | None, error: Exception) -> Found[Title]:
    if stored is None:
        return _static(id, error)
    updated_at = stored.value.updated_at
    age_s = max(0.0, time.time() - updated_at) if updated_at else stored.age_s
    return Found(stored.value, "cached", age_s)


def _static(id: str, error: Exception | None) -> Found[Title]:
    title = static_set().get(id)
    if title is not None:
        return Found(title, "static")
    retry_after_s = getattr(error, "retry_after_s", 1.0)
    raise UnavailableError(
        f"expected a source that has {id[:80]!r}, got none that answers",
        retry_after_s=retry_after_s,
    ) from error


# -- offers -------------------------------------------------------------------------------


async def _offers(
    resources: Resources, title: Title, region: str, sources: dict[str, str]
) -> Availability:
    found = await availability(resources, title, region)
    is_known = bool(found.value.sources)
    state = "stale" if found.stale else "fresh"
    otherwise = "unknown" if found.value.unknown else "no source answered in time"
    sources["availability"] = state if is_known else otherwise
    return found.value


def _reason(error: BaseException) -> str:
    """Say why a source failed, without what its message may hold."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    cause = error.__cause__ if isinstance(error, UnavailableError) else None
    return f"failed: {type(cause or error).__name__}"
