"""The progress of a sync, as it is stored in the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from tv5core.upstream.sync.report import Failure

__all__ = ["Checkpoint", "decode_checkpoint"]


class Checkpoint(msgspec.Struct):
    """The progress of a sync; stored in one transaction with each batch of titles.

    Titles are fetched concurrently and arrive in any order. So the settled positions of a plan,
    whose titles are stored or have failed, are all before a watermark and some after it. Fields
    keep their stored names through ``msgspec.field(name=...)``.

    Attributes
    ----------
    plan : bytes
        Digest of the plan that the positions belong to.
    day : str
        Day of the exports; empty for files.
    started : str
        Day on which the first run began; later changes are not included.
    watermark : int
        All positions before this one are settled.
    ahead : set of int
        Settled positions after the watermark.
    failures : dict of int to Failure
        Settled positions whose titles could not be fetched.
    last_batch : list of str
        Ids of the last batch, whose invalidation a crash may have prevented.
    finished : bool
        Whether all requested positions are settled.
    """

    plan: bytes = b""
    day: str = ""
    started: str = ""
    watermark: int = msgspec.field(default=0, name="below")
    ahead: set[int] = msgspec.field(default_factory=set)
    failures: dict[int, Failure] = msgspec.field(default_factory=dict)
    last_batch: list[str] = msgspec.field(default_factory=list, name="recent")
    finished: bool = False

    def settle(self, positions: Iterable[int]) -> None:
        """Mark positions as settled."""
        self.ahead.update(each for each in positions if each >= self.watermark)
        while self.watermark in self.ahead:
            self.ahead.remove(self.watermark)
            self.watermark += 1

    def count(self, end: int) -> int:
        """Return the number of settled positions before ``end``."""
        return min(self.watermark, end) + sum(position < end for position in self.ahead)

    def remaining(self, end: int) -> Iterator[int]:
        """Yield the positions before ``end`` that are not settled."""
        yield from (p for p in range(self.watermark, end) if p not in self.ahead)

    def transient_failures(self, end: int) -> list[int]:
        """Return the failed positions before ``end`` that are worth another attempt, in order."""
        return sorted(p for p, f in self.failures.items() if not f.permanent and p < end)

    def encode(self) -> bytes:
        """Return the checkpoint as it is stored."""
        return msgspec.msgpack.encode(self)


def decode_checkpoint(raw: bytes | None) -> Checkpoint | None:
    """Decode a checkpoint; None where there is none, or it is not readable."""
    try:
        return None if raw is None else msgspec.msgpack.decode(raw, type=Checkpoint)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
