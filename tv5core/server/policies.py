"""What the gateway caches besides a catalogue's answers, and for how long."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tv5core.cache.policy import DEFAULT_POLICIES, Policy
from tv5core.cached import CATALOG_POLICIES
from tv5core.server.settings import Settings
from tv5core.types import Title
from tv5core.upstream import Availability

__all__ = ["policies_of"]


def policies_of(settings: Settings) -> Mapping[str, Policy]:
    """Return the policies of a catalogue, and those of what providers say.

    ``details`` are titles as TMDB has them, under their id there; ``availability`` is where a title
    can be watched in one country. Both live as long as titles and availability do by default.
    What is of the catalogue is at hand in every process within milliseconds, as long as leases of
    a disk and a Redis take to be had: each process may load it.
    """
    live_s, offers_s = settings.live_deadline_s, settings.offers_deadline_s
    details = msgspec.structs.replace(
        DEFAULT_POLICIES["title"],
        type=Title,
        soft_timeout_s=live_s,
        hard_timeout_s=max(settings.unknown_deadline_s, live_s),
    )
    available = msgspec.structs.replace(
        DEFAULT_POLICIES["availability"],
        type=Availability,
        soft_timeout_s=offers_s,
        hard_timeout_s=max(settings.unknown_deadline_s, offers_s),
    )
    local = {
        kind: msgspec.structs.replace(policy, exclusive=False)
        for kind, policy in CATALOG_POLICIES.items()
        if kind != "embedding"
    }
    return {**local, "details": details, "availability": available}
