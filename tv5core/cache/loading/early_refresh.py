"""Refresh a value before it expires: the likelier the nearer that is and the longer a load takes.

Otherwise all callers of a value in demand would wait for one load at the moment it expires. A
request ``t`` seconds before that starts a refresh with probability ``exp(-t / scale)``, so that
values nobody requests are not loaded at all. (XFetch: A. Vattani, F. Chierichetti, K. Lowenstein,
"Optimal Probabilistic Cache Stampede Prevention", VLDB 2015.)

The paper's scale is the length of a load. Of ``r`` requests a second, on average ``r * scale``
then start a refresh in time; for loads of a millisecond that is less than one however hot the key
is, and it expires all the same. So the scale is at least a hundredth of the TTL, up to a minute:
a key with a TTL of five minutes and five requests a second sees 15 such requests, and expires
once in ``exp(15)`` TTLs.
"""

from __future__ import annotations

import math
import random

__all__ = ["is_due"]

_NEVER = 20.0  # scales before the end; exp(-20) is once in 500 million requests
_MIN_SHARE, _MAX_MIN_SCALE_S = 0.01, 60.0


def is_due(remaining_s: float, ttl_s: float, load_s: float, beta: float) -> bool:
    """Draw whether this request starts a refresh.

    Parameters
    ----------
    remaining_s : float
        Seconds for which the value is still fresh.
    ttl_s : float
        Its whole TTL, in seconds.
    load_s : float
        How long its last load took.
    beta : float
        Factor of the scale, as in the paper: above 1 refreshes earlier, 0 never.
    """
    scale_s = beta * max(load_s, min(_MIN_SHARE * ttl_s, _MAX_MIN_SCALE_S))
    if remaining_s > _NEVER * scale_s:  # nearly always; the rest costs more than the whole hit
        return False
    return remaining_s <= -scale_s * math.log(1.0 - random.random())  # noqa: S311
