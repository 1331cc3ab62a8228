"""Collections to try: of a Milvus server, and of Qdrant's client by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vector_databases.servers import MilvusServer, fresh_name


@pytest.fixture(scope="session")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    """One server for all tests of a process, each with collections of its own."""
    server = MilvusServer(tmp_path_factory.mktemp("milvus"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["qdrant-memory", "qdrant-folder", "milvus"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a collection that does not exist yet."""
    if request.param == "milvus":
        return f"{request.getfixturevalue('milvus').url}/{fresh_name()}?timeout_s=60&nlist=16"
    if request.param == "qdrant-folder":
        return f"qdrant+local://{tmp_path}/qdrant/{fresh_name()}"
    return f"qdrant+memory://{tmp_path.name}/{fresh_name()}"
