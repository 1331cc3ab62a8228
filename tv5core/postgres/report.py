"""What a sync did, and how far behind it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from tv5core.types import Progress, Title

__all__ = ["PostgresReport", "ReportProgress", "Sink"]


class PostgresReport(msgspec.Struct):
    """What a sync did since it was started.

    Attributes
    ----------
    mode : str
        ``log`` or ``polling``.
    stage : str
        ``loading``, ``embedding`` or ``following``.
    rows : int
        Rows that the first load read.
    added, updated, unchanged, deleted : int
        Titles.
    rejected : int
        Rows that are no titles; ``rejects`` has the first of them, with reasons.
    transactions, replayed : int
        Of the log: applied, and recognised as applied before.
    loads, reconnects : int
        First loads; connections lost and made again.
    lag_s : float
        Everything committed longer ago than this is in the catalogue.
    lag_bytes : int
        Log that is not applied yet.
    slowest_s : float
        The longest time from a commit there until a search here finds it, while following.
    load_s, embed_s, seconds : float
    """

    mode: str = "log"
    stage: str = "loading"
    rows: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    rejects: list[str] = []
    transactions: int = 0
    replayed: int = 0
    loads: int = 0
    reconnects: int = 0
    lag_s: float = 0.0
    lag_bytes: int = 0
    slowest_s: float = 0.0
    load_s: float = 0.0
    embed_s: float = 0.0
    seconds: float = 0.0

    def reject(self, rows: list[str]) -> None:
        """Count rows that are no titles, and keep the first."""
        self.rejected += len(rows)
        self.rejects = (self.rejects + rows)[:20]


ReportProgress = Callable[[PostgresReport], None]


class Applied(Protocol):
    """Titles by what a change did to them."""

    @property
    def added(self) -> int:
        """Titles that are new."""
        ...

    @property
    def updated(self) -> int:
        """Titles that are different."""
        ...

    @property
    def unchanged(self) -> int:
        """Titles that are as they were."""
        ...

    @property
    def deleted(self) -> int:
        """Titles that are gone."""
        ...


class Sink(Protocol):
    """What a sync needs of a catalogue."""

    def apply(
        self,
        titles: list[Title],
        ids: list[str],
        *,
        embed: bool,
        checkpoint: tuple[str, bytes] | None,
    ) -> Applied:
        """Store titles, remove others and store a checkpoint, in one transaction."""
        ...

    def checkpoint(self, key: str) -> bytes | None:
        """Return a checkpoint."""
        ...

    def titles_of(self, source: str) -> list[str]:
        """Return the ids of all titles of a source."""
        ...

    def get(self, id: str) -> Title | None:
        """Return a title by its id, None where there is none."""
        ...

    def extra_fields(self) -> dict[str, str]:
        """Return names and types of the catalogue's own fields."""
        ...

    def embed_pending(self, progress: Progress | None) -> int:
        """Embed what has no vector yet."""
        ...
