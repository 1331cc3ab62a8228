"""Policies and codecs: TTLs drawn as promised."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tv5core.cache.policy import DEFAULT_POLICIES, Codec, Policy
from tv5core.errors import InvalidInputError
from tv5core.types import Offer, Title

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400


PROMISED = {
    "title": (21.6 * HOUR_S, 26.4 * HOUR_S),
    "availability": (2.4 * HOUR_S, 3.6 * HOUR_S),
    "embedding": (7 * DAY_S, 7 * DAY_S),
    "search": (10 * MINUTE_S, 20 * MINUTE_S),
    "recommendations": (20 * MINUTE_S, 40 * MINUTE_S),
    "recommended": (20 * MINUTE_S, 40 * MINUTE_S),
    "popular": (4 * MINUTE_S, 6 * MINUTE_S),
    "browse": (4 * MINUTE_S, 6 * MINUTE_S),
    "trending": (4 * MINUTE_S, 6 * MINUTE_S),
    "suggestions": (10 * MINUTE_S, 20 * MINUTE_S),
}


@pytest.mark.parametrize("kind", DEFAULT_POLICIES)
def test_lifetimes_are_spread_evenly_over_what_was_promised(kind: str) -> None:
    low, high = PROMISED[kind]
    drawn = np.array([DEFAULT_POLICIES[kind].draw_ttl_s() for _ in range(20_000)])
    assert drawn.min() >= low - 1e-6
    assert drawn.max() <= high + 1e-6
    if high == low:
        return
    # Kolmogorov-Smirnov against the even distribution: 1.95 / sqrt(n) is exceeded once in 1,000.
    places = np.sort((drawn - low) / (high - low))
    distance = np.abs(places - (np.arange(len(places)) + 0.5) / len(places)).max()
    assert distance < 2.5 / math.sqrt(len(places))


def test_what_else_the_defaults_promise() -> None:
    assert set(DEFAULT_POLICIES) == set(PROMISED)
    assert DEFAULT_POLICIES["recommendations"].stale_while_revalidate
    assert DEFAULT_POLICIES["recommended"].stale_while_revalidate
    for kind in ("embedding", "search", "recommendations", "recommended", "popular", "trending"):
        assert not DEFAULT_POLICIES[kind].events
    assert "title.changed" in DEFAULT_POLICIES["title"].events
    assert "availability.changed" in DEFAULT_POLICIES["availability"].events


@pytest.mark.parametrize(
    ("wanted_s", "low", "high"),
    [(60, HOUR_S, HOUR_S), (4 * HOUR_S, 3.2 * HOUR_S, 4.8 * HOUR_S), (1e9, 6 * HOUR_S, 6 * HOUR_S)],
)
def test_availability_lasts_what_its_loader_says_within_one_to_six_hours(
    wanted_s: float, low: float, high: float
) -> None:
    drawn = [DEFAULT_POLICIES["availability"].draw_ttl_s(wanted_s) for _ in range(2_000)]
    assert low <= min(drawn) <= max(drawn) <= high
    with pytest.raises(InvalidInputError, match="policy sets it"):
        DEFAULT_POLICIES["search"].draw_ttl_s(60)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ttl_s": 0},
        {"ttl_s": -1},
        {"ttl_s": math.inf},
        {"ttl_s": math.nan},
        {"ttl_s": 10, "jitter_s": 10},
        {"ttl_s": 10, "jitter_s": -1},
        {"ttl_s": 10, "ttl_range_s": (20, 10)},
        {"ttl_s": 10, "ttl_range_s": (0, 10)},
        {"ttl_s": 10, "stale_s": -1},
        {"ttl_s": 10, "negative_ttl_s": math.inf},
        {"ttl_s": 10, "early_refresh": math.nan},
        {"ttl_s": 10, "soft_timeout_s": 0},
        {"ttl_s": 10, "soft_timeout_s": 2, "hard_timeout_s": 1},
    ],
)
def test_impossible_policies_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        Policy(**wrong)  # type: ignore[arg-type]


def test_codec() -> None:
    codec = Codec(DEFAULT_POLICIES["availability"])
    given = [Offer("netflix", "US")]
    data, value = codec.encode(given)
    assert value == (Offer("netflix", "US"),)
    assert codec.decode(data) == value
    for wrong in ([1], object(), "text", {"provider": 1}):
        with pytest.raises(InvalidInputError, match="policy's type"):
            codec.encode(wrong)
    title = Title("a", "movie", "A")
    assert Codec(DEFAULT_POLICIES["title"]).encode(title)[1] == title
