"""``/v1/titles/{id}``."""

from __future__ import annotations

from tv5core.server.api.answers import Offers, TitleAnswer
from tv5core.server.api.calls import Call, Reply
from tv5core.server.api.queries import TitleQuery

__all__ = ["title"]


async def title(call: Call[TitleQuery, None]) -> Reply:
    """Show a title."""
    found = await call.resources.cached.get(call.path["id"])
    region = call.query.region or call.resources.settings.region
    offers = tuple(offer for offer in found.offers if offer.region in ("", region))
    answer = TitleAnswer(
        title=found, availability=Offers(region, offers, ("catalog",)), sources={"catalog": "ok"}
    )
    return Reply(answer, kind="title", ids=[found.id])
