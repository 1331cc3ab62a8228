"""Found: an answer, and the tier it is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from tv5core.cache.answer import Answer

__all__ = ["Found", "Tier", "found_of"]

T = TypeVar("T")

Tier = Literal["full", "cached", "static"]
"""Where an answer comes from: all sources, what was cached, or what ships with tv5core."""


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """An answer, and the tier it is of.

    Attributes
    ----------
    value : T
    tier : {"full", "cached", "static"}
    age_s : float or None
        Seconds since it was loaded; None where that is unknown.
    """

    value: T
    tier: Tier = "full"
    age_s: float | None = None

    @property
    def stale(self) -> bool:
        """Whether it may be older than it should be."""
        return self.tier == "cached"

    @property
    def fallback(self) -> bool:
        """Whether it is of the titles that ship with tv5core."""
        return self.tier == "static"


_TIERS: dict[str, Tier] = {"fresh": "full", "stale": "cached", "fallback": "static"}


def found_of(answer: Answer[T]) -> Found[T]:
    """Return what a cache answered, and its tier."""
    return Found(answer.value, _TIERS[answer.state], answer.age_s)
