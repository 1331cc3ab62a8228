from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tv5core import errors
from tv5core.files import SealedFile
from tv5core.store import meta
from tv5core.store.meta import Meta
from tv5core.store.records import Generation

FILE = SealedFile("graph.000002.tv5", 1000, 77)
RECORD = Meta(
    meta.FORMAT,
    dim=24,
    space=1,
    next_row=50,
    next_seq=9,
    next_generation=3,
    generations=(Generation(2, 7, 1, 40, FILE, FILE),),
)


def transaction(value: bytes | None = None) -> Any:
    kept: list[bytes | None] = [value]
    raw = SimpleNamespace(
        get=lambda key, db: kept[-1], put=lambda key, value, db: kept.append(value)
    )
    return SimpleNamespace(raw=raw, dbs=SimpleNamespace(meta=None), kept=kept)


def written(record: Meta) -> bytes:
    txn = transaction()
    meta.write_meta(txn, record)
    data = txn.kept[-1]
    assert isinstance(data, bytes)
    return data


def read(data: bytes) -> Meta | None:
    return meta.read_meta(transaction(data))


def test_round_trip() -> None:
    assert read(written(RECORD)) == RECORD
    assert meta.read_meta(transaction()) is None


def test_the_checksum_comes_last() -> None:
    assert msgspec.structs.fields(Meta)[-1].name == "check"


def test_any_flipped_bit_is_found() -> None:
    data = written(RECORD)
    for place in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            with pytest.raises(errors.CorruptFileError):
                read(bytes(flipped))
        with pytest.raises(errors.CorruptFileError):
            read(data[:place])


def test_a_record_of_format_1_has_no_checksum() -> None:
    old = msgspec.structs.replace(RECORD, format=1)
    assert read(msgspec.msgpack.encode(old)) == old
    with pytest.raises(errors.CorruptFileError, match="checksum"):
        read(msgspec.msgpack.encode(RECORD))


def test_a_newer_one_is_refused() -> None:
    with pytest.raises(errors.FormatVersionError, match="got 99"):
        read(msgspec.msgpack.encode({"format": 99, "what": "ever"}))


@pytest.mark.parametrize(
    "changes",
    [
        {"space": 2},
        {"space": -1},
        {"dim": -1},
        {"next_seq": 7},
        {"next_generation": 2},
        {"next_row": -5},
    ],
)
def test_a_record_against_itself_is_refused(changes: dict[str, int]) -> None:
    values = {**msgspec.to_builtins(RECORD), **changes, "format": 1}
    with pytest.raises(errors.CorruptFileError):
        read(msgspec.msgpack.encode(values))


@pytest.mark.parametrize("name", ["x", "../graph.000002.tv5", "graph.000002.tv5\n", "graph.2.tv5"])
@pytest.mark.parametrize("place", ["graph", "rows", "model"])
def test_a_record_that_names_other_files_than_ours_is_refused(name: str, place: str) -> None:
    file = replace(FILE, name=name)
    generation = RECORD.generations[0]
    if place != "model":
        generation = msgspec.structs.replace(generation, **{place: file})
    model = file if place == "model" else None
    wrong = msgspec.structs.replace(RECORD, generations=(generation,), model=model)
    with pytest.raises(errors.CorruptFileError, match="against itself"):
        read(written(wrong))
