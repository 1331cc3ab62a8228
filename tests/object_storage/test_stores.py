"""One behaviour of folders, of fsspec's memory, and of S3 as moto speaks it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.object_storage.s3_server import BUCKET, KEY, SECRET, environment, s3_server
from tv5core.errors import (
    InvalidInputError,
    ObjectStoreAccessError,
    ObjectStoreError,
    ObjectStoreUnavailableError,
)
from tv5core.object_storage import ObjectStore, open_store

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as address, pytest.MonkeyPatch.context() as patch:
        for name, value in environment(address).items():
            patch.setenv(name, value)
        yield address


@pytest.fixture(params=["file", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "file":
        return open_store(f"file://{tmp_path}/store")
    if request.param == "s3":
        request.getfixturevalue("s3")
    return open_store(f"{request.param}://{BUCKET}/{uuid.uuid4()}")


def test_objects_are_stored_listed_and_removed(store: ObjectStore) -> None:
    assert store.entries("chunks") == []
    assert store.get("chunks/a", 9) is None
    store.put("chunks/a", b"one")
    store.put("chunks/b", b"twice")
    store.put("chunks/a", b"again")
    assert store.get("chunks/a", 9) == b"again"
    found = {one.name: one.bytes for one in store.entries("chunks")}
    assert found == {"chunks/a": 5, "chunks/b": 5}
    assert all(one.modified_s > 1.7e9 for one in store.entries("chunks"))
    assert store.entries("snapshots") == []
    store.delete(["chunks/a", "chunks/none"])
    assert [one.name for one in store.entries("chunks")] == ["chunks/b"]


def test_no_more_is_read_than_is_asked_for(store: ObjectStore) -> None:
    store.put("chunks/large", bytes(1_000))
    assert store.get("chunks/large", 10) == bytes(11)


def test_an_object_is_created_once(store: ObjectStore) -> None:
    assert store.create("snapshots/1", b"first")
    assert not store.create("snapshots/1", b"late")
    assert store.get("snapshots/1", 9) == b"first"


def test_of_several_who_create_an_object_in_a_folder_one_succeeds(tmp_path: Path) -> None:
    store, won = open_store(f"file://{tmp_path}"), list[int]()

    def create(number: int) -> None:
        if store.create("snapshots/1", str(number).encode()):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert store.get("snapshots/1", 9) == str(won[0]).encode()


@pytest.mark.usefixtures("s3")
def test_no_such_bucket() -> None:
    store = open_store("s3://no-such-bucket/films")
    assert store.entries("snapshots") == []
    with pytest.raises(ObjectStoreAccessError, match=r"NoSuchBucket.*AWS_"):
        store.put("chunks/a", b"a")


@pytest.mark.usefixtures("s3")
def test_nobody_answers() -> None:
    with pytest.raises(ObjectStoreUnavailableError, match=r"EndpointConnectionError: try again"):
        open_store("s3://bucket/films", {"endpoint_url": NOWHERE}).entries("snapshots")


@pytest.mark.usefixtures("s3")
def test_errors_name_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"endpoint_url": NOWHERE, "key": KEY, "secret": SECRET}
    with pytest.raises(ObjectStoreError) as caught:
        open_store("s3://bucket/films", options).get("a", 1)
    wrong = [caught.value]
    with pytest.raises(InvalidInputError) as refused:
        open_store("s3://bucket/films", {**options, "secrt": SECRET}).get("a", 1)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ObjectStoreAccessError) as missing:
        open_store("s3://bucket/films").put("a", b"1")
    for error in (*wrong, refused.value, missing.value):
        assert KEY not in str(error)
        assert SECRET not in str(error)
        assert error.__cause__ is None
        assert error.__context__ is None


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = open_store(f"file://{tmp_path}/file")
    with pytest.raises(ObjectStoreError, match="expected a folder"):
        store.entries("chunks")


def test_what_a_killed_process_left_is_no_object(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}")
    store.put("chunks/a", b"a")
    (tmp_path / "unfinished" / "1.2.3").write_bytes(b"half")
    assert [one.name for one in store.entries("chunks")] == ["chunks/a"]
    assert [one.name for one in store.entries("unfinished")] == ["unfinished/1.2.3"]
