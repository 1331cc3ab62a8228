"""How long an answer waits for a provider: not at all where its limiter would spend the time.

A provider's limit is shared by all who ask. Where more is asked than it allows, every request would
wait for its whole deadline, and most of them in vain. So a request whose turn would come too late
to be answered in time is answered from what is known, and its place is left to those who need it.
"""

from __future__ import annotations

from tv5core.errors import RateLimitedError
from tv5core.upstream import Priority
from tv5core.upstream.fetching.client import ProviderClient

__all__ = ["check_turn", "patience_s"]

_SHARE = 0.5
"""Part of a deadline that may pass before a request is sent; the rest is the provider's."""


def patience_s(
    client: ProviderClient | None, priority: Priority, deadline_s: float, busy_s: float
) -> float:
    """Return how long to wait for a provider: the deadline, or ``busy_s`` where it is busy.

    Parameters
    ----------
    client : ProviderClient or None
    priority : Priority
        Of the request.
    deadline_s : float
    busy_s : float
        Enough for what is cached.
    """
    is_busy = client is not None and _turn_s(client, priority) > _SHARE * deadline_s
    return min(busy_s, deadline_s) if is_busy else deadline_s


def check_turn(client: ProviderClient, priority: Priority, within_s: float) -> None:
    """Check that a request would be sent within some time.

    Raises
    ------
    RateLimitedError
        It would wait longer.
    """
    turn_s = _turn_s(client, priority)
    if turn_s > within_s:
        raise RateLimitedError(
            f"expected a turn within {within_s:.2f} s, got one in {turn_s:.2f} s",
            retry_after_s=turn_s,
        )


def _turn_s(client: ProviderClient, priority: Priority) -> float:
    return client.fetcher.limiter.snapshot().wait_s[priority]
