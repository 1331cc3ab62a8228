"""How far a sync has come, as it is kept in the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from tv5core.upstream.sync.report import Failure

__all__ = ["Mark", "decoded_mark"]


class Mark(msgspec.Struct):
    """A checkpoint: stored with each batch of titles, in one transaction.

    Titles are fetched side by side and come as they come, so what is settled is everything
    before a place and some beyond it.

    Attributes
    ----------
    plan : bytes
        The digest of the plan that the places belong to.
    day : str
        Of the exports; empty for files.
    started : str
        The day on which the first run began: what changed since is not in it.
    below : int
        Every place before this one is settled.
    ahead : set of int
        Settled places beyond.
    failures : dict of int to Failure
        Settled places whose titles could not be had.
    recent : list of str
        Ids of the last batch, whose invalidation a crash may have cut off.
    finished : bool
        Nothing is left of what was asked for.
    """

    plan: bytes = b""
    day: str = ""
    started: str = ""
    below: int = 0
    ahead: set[int] = msgspec.field(default_factory=set)
    failures: dict[int, Failure] = msgspec.field(default_factory=dict)
    recent: list[str] = []
    finished: bool = False

    def settle(self, places: Iterable[int]) -> None:
        """Note that titles are stored or given up."""
        self.ahead.update(place for place in places if place >= self.below)
        while self.below in self.ahead:
            self.ahead.remove(self.below)
            self.below += 1

    def is_settled(self, place: int) -> bool:
        """Tell whether a place needs nothing more."""
        return place < self.below or place in self.ahead

    def count(self, reach: int) -> int:
        """Count settled places before ``reach``."""
        return min(self.below, reach) + sum(place < reach for place in self.ahead)

    def left(self, reach: int) -> Iterator[int]:
        """Yield the places to fetch: first those worth another try, then the rest in order."""
        again = [place for place, f in self.failures.items() if not f.lasting and place < reach]
        yield from sorted(again)
        yield from (p for p in range(self.below, reach) if p not in self.ahead)

    def encoded(self) -> bytes:
        """Return the mark as it is stored."""
        return msgspec.msgpack.encode(self)


def decoded_mark(raw: bytes | None) -> Mark | None:
    """Read a mark; None where there is none, or none that is understood."""
    try:
        return None if raw is None else msgspec.msgpack.decode(raw, type=Mark)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
