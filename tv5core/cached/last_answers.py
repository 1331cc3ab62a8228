"""LastAnswers: what was answered last to each question, for when it cannot be answered anew."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tv5core.cache.answer import Answer

__all__ = ["LastAnswers"]

T = TypeVar("T")

_KINDS = (
    "search",
    "suggestions",
    "recommendations",
    "recommended",
    "popular",
    "browse",
    "trending",
)
_MOST = 1_000


class LastAnswers:
    """The last answers of a process, by question, whatever the catalogue's version.

    Parameters
    ----------
    most : int
        How many are kept; those that were loaded longest ago go first.
    clock : callable
        Seconds.
    """

    def __init__(self, most: int = _MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._known: OrderedDict[str, tuple[Any, float]] = OrderedDict()

    def fallbacks(self) -> Mapping[str, Callable[[str], Any]]:
        """Return them as the fallbacks of a cache."""
        return dict.fromkeys(_KINDS, self._value)

    def noted(self, key: str, answer: Answer[T]) -> Answer[T]:
        """Note an answer that was loaded just now; turn a fallback into what it is: stale."""
        question = _question(key)
        if answer.tier == "loader":
            self._known[question] = (answer.value, self._clock())
            self._known.move_to_end(question)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        elif answer.state == "fallback" and question in self._known:
            value, loaded_at = self._known[question]
            if value is answer.value:
                return Answer(value, "stale", self._clock() - loaded_at, "memory")
        return answer

    def _value(self, key: str) -> Any:
        found = self._known.get(_question(key))
        return None if found is None else found[0]


def _question(key: str) -> str:
    """Return a key without the catalogue's version: its digest."""
    return key.rpartition(":")[2]
