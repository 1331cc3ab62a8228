"""Load anew before a value expires, the likelier the closer that is and the dearer the load.

Were a value in demand left to expire, everyone who asks in that moment would wait for it. A
request that comes ``t`` seconds before the end loads anew with probability ``exp(-t / scale)``,
so that values nobody asks for are not loaded at all. (XFetch: Vattani, Chierichetti, Lowenstein,
"Optimal Probabilistic Cache Stampede Prevention", VLDB 2015.)

The paper's scale is the length of a load. Of ``r`` requests a second, on average ``r * scale``
then load anew in time; for loads of a millisecond that is less than one however hot the key is,
and it expires all the same. So the scale is at least a hundredth of the lifetime, up to a minute:
a key of five minutes that is asked for five times a second sees 15 such requests, and expires
once in ``exp(15)`` lifetimes.
"""

from __future__ import annotations

import math
import random

__all__ = ["is_due"]

_NEVER = 20.0  # scales before the end; exp(-20) is once in 500 million requests
_SHARE, _LONGEST_S = 0.01, 60.0


def is_due(left_s: float, lifetime_s: float, load_s: float, early: float) -> bool:
    """Say whether this request is the one to load anew.

    Parameters
    ----------
    left_s : float
        Seconds for which the value is still fresh.
    lifetime_s : float
        For how long it was fresh in all.
    load_s : float
        How long its last load took.
    early : float
        Factor of the scale, the paper's beta: above 1 loads earlier, 0 never.
    """
    scale_s = early * max(load_s, min(_SHARE * lifetime_s, _LONGEST_S))
    if left_s > _NEVER * scale_s:  # nearly always; what follows costs more than the whole hit
        return False
    return left_s <= -scale_s * math.log(1.0 - random.random())  # noqa: S311
