"""Manifests: what is refused before any file is made of one."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.snapshots.stores import ORIGIN
from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.object_storage import open_store
from tv5core.snapshots import Manifest, SnapshotFile, newest_manifest
from tv5core.snapshots.manifest import decode, encode, manifest_name, read_manifest

DIGEST = "0" * 64
GOOD = Manifest(
    number=3,
    lineage=0,
    origin=ORIGIN,
    published_s=1.0,
    tv5core="0.1.0",
    chunk_bytes=4,
    files=(SnapshotFile("data.mdb", 5, (DIGEST, DIGEST)),),
)


def sealed(**changes: Any) -> bytes:
    """Return a manifest with other values, and with the checksum that belongs to them."""
    body = msgspec.json.encode(msgspec.to_builtins(GOOD) | changes)
    wrapped = {"tv5_snapshot": 1, "sha256": hashlib.sha256(body).hexdigest()}
    return msgspec.json.encode(wrapped | {"snapshot": msgspec.Raw(body)})


def file(name: str = "data.mdb", count: int = 5, chunks: int = 2) -> dict[str, Any]:
    return {"name": name, "bytes": count, "chunks": [DIGEST] * chunks}


def test_a_manifest_comes_back() -> None:
    assert decode(encode(GOOD), "here") == GOOD == decode(sealed(), "here")
    assert (GOOD.bytes, GOOD.chunks) == (5, {DIGEST})
    assert [GOOD.chunk_size(GOOD.files[0], place) for place in (0, 1)] == [4, 1]


@pytest.mark.parametrize(
    "name",
    [
        *("../data.mdb", "/data.mdb", "a/data.mdb", "..", "data.mdb\n", "", "data.mdb\0", ".mdb"),
        *("writer.lock", "lock.mdb/..", "graph.000001.tv5.tmp", "DATA.MDB", "data.exe"),
    ],
)
def test_no_name_leads_elsewhere(name: str) -> None:
    with pytest.raises(CorruptFileError, match="expected"):
        decode(sealed(files=[file(name)]), "here")


@pytest.mark.parametrize(
    "changes",
    [
        {"files": []},
        {"files": [file(), file()]},
        {"files": [file(chunks=1)]},
        {"files": [file(count=-1)]},
        {"files": [{**file(), "chunks": ["../secret", DIGEST]}]},
        {"chunk_bytes": 0},
        {"chunk_bytes": 1 << 40},
        {"number": 0},
        {"origin": {}},
    ],
)
def test_other_values_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CorruptFileError, match="here: expected"):
        decode(sealed(**changes), "here")


@given(st.data())
def test_damage_is_seen(data: st.DataObject) -> None:
    raw = bytearray(encode(GOOD))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with suppress(CorruptFileError):
        assert decode(bytes(raw), "here") == GOOD  # a lower version


def test_a_newer_version_says_so() -> None:
    with pytest.raises(FormatVersionError, match=r"version 1 or less, got 2.*upgrade"):
        decode(b'{"tv5_snapshot": 2, "else": 1}', "here")


def test_a_manifest_under_another_number_is_damage(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}")
    store.put(manifest_name(4), encode(GOOD))
    with pytest.raises(CorruptFileError, match="expected snapshot 4, got 3"):
        read_manifest(store, 4)
    store.put("snapshots/notes.txt", b"mine")
    store.delete([manifest_name(4)])
    assert newest_manifest(store) is None
