"""``/api/admin/cache``: warm, statistics, invalidation. All of it needs the token."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import msgspec

from tv5core.cache.warming.id_sources import ids_from
from tv5core.cache.warming.warm import WarmReport
from tv5core.errors import InvalidInputError
from tv5core.server.api.answers import Invalidated, Statistics
from tv5core.server.api.bodies import InvalidateBody, WarmBody
from tv5core.server.api.calls import Call, Reply
from tv5core.server.api.invalidation import invalidate_titles
from tv5core.server.api.upstream import headroom
from tv5core.server.errors import ParameterError
from tv5core.server.jobs import Job
from tv5core.server.resources import Resources
from tv5core.types import Progress

__all__ = ["invalidate", "statistics", "warm", "warm_progress"]

_CHOICES = ("strategy", "preset", "source")
_BELONGS = {"limit": "strategy", "batch_size": "source"}
_BATCH = 100
_PRESET = "demo-titles"


async def warm(call: Call[object, WarmBody]) -> Reply:
    """Start to load what is to be requested; 202 with the job's progress."""
    body = call.body
    _check(body)
    request = {
        name: value for name, value in msgspec.structs.asdict(body).items() if value is not None
    }
    if body.preset is not None:
        request["preset"] = _PRESET  # one job by either name
    job, _ = call.resources.jobs.start(request, partial(_load, call.resources, body))
    return Reply(job, status=202, headers={"Location": "/api/admin/cache/warm"})


def _check(body: WarmBody) -> None:
    given = [name for name in _CHOICES if getattr(body, name) is not None]
    if len(given) != 1:
        got = " and ".join(given) or "none"
        raise ParameterError("body", f"one of {', '.join(_CHOICES)}", got)
    for name, owner in _BELONGS.items():
        if getattr(body, name) is not None and owner not in given:
            raise ParameterError(name, f"no {name} without {owner}", "one")


async def _load(resources: Resources, body: WarmBody, progress: Progress) -> WarmReport:
    options: dict[str, Any] = {"batch_size": body.batch_size or _BATCH}
    if body.preset is not None:
        return await resources.cached.warm(preset="demo", progress=progress, **options)
    # Which titles are wanted is read in a thread: a list of them takes longer than the loop may.
    ids = await asyncio.to_thread(_ids, resources, body)

    def told(done: int, _: int, stage: str) -> None:
        progress(done, len(ids), stage)

    return await resources.cached.warm(source=ids, progress=told, **options)


def _ids(resources: Resources, body: WarmBody) -> list[str]:
    if body.strategy is not None:
        return [title.id for title in resources.catalog.popular(body.limit or 1_000)]
    sitemap = resources.settings.sitemap
    return list(resources.catalog.ids() if sitemap is None else ids_from(sitemap))


async def warm_progress(call: Call[object, None]) -> Reply:
    """Show how far the job has come, or the last one came."""
    job = call.resources.jobs.current()
    return Reply(job or Job("", "none", {}, 0.0))


async def statistics(call: Call[object, None]) -> Reply:
    """Show what the cache did, and what the providers' limits have left."""
    cached = call.resources.cached
    return Reply(Statistics(cached.stats(), headroom(call.resources)))


async def invalidate(call: Call[object, InvalidateBody]) -> Reply:
    """Declare titles, a kind or everything old, in every process."""
    body, cache = call.body, call.resources.cached.cache
    if not (body.ids or body.kind is not None or body.everything):
        raise ParameterError("body", "ids, a kind, or everything", "none")
    kinds: tuple[str, ...] = ()
    if body.everything:
        await cache.clear()
        kinds = tuple(sorted(cache.policies))
    elif body.kind is not None:
        kinds = (body.kind,)
        try:
            await cache.invalidate_kind(body.kind)
        except InvalidInputError:
            known = ", ".join(sorted(cache.policies))
            raise ParameterError("kind", f"one of {known}", f"{body.kind!r}") from None
    await invalidate_titles(call.resources, body.ids, "title.changed")
    return Reply(Invalidated(body.ids, kinds))
