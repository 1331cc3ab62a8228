"""The header fields that tell a client its limit.

``RateLimit-Policy`` and ``RateLimit`` are those of draft-ietf-httpapi-ratelimit-headers-11, lists
of structured fields (RFC 9651): ``q`` is the quota, ``w`` its window, ``r`` what is left, ``t``
the seconds within which a client can use no more: the time until there is one more. A refusal's
``Retry-After`` is the same time, as the draft asks. The older ``X-RateLimit-Reset`` is a Unix time,
that of a full bucket, as most services give it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from tv5core.server.client_limits.quota import Quota, Verdict

__all__ = ["limit_fields"]


def limit_fields(
    quota: Quota, verdict: Verdict, clock: Callable[[], float] = time.time
) -> dict[str, str]:
    """Return the fields of an answer."""
    missing = quota.burst - verdict.remaining - 1
    next_s = verdict.retry_after_s
    if verdict.allowed:
        next_s = max(0.0, verdict.reset_s - missing / quota.rate - 1e-6)
    window_s = max(1, math.ceil(quota.window_s))
    return {
        "X-RateLimit-Limit": str(quota.burst),
        "X-RateLimit-Remaining": str(verdict.remaining),
        "X-RateLimit-Reset": str(math.ceil(clock() + verdict.reset_s)),
        "RateLimit-Policy": f'"{quota.name}";q={quota.burst};w={window_s}',
        "RateLimit": f'"{quota.name}";r={verdict.remaining};t={math.ceil(next_s)}',
    }
