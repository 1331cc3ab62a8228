"""How long each kind of value lives, and what may be served in its place.

==================  ===============  ====================================================
kind                TTL              invalidated by
==================  ===============  ====================================================
title               24 h +- 10 %     the event ``title.changed``
availability        3 h +- 20 %      ``title.changed``, ``availability.changed``; a loader
                                     may choose 1 to 6 h
embedding           7 days           explicit invalidation only
search              15 +- 5 min      TTL only
recommendations,    30 +- 10 min     TTL only; stale is served while it is reloaded
recommended
popular, browse,    5 +- 1 min       TTL only
trending
==================  ===============  ====================================================

TTLs are drawn uniformly from their range, so that values stored together do not expire together.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

import msgspec

from tv5core.arguments import check_real, check_type, shown
from tv5core.cache.validation import check_name
from tv5core.errors import InvalidInputError
from tv5core.types import Offer, Title

__all__ = ["DEFAULT_POLICIES", "Codec", "Policy", "codecs_of", "kinds_with_event", "policy_of"]

_UNENCODABLE = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError)
_NUMBERS = (
    *("ttl_s", "jitter_s", "stale_s", "soft_timeout_s", "hard_timeout_s", "retry_after_s"),
    *("negative_ttl_s", "early_refresh", "max_bytes"),
)
_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86_400.0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How values of one kind are cached.

    Attributes
    ----------
    ttl_s : float
        How long a value is fresh, in seconds.
    jitter_s : float
        Each value's TTL is drawn uniformly from ``ttl_s`` +- this.
    ttl_range_s : (float, float) or None
        Bounds of every TTL, within which a loader may choose that of its value; None: a loader
        may not choose.
    stale_s : float
        How much longer a value may be served when no fresh one is available in time.
    stale_while_revalidate : bool
        Serve a stale value at once and reload it in the background.
    soft_timeout_s : float
        How long a caller waits for a load where a stale value or a fallback can be served.
    hard_timeout_s : float
        How long a load may take, and a caller waits where nothing else can be served.
    retry_after_s : float
        The retry delay reported to a caller for whom there was no answer.
    negative_ttl_s : float
        How long "no such value" is cached; 0 asks the loader each time.
    early_refresh : float
        How eagerly a value in use is reloaded before it expires; 0 for never, see
        ``tv5core.cache.loading.early_refresh``.
    max_bytes : int
        Larger encoded values are served but not cached.
    exclusive : bool
        Whether one process at a time loads a value, by leases in the lower tiers. False for what
        loads sooner than leases are had; within a process one load at a time serves all callers.
    events : tuple of str
        Events that invalidate values of this kind.
    type : type
        The type of values, as for ``msgspec.msgpack.decode``. Values are shared between callers:
        use immutable types.
    """

    ttl_s: float
    jitter_s: float = 0.0
    ttl_range_s: tuple[float, float] | None = None
    stale_s: float = _HOUR_S
    stale_while_revalidate: bool = False
    soft_timeout_s: float = 0.3
    hard_timeout_s: float = 10.0
    retry_after_s: float = 5.0
    negative_ttl_s: float = _MINUTE_S
    early_refresh: float = 1.0
    max_bytes: int = 1 << 20
    exclusive: bool = True
    events: tuple[str, ...] = ()
    type: Any = Any

    def __post_init__(self) -> None:
        self._check_types()
        low, high = self.ttl_range_s or (self.ttl_s, self.ttl_s)
        if not (0 <= self.jitter_s < self.ttl_s < math.inf and 0 < low <= high < math.inf):
            raise InvalidInputError(
                f"expected a finite TTL above its jitter, and within its range, got "
                f"{self.ttl_s} s +- {self.jitter_s} in {self.ttl_range_s}"
            )
        for name in ("stale_s", "negative_ttl_s", "early_refresh", "max_bytes", "retry_after_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InvalidInputError(f"expected {name} >= 0, got {getattr(self, name)}")
        if not 0 < self.soft_timeout_s <= self.hard_timeout_s < math.inf:
            raise InvalidInputError(
                "expected 0 < soft_timeout_s <= hard_timeout_s, got "
                f"{self.soft_timeout_s} and {self.hard_timeout_s}"
            )

    def _check_types(self) -> None:
        for name in _NUMBERS:
            check_real(name, getattr(self, name), -math.inf, math.inf)
        if self.ttl_range_s is not None:
            check_type("ttl_range_s", self.ttl_range_s, tuple)
            for bound in self.ttl_range_s:
                check_real("ttl_range_s", bound, -math.inf, math.inf)
        check_type("events", self.events, tuple)
        check_type("exclusive", self.exclusive, bool)

    def draw_ttl_s(self, requested_s: float | None = None) -> float:
        """Draw a TTL in seconds.

        Parameters
        ----------
        requested_s : float, optional
            The loader's choice. The jitter stays the same share of the TTL, and the result is
            clamped to the policy's range.

        Raises
        ------
        InvalidInputError
            The policy does not let loaders choose.
        """
        if requested_s is not None and self.ttl_range_s is None:
            raise InvalidInputError(
                f"expected no TTL for a kind whose policy sets it, got {requested_s} s"
            )
        share = self.jitter_s / self.ttl_s
        middle_s = self.ttl_s if requested_s is None else requested_s
        drawn_s = middle_s * (1 + random.uniform(-share, share))  # noqa: S311
        if self.ttl_range_s is None:
            return drawn_s
        low, high = self.ttl_range_s
        return min(max(drawn_s, low), high)


def policy_of(policies: Mapping[str, Policy], kind: str) -> Policy:
    """Return the policy of a kind.

    Raises
    ------
    InvalidInputError
        There is none.
    """
    policy = policies.get(kind) if isinstance(kind, str) else None
    if policy is None:
        known = ", ".join(sorted(policies))
        raise InvalidInputError(f"expected a kind with a policy ({known}), got {shown(kind)}")
    return policy


def kinds_with_event(policies: Mapping[str, Policy], event: str) -> list[str]:
    """Return the kinds whose policies list an event.

    Raises
    ------
    InvalidInputError
        No policy lists it.
    """
    check_type("event", event, str)
    kinds = [kind for kind, policy in policies.items() if event in policy.events]
    if not kinds:
        known = sorted({name for policy in policies.values() for name in policy.events})
        raise InvalidInputError(f"expected an event ({', '.join(known)}), got {event!r}")
    return kinds


class Codec:
    """Encode values of one kind as msgpack, and decode them.

    Parameters
    ----------
    policy : Policy
    """

    def __init__(self, policy: Policy) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(policy.type)

    def encode(self, value: Any) -> tuple[bytes, Any]:
        """Return a value's bytes, and the value decoded from them.

        Callers get the decoded value from the start, so that it does not depend on which tier
        answers, and a loader that modifies its value later modifies nothing in the cache.

        Raises
        ------
        InvalidInputError
            Its type cannot be stored, or is not the policy's.
        """
        try:
            data = self._encoder.encode(value)
            return data, self._decoder.decode(data)
        except _UNENCODABLE as error:
            raise InvalidInputError(
                f"expected a value of the policy's type, got {error}"
            ) from error

    def to_bytes(self, value: Any) -> bytes:
        """Encode a value that was decoded before, and so is one of the policy's type."""
        return self._encoder.encode(value)

    def decode(self, data: bytes) -> Any:
        """Decode a value.

        Raises
        ------
        msgspec.MsgspecError
            The bytes are of another type, such as an earlier version's.
        """
        return self._decoder.decode(data)


def codecs_of(policies: Mapping[str, Policy]) -> dict[str, Codec]:
    """Return a codec for each kind.

    Raises
    ------
    InvalidInputError
        These are not policies by kind.
    """
    check_type("policies", policies, Mapping)
    for kind, policy in policies.items():
        check_name("kind", kind)
        check_type(f"the policy of {kind}", policy, Policy)
    return {kind: Codec(policy) for kind, policy in policies.items()}


DEFAULT_POLICIES: Mapping[str, Policy] = {
    "title": Policy(
        ttl_s=24 * _HOUR_S,
        jitter_s=2.4 * _HOUR_S,
        stale_s=7 * _DAY_S,
        events=("title.changed",),
        type=Title,
    ),
    "availability": Policy(
        ttl_s=3 * _HOUR_S,
        jitter_s=0.6 * _HOUR_S,
        ttl_range_s=(_HOUR_S, 6 * _HOUR_S),
        stale_s=_DAY_S,
        events=("title.changed", "availability.changed"),
        type=tuple[Offer, ...],
    ),
    "embedding": Policy(ttl_s=7 * _DAY_S, stale_s=7 * _DAY_S),
    "search": Policy(ttl_s=15 * _MINUTE_S, jitter_s=5 * _MINUTE_S),
    "suggestions": Policy(ttl_s=15 * _MINUTE_S, jitter_s=5 * _MINUTE_S),
    "recommendations": Policy(
        ttl_s=30 * _MINUTE_S,
        jitter_s=10 * _MINUTE_S,
        stale_s=6 * _HOUR_S,
        stale_while_revalidate=True,
    ),
    "recommended": Policy(
        ttl_s=30 * _MINUTE_S,
        jitter_s=10 * _MINUTE_S,
        stale_s=6 * _HOUR_S,
        stale_while_revalidate=True,
    ),
    "popular": Policy(ttl_s=5 * _MINUTE_S, jitter_s=_MINUTE_S),
    "browse": Policy(ttl_s=5 * _MINUTE_S, jitter_s=_MINUTE_S),
    "trending": Policy(ttl_s=5 * _MINUTE_S, jitter_s=_MINUTE_S),
}
"""The policies used by default; see this module's table."""
