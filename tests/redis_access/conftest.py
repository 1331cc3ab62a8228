"""A cluster of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cache.redis_cluster import RedisCluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A cluster of three nodes, for the tests of one file."""
    made = RedisCluster(tmp_path_factory.mktemp("cluster"))
    made.start()
    yield made
    made.stop()
