"""LastAnswers: what was answered last to each question, for when it cannot be answered anew.

Answers are kept encoded: a page of twenty titles takes 60 kB so, and 270 kB as objects.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

from tv5core.cache.answer import Answer
from tv5core.cache.memory.footprint import compact
from tv5core.cache.policy import Policy, codecs_of
from tv5core.errors import InvalidInputError

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
_MOST_BYTES = 32 << 20
_OVERHEAD_BYTES = 400
"""Of the key, the record and their place in the dict."""


class _Last(NamedTuple):
    """What was answered last to a question."""

    encoded: bytes
    loaded_at: float

    @property
    def bytes_used(self) -> int:
        return len(self.encoded) + _OVERHEAD_BYTES


class LastAnswers:
    """The last answers of a process, by question, whatever the catalogue's version.

    Parameters
    ----------
    policies : mapping of str to Policy
        Their types decode the answers.
    most_bytes : int
        How much is kept; what was loaded longest ago goes first.
    clock : callable
        Seconds.

    Attributes
    ----------
    bytes_used : int
    """

    def __init__(
        self,
        policies: Mapping[str, Policy],
        most_bytes: int = _MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._codecs = codecs_of({kind: policies[kind] for kind in _KINDS if kind in policies})
        self._most_bytes, self._clock = most_bytes, clock
        self._known: OrderedDict[str, _Last] = OrderedDict()
        self.bytes_used = 0

    def __len__(self) -> int:
        return len(self._known)

    def fallbacks(self) -> Mapping[str, Callable[[str], Any]]:
        """Return them as the fallbacks of a cache."""
        return {kind: partial(self._value, kind) for kind in self._codecs}

    def noted(self, kind: str, key: str, answer: Answer[T]) -> Answer[T]:
        """Note an answer that was loaded just now; turn a fallback into what it is: stale."""
        codec, question = self._codecs.get(kind), _question(key)
        if codec is None:
            return answer
        if answer.tier == "loader":
            encoded = compact(codec.to_bytes(answer.value))
            self._keep(question, _Last(encoded, self._clock()))
            return answer
        known = self._known.get(question)
        if answer.state != "fallback" or known is None:
            return answer
        # Another fallback may stand in place of this one: what it gave is not stale.
        try:
            is_known = codec.encode(answer.value)[0] == known.encoded
        except InvalidInputError:  # a fallback may give anything
            is_known = False
        if not is_known:
            return answer
        return Answer(answer.value, "stale", self._clock() - known.loaded_at, "memory")

    def _keep(self, question: str, last: _Last) -> None:
        self._forget(question)
        self._known[question] = last
        self.bytes_used += last.bytes_used
        while self.bytes_used > self._most_bytes:
            self._forget(next(iter(self._known)))

    def _forget(self, question: str) -> None:
        known = self._known.pop(question, None)
        if known is not None:
            self.bytes_used -= known.bytes_used

    def _value(self, kind: str, key: str) -> Any:
        known = self._known.get(_question(key))
        return None if known is None else self._codecs[kind].decode(known.encoded)


def _question(key: str) -> str:
    """Return a key without the catalogue's version: its digest."""
    return key.rpartition(":")[2]
