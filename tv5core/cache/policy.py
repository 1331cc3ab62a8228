"""How long each kind of value lives, and what may be served in its place.

==================  ===============  =====================================================
kind                lifetime         ended early by
==================  ===============  =====================================================
title               24 h +- 10 %     the event ``title.changed``
availability        3 h +- 20 %      ``title.changed``, ``availability.changed``; a loader
                                     may choose 1 to 6 h
embedding           7 days           nothing but an explicit invalidation
search              15 +- 5 min      nothing: lifetime only
recommendations     30 +- 10 min     nothing; stale is served while it is loaded anew
popular, trending   5 +- 1 min       nothing: lifetime only
==================  ===============  =====================================================

Lifetimes are drawn evenly from their range, so that what was stored together does not expire
together.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

import msgspec

from tv5core.errors import InvalidInputError
from tv5core.types import Offer, Title

__all__ = ["DEFAULT_POLICIES", "Codec", "Policy"]

_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86_400.0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How values of one kind are kept.

    Attributes
    ----------
    lifetime_s : float
        How long a value is fresh, in seconds.
    jitter_s : float
        The lifetime of each value lies within this of it, evenly.
    lifetime_range_s : (float, float) or None
        Within what every lifetime lies, and a loader may choose that of its value; None: it
        may not choose.
    stale_s : float
        How much longer a value may be served when a fresh one cannot be had (in time).
    revalidate : bool
        Serve what is stale at once, and load behind it.
    soft_timeout_s : float
        How long a caller waits for a load where something else can be served.
    hard_timeout_s : float
        How long a caller waits, and a load may take, where nothing else can.
    retry_after_s : float
        What a caller is told to wait where nothing could be served.
    negative_s : float
        How long "there is no such thing" is believed; 0: it is asked again each time.
    early : float
        How eagerly a value in use is loaded anew before it expires; 0 for never, see
        ``tv5core.cache.loading.early_refresh``.
    max_bytes : int
        Larger values are served but not kept.
    events : tuple of str
        Which events invalidate a value of this kind.
    type : type
        What values are, as for ``msgspec.msgpack.decode``. They are shared by all who ask:
        use immutable types.
    """

    lifetime_s: float
    jitter_s: float = 0.0
    lifetime_range_s: tuple[float, float] | None = None
    stale_s: float = _HOUR_S
    revalidate: bool = False
    soft_timeout_s: float = 0.3
    hard_timeout_s: float = 10.0
    retry_after_s: float = 5.0
    negative_s: float = _MINUTE_S
    early: float = 1.0
    max_bytes: int = 1 << 20
    events: tuple[str, ...] = ()
    type: Any = Any

    def __post_init__(self) -> None:
        low, high = self.lifetime_range_s or (self.lifetime_s, self.lifetime_s)
        if not (0 <= self.jitter_s < self.lifetime_s < math.inf and 0 < low <= high < math.inf):
            raise InvalidInputError(
                f"expected a finite lifetime above its jitter, and within its range, got "
                f"{self.lifetime_s} s +- {self.jitter_s} in {self.lifetime_range_s}"
            )
        for name in ("stale_s", "negative_s", "early", "max_bytes", "retry_after_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InvalidInputError(f"expected {name} >= 0, got {getattr(self, name)}")
        if not 0 < self.soft_timeout_s <= self.hard_timeout_s < math.inf:
            raise InvalidInputError(
                "expected 0 < soft_timeout_s <= hard_timeout_s, got "
                f"{self.soft_timeout_s} and {self.hard_timeout_s}"
            )

    def draw_s(self, wanted_s: float | None = None) -> float:
        """Draw a lifetime in seconds.

        Parameters
        ----------
        wanted_s : float, optional
            What the loader asks for. The jitter keeps its share of the lifetime, and the result
            is brought into the policy's range.

        Raises
        ------
        InvalidInputError
            The policy lets loaders choose nothing.
        """
        if wanted_s is not None and self.lifetime_range_s is None:
            raise InvalidInputError(
                f"expected no lifetime for a kind whose policy sets it, got {wanted_s} s"
            )
        share = self.jitter_s / self.lifetime_s
        middle_s = self.lifetime_s if wanted_s is None else wanted_s
        drawn_s = middle_s * (1 + random.uniform(-share, share))  # noqa: S311
        if self.lifetime_range_s is None:
            return drawn_s
        low, high = self.lifetime_range_s
        return min(max(drawn_s, low), high)


class Codec:
    """Turn values of one kind into bytes and back.

    Parameters
    ----------
    policy : Policy
    """

    def __init__(self, policy: Policy) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(policy.type)

    def encode(self, value: Any) -> tuple[bytes, Any]:
        """Return a value's bytes, and the value as it will be restored.

        Callers get the latter from the start, so that what they see does not depend on which
        tier answers, and a caller who changes what it gave changes nothing here.

        Raises
        ------
        InvalidInputError
            It is of no type that can be stored, or not the policy's.
        """
        try:
            data = self._encoder.encode(value)
            return data, self._decoder.decode(data)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
            raise InvalidInputError(f"expected a value the policy can keep, got {error}") from error

    def decode(self, data: bytes) -> Any:
        """Restore a value.

        Raises
        ------
        msgspec.MsgspecError
            The bytes are of another type, such as an earlier version's.
        """
        return self._decoder.decode(data)


DEFAULT_POLICIES: Mapping[str, Policy] = {
    "title": Policy(
        lifetime_s=24 * _HOUR_S,
        jitter_s=2.4 * _HOUR_S,
        stale_s=7 * _DAY_S,
        events=("title.changed",),
        type=Title,
    ),
    "availability": Policy(
        lifetime_s=3 * _HOUR_S,
        jitter_s=0.6 * _HOUR_S,
        lifetime_range_s=(_HOUR_S, 6 * _HOUR_S),
        stale_s=_DAY_S,
        events=("title.changed", "availability.changed"),
        type=tuple[Offer, ...],
    ),
    "embedding": Policy(lifetime_s=7 * _DAY_S, stale_s=7 * _DAY_S),
    "search": Policy(lifetime_s=15 * _MINUTE_S, jitter_s=5 * _MINUTE_S),
    "recommendations": Policy(
        lifetime_s=30 * _MINUTE_S, jitter_s=10 * _MINUTE_S, stale_s=6 * _HOUR_S, revalidate=True
    ),
    "popular": Policy(lifetime_s=5 * _MINUTE_S, jitter_s=_MINUTE_S),
    "trending": Policy(lifetime_s=5 * _MINUTE_S, jitter_s=_MINUTE_S),
}
"""What applies where nothing else is said; see this module's table."""
