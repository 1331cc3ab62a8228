"""Shards in this process, and one catalogue of the same titles to compare them with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tv5core.catalog import Catalog
from tv5core.cluster.coordinator import Coordinator
from tv5core.cluster.part import Part
from tv5core.cluster.results import ShardedResult
from tv5core.cluster.shard import Shard
from tv5core.query.request import SearchRequest
from tv5core.results import SearchResult


class LocalShards:
    """A transport that calls shards directly; those in ``lost`` do not answer."""

    def __init__(self, source: Catalog, folder: Path, total: int) -> None:
        self.total, self.lost, self.rounds = total, set[int](), 0
        self.parts = [Part.load(source, folder / str(n), n, total) for n in range(total)]
        self.shards = [Shard(part) for part in self.parts]

    async def call(
        self, method: str, message: bytes, shards: Sequence[int], after: int
    ) -> dict[int, bytes]:
        self.rounds += 1
        there = [number for number in shards if number not in self.lost]
        return {number: self.shards[number].handle(method, message) for number in there}

    def close(self) -> None:
        for part in self.parts:
            part.close()


class Pair:
    """One catalogue, and shards of it."""

    def __init__(self, one: Catalog, folder: Path, total: int) -> None:
        self.one, self.shards = one, LocalShards(one, folder, total)
        self.many = Coordinator(self.shards, one.extra_fields)

    def follow(self) -> None:
        assert all(part.follow(self.one) for part in self.shards.parts)

    def searched(
        self, query: Any = "", k: int = 10, **given: Any
    ) -> tuple[SearchResult, ShardedResult]:
        request = SearchRequest.of(query, k, **given)
        return self.one.search(query, k, **given), asyncio.run(self.many.search(request))

    def check(self, query: Any = "", k: int = 10, **given: Any) -> ShardedResult:
        """Search both, and compare everything but the time."""
        one, many = self.searched(query, k, **given)
        assert [hit.id for hit in many] == [hit.id for hit in one], query
        assert [hit.title for hit in many] == [hit.title for hit in one]
        scores = [hit.score for hit in one]
        assert [hit.score for hit in many] == pytest.approx(scores, rel=1e-5, abs=1e-5)
        assert many.total == one.total, query
        assert many.facets == one.facets
        assert (many.did_you_mean, many.interpretation) == (one.did_you_mean, one.interpretation)
        assert bool(many.cursor) == bool(one.cursor)
        return many
