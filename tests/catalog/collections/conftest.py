"""Collections to try, and catalogues whose vectors are here, in Qdrant or in Milvus."""

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


def collection(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    if kind == "milvus":
        return f"{request.getfixturevalue('milvus').url}/{fresh_name()}?timeout_s=60&nlist=16"
    if kind == "qdrant-folder":
        return f"qdrant+local://{folder}/qdrant/{fresh_name()}"
    return f"qdrant+memory://{folder.name}/{fresh_name()}"


@pytest.fixture(params=["qdrant-memory", "qdrant-folder", "milvus"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a collection that does not exist yet."""
    return collection(request.param, request, tmp_path)


@pytest.fixture(params=["own", "qdrant", "milvus"])
def vectors_at(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """Where a catalogue's vectors are: the URL of a collection, None for its own index."""
    return None if request.param == "own" else collection(request.param, request, tmp_path)
