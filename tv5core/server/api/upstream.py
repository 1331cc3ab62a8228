"""What the providers' own limits have left, apart from the limits of clients."""

from __future__ import annotations

import math

from tv5core.server.api.answers import Headroom
from tv5core.server.resources import Resources

__all__ = ["headroom", "headroom_header"]


def headroom(resources: Resources) -> dict[str, Headroom]:
    """Return what each provider's limit has left."""
    clients = {"tmdb": resources.tmdb, "justwatch": resources.justwatch}
    found = {}
    for name, client in clients.items():
        if client is not None:
            state = client.fetcher.limiter.snapshot()
            queued = sum(state.queued.values())
            found[name] = Headroom(
                state.limit, state.remaining, round(state.reset_s, 3), queued, state.in_flight
            )
    return found


def headroom_header(resources: Resources) -> dict[str, str]:
    """Return it as a header, written as the fields of the client's own limit are."""
    items = [
        f'"{name}";r={max(0, each.remaining)};t={math.ceil(each.reset_s)}'
        for name, each in headroom(resources).items()
    ]
    return {"X-Upstream-RateLimit": ", ".join(items)} if items else {}
