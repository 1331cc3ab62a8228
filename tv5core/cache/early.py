"""Load anew before a value expires, the likelier the closer that is and the dearer the load.

Were a value in demand left to expire, everyone who asks in that moment would wait for it. With
``early = 1``, a value whose load takes ``d`` seconds is loaded anew by a request that comes ``t``
seconds before its end with probability ``exp(-t / d)``: on average one request does it in time,
and values nobody asks for are not loaded at all. (XFetch: Vattani, Chierichetti, Lowenstein,
"Optimal Probabilistic Cache Stampede Prevention", VLDB 2015.)
"""

from __future__ import annotations

import math
import random

__all__ = ["is_due"]

_NEVER = 20.0  # loads' lengths before the end; exp(-20) is once in 500 million requests


def is_due(left_s: float, load_s: float, early: float) -> bool:
    """Say whether this request is the one to load anew.

    Parameters
    ----------
    left_s : float
        Seconds for which the value is still fresh.
    load_s : float
        How long its last load took.
    early : float
        The paper's beta: above 1 loads earlier, 0 never.
    """
    scale_s = load_s * early
    if left_s > _NEVER * scale_s:  # nearly always; what follows costs more than the whole hit
        return False
    return left_s <= -scale_s * math.log(1.0 - random.random())  # noqa: S311
