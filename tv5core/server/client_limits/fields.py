"""The header fields that tell a client its limit.

``RateLimit-Policy`` and ``RateLimit`` are those of draft-ietf-httpapi-ratelimit-headers-10: ``q``
is the quota, ``w`` its window, ``r`` what remains, ``t`` seconds until more is there. The older
``X-RateLimit-Reset`` is a Unix time, as most services give it.
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
    reset_s = math.ceil(verdict.reset_s)
    window_s = max(1, math.ceil(quota.window_s))
    return {
        "X-RateLimit-Limit": str(quota.burst),
        "X-RateLimit-Remaining": str(verdict.remaining),
        "X-RateLimit-Reset": str(math.ceil(clock() + verdict.reset_s)),
        "RateLimit-Policy": f'"{quota.name}";q={quota.burst};w={window_s}',
        "RateLimit": f'"{quota.name}";r={verdict.remaining};t={reset_s}',
    }
