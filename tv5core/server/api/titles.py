"""``/v1/titles/{id}`` and ``/v1/titles/{id}/availability``."""

from __future__ import annotations

from tv5core.server.api.answers import AvailabilityAnswer, Offers, TitleAnswer
from tv5core.server.api.calls import Call, Reply
from tv5core.server.api.queries import AvailabilityQuery, TitleQuery
from tv5core.server.degradation.offers import availability
from tv5core.server.degradation.titles import gather_title, title_of
from tv5core.upstream import Availability

__all__ = ["title", "where_to_watch"]

_ANSWERED = ("fresh", "unknown")


async def title(call: Call[TitleQuery, None]) -> Reply:
    """Show a title."""
    region = call.query.region or call.resources.settings.region
    gathered = await gather_title(call.resources, call.path["id"], region)
    found = gathered.title
    answer = TitleAnswer(
        title=found.value,
        availability=_offers(region, gathered.offers),
        sources=gathered.sources,
        stale=found.stale,
        fallback=found.fallback,
    )
    # A source that failed this time may answer the next.
    whole = all(state in _ANSWERED for state in gathered.sources.values())
    return Reply(
        answer,
        found.tier,
        found.age_s,
        "title",
        [found.value.id],
        upstream=True,
        reusable=whole,
    )


async def where_to_watch(call: Call[AvailabilityQuery, None]) -> Reply:
    """Say where a title can be watched."""
    region = call.query.region or call.resources.settings.region
    asked = await title_of(call.resources, call.path["id"])
    found = await availability(call.resources, asked.value, region)
    answer = AvailabilityAnswer(
        id=asked.value.id,
        availability=_offers(region, found.value),
        stale=found.stale,
        fallback=found.fallback,
    )
    ids = [asked.value.id]
    whole = not asked.stale and not found.value.missing
    return Reply(
        answer, found.tier, found.age_s, "availability", ids, upstream=True, reusable=whole
    )


def _offers(region: str, found: Availability) -> Offers:
    asked = [source for source in found.sources if source != "catalog"]
    is_known = bool(asked or found.offers)
    attribution = found.attribution if asked else ""
    return Offers(region, is_known, found.offers, found.sources, found.missing, attribution)
