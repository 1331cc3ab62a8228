"""Sections: small values with a version and a checksum."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.store import Store
from tv5core.store.sections import delete_section, put_section, section


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(
        tmp_path / "c", create=True, read_only=False, metric="cosine", rescoring="int8"
    )
    yield opened
    opened.close()


def put(store: Store, name: str, version: int, body: bytes) -> None:
    store.environment.write(lambda txn: put_section(txn, name, version, body))


def test_a_section_comes_back_with_its_version(store: Store) -> None:
    put(store, "words", 3, b"body")
    put(store, "empty", 1, b"")
    with store.read() as txn:
        assert section(txn, "words", 3) == (3, b"body")
        assert section(txn, "empty", 9) == (1, b"")
        assert section(txn, "none", 1) is None
    put(store, "words", 4, b"other")
    with store.read() as txn:
        assert section(txn, "words", 4) == (4, b"other")
    assert store.environment.write(lambda txn: delete_section(txn, "words"))
    assert not store.environment.write(lambda txn: delete_section(txn, "words"))


def test_a_newer_section_is_refused(store: Store) -> None:
    put(store, "words", 2, b"body")
    with store.read() as txn, pytest.raises(FormatVersionError, match="version 1 or less, got 2"):
        section(txn, "words", 1)


def test_every_flipped_bit_of_a_section_is_found(store: Store) -> None:
    put(store, "words", 2, b"body")
    key = b"section:words"
    with store.read() as txn:
        value = bytes(txn.raw.get(key, db=txn.dbs.meta))
    for bit in range(8 * len(value)):
        flipped = bytearray(value)
        flipped[bit // 8] ^= 1 << bit % 8
        store.environment.write(lambda txn, v=bytes(flipped): txn.raw.put(key, v, db=txn.dbs.meta))
        with store.read() as txn, pytest.raises(CorruptFileError, match="section 'words'"):
            section(txn, "words", 9)
