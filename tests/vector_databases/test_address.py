from __future__ import annotations

import pytest

from tv5core.errors import InvalidInputError
from tv5core.vector_databases import CollectionAddress, is_collection_url


def test_a_server_of_qdrant() -> None:
    at = CollectionAddress.parse(
        "qdrant+https://:secret@db.example/films?shard_number=4&timeout_s=2.5", {}
    )
    assert (at.backend, at.server, at.collection) == (
        "qdrant",
        "https://db.example:6333",
        "films",
    )
    assert (at.secret, at.options, at.timeout_s) == ("secret", {"shard_number": 4}, 2.5)
    assert str(at) == "qdrant+https://db.example:6333/films"
    assert "secret" not in repr(at)


def test_a_database_of_milvus() -> None:
    at = CollectionAddress.parse("milvus://u:p@[::1]:7/media/films?index_type=HNSW", {})
    assert (at.server, at.database, at.collection) == ("http://[::1]:7", "media", "films")
    assert at.secret == "u:p"
    assert str(at) == "milvus://[::1]:7/media/films"


def test_credentials_of_the_environment() -> None:
    known = {"TV5_QDRANT_API_KEY": "k", "TV5_MILVUS_TOKEN": "u:t"}
    assert CollectionAddress.parse("qdrant://h/c", known).secret == "k"
    assert CollectionAddress.parse("milvus://h/c", known).secret == "u:t"


def test_what_is_local() -> None:
    at = CollectionAddress.parse("qdrant+local:///var/lib/q/films", {})
    assert (at.path, at.collection, at.is_local) == ("/var/lib/q", "films", True)
    assert str(at) == "qdrant+local:///var/lib/q/films"
    memory = CollectionAddress.parse("qdrant+memory://trial/films", {})
    assert (memory.host, memory.collection) == ("trial", "films")


@pytest.mark.parametrize(
    "url",
    [
        "http://h/c",
        "qdrant://host",
        "qdrant://host/",
        "qdrant://host/a/b",
        "milvus://h/a/b/c",
        "qdrant://h:http/c",
        "qdrant://h/c?shards_num=1",
        "qdrant://h/c?shard_number=0",
        "qdrant://h/c?on_disk=maybe",
        "milvus://h/c?timeout_s=nan",
        "qdrant+local:///films",
    ],
)
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        CollectionAddress.parse(url, {})


def test_a_wrong_url_is_shown_without_credentials() -> None:
    with pytest.raises(InvalidInputError) as failed:
        CollectionAddress.parse("qdrant://:hidden@host", {})
    assert "hidden" not in str(failed.value)


def test_paths_are_no_urls() -> None:
    assert not is_collection_url("/var/films")
    assert not is_collection_url("s3://bucket/films")
    assert not is_collection_url(None)
    assert is_collection_url("milvus://h/c")
