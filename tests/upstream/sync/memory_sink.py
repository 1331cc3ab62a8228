"""A catalogue in memory, as far as a sync needs one."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tv5core import AddResult
from tv5core.errors import DiskFullError
from tv5core.types import Title


class MemorySink:
    """A catalogue in memory; ``fail_at`` breaks off the nth addition."""

    def __init__(self) -> None:
        self.titles: dict[str, Title] = {}
        self.checkpoints: dict[str, bytes] = {}
        self.sizes: list[int] = []
        self.fail_at = -1
        self.slow_s = 0.0

    def add(
        self, titles: Sequence[Title], /, *, embed: bool, checkpoint: tuple[str, bytes] | None
    ) -> AddResult:
        assert not embed
        assert len({title.id for title in titles}) == len(titles)
        if len(self.sizes) == self.fail_at:
            raise DiskFullError("expected room, got none")
        time.sleep(self.slow_s)
        self.sizes.append(len(titles))
        new = [title for title in titles if title.id not in self.titles]
        self.titles |= {title.id: title for title in titles}
        if checkpoint:
            self.checkpoints[checkpoint[0]] = checkpoint[1]
        return AddResult(len(new), len(titles) - len(new), 0)

    def checkpoint(self, key: str) -> bytes | None:
        return self.checkpoints.get(key)

    def find(self, alias: str) -> tuple[str, ...]:
        return (alias,) if alias in self.titles else ()
