"""LMDB's pages checked without LMDB: sound files pass whole, and damaged ones are named."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from tv5core.errors import CorruptFileError
from tv5core.lmdb_env.page_check import check_file, problems_as_of
from tv5core.lmdb_env.pages import head_of

PAGE = 4096
FLAGS = {b"plain": 0, b"several": 0x14}


def value_of(number: int) -> bytes:
    return number.to_bytes(8, "big")


def change(env: lmdb.Environment, chance: random.Random, changes: int = 300) -> None:
    plain = env.open_db(b"plain")
    several = env.open_db(b"several", dupsort=True, dupfixed=True)
    with env.begin(write=True) as txn:
        for _ in range(changes):
            key = b"%d" % chance.randrange(400)
            if chance.random() < 0.6:
                size = chance.choice([0, 8, 200, 3_000, 9_000])
                txn.put(key * chance.choice([1, 1, 30]), bytes(size), db=plain)
                for _ in range(chance.choice([1, 1, 40])):
                    txn.put(key[:1], value_of(chance.randrange(3_000)), db=several)
            else:
                txn.delete(key, db=plain)
                txn.delete(key[:1], value_of(chance.randrange(3_000)), db=several)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    chance = random.Random(1)
    with lmdb.open(str(tmp_path), max_dbs=2, map_size=1 << 26, lib_version=0) as env:
        for _ in range(12):
            change(env, chance)
    return tmp_path / "data.mdb"


def test_sound_files_pass_whole(tmp_path: Path) -> None:
    chance = random.Random(2)
    with lmdb.open(str(tmp_path), max_dbs=2, map_size=1 << 26, lib_version=0) as env:
        check_file(tmp_path / "data.mdb", FLAGS)
        for _ in range(40):
            change(env, chance, chance.choice([1, 20, 300]))
            check_file(tmp_path / "data.mdb", FLAGS)
            with env.begin() as txn:
                assert problems_as_of(tmp_path / "data.mdb", FLAGS, txn.id()) == []
        (tmp_path / "copy").mkdir()
        env.copy(str(tmp_path / "copy"))
        check_file(tmp_path / "copy" / "data.mdb", FLAGS, budget=10**9)


def test_an_older_transaction_is_checked_as_long_as_its_meta_page_is_there(tmp_path: Path) -> None:
    chance = random.Random(3)
    with lmdb.open(str(tmp_path), max_dbs=2, map_size=1 << 26, lib_version=0) as env:
        change(env, chance)
        with env.begin() as txn:
            change(env, chance)
            assert problems_as_of(tmp_path / "data.mdb", FLAGS, txn.id()) == []
            change(env, chance)
            assert problems_as_of(tmp_path / "data.mdb", FLAGS, txn.id()) is None


def test_no_file_and_files_of_something_else_are_left_to_lmdb(tmp_path: Path) -> None:
    check_file(tmp_path / "data.mdb", FLAGS)
    for content in (b"", b"short", bytes(PAGE), b"\xff" * 3 * PAGE):
        (tmp_path / "data.mdb").write_bytes(content)
        check_file(tmp_path / "data.mdb", FLAGS)


def test_a_first_transaction_whose_meta_page_failed_is_not_looked_at(tmp_path: Path) -> None:
    """LMDB then writes the number and the last page of the one before, but the new roots."""
    with lmdb.open(str(tmp_path), max_dbs=2, map_size=1 << 26, lib_version=0) as env:
        env.open_db(b"plain")
    data = bytearray((tmp_path / "data.mdb").read_bytes())
    assert newest(data) == PAGE
    put(data, PAGE + 136, 1, 8)
    put(data, PAGE + 144, 0, 8)
    (tmp_path / "data.mdb").write_bytes(data)
    check_file(tmp_path / "data.mdb", FLAGS)
    with lmdb.open(str(tmp_path), max_dbs=2, map_size=1 << 26, lib_version=0) as env:
        assert env.stat()["entries"] == 0
        change(env, random.Random(4))
        check_file(tmp_path / "data.mdb", FLAGS)


def newest(data: bytes) -> int:
    return max((0, PAGE), key=lambda at: int.from_bytes(data[at + 144 : at + 152], "little"))


def put(data: bytearray, at: int, number: int, size: int) -> None:
    data[at : at + size] = number.to_bytes(size, "little")


DAMAGE: dict[str, Callable[[bytearray], None]] = {
    "root": lambda data: put(data, newest(data) + 128, 10**6, 8),
    "last page": lambda data: put(data, newest(data) + 136, 10**6, 8),
    "last page too low": lambda data: put(data, newest(data) + 136, 3, 8),
    "transaction": lambda data: put(data, (newest(data) ^ PAGE) + 144, 10**6, 8),
    "flags": lambda data: put(data, newest(data) + 92, 0x10, 2),
    "depth": lambda data: put(data, newest(data) + 94, 60, 2),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named_before_the_file_is_opened(file: Path, damage: str) -> None:
    data = bytearray(file.read_bytes())
    DAMAGE[damage](data)
    file.write_bytes(data)
    with pytest.raises(CorruptFileError, match=r"data\.mdb: .*expected .*; restore a backup"):
        check_file(file, FLAGS)


def test_a_flipped_number_does_not_bring_back_the_transaction_before(tmp_path: Path) -> None:
    chance, seen = random.Random(5), 0
    with lmdb.open(str(tmp_path), max_dbs=2, map_size=1 << 26, lib_version=0) as env:
        for _ in range(12):
            change(env, chance, 5)
            data = bytearray((tmp_path / "data.mdb").read_bytes())
            older = newest(data) ^ PAGE
            number = int.from_bytes(data[older + 144 : older + 152], "little")
            put(data, older + 144, number ^ 2, 8)
            (tmp_path / "flipped.mdb").write_bytes(data)
            if number ^ 2 == number + 2:  # then it is one more than the newest
                seen += 1
                with pytest.raises(CorruptFileError, match="expected the pages of transaction"):
                    check_file(tmp_path / "flipped.mdb", FLAGS)
    assert seen > 3


def test_every_page_of_a_tree_is_looked_at(file: Path) -> None:
    data = file.read_bytes()
    sound = bytearray(data)
    found = used = 0
    for at in range(2 * PAGE, len(data), PAGE):
        head = head_of(data[at : at + PAGE])
        if head.flags not in (1, 2) or head.number != at // PAGE:
            continue
        used += 1
        sound[at + 12] ^= 2  # lower
        file.write_bytes(sound)
        sound[at + 12] ^= 2
        try:
            check_file(file, FLAGS, budget=10**9)
        except CorruptFileError:
            found += 1
    assert found > used // 3  # the others are free


def test_flags_of_a_sub_database_are_those_that_are_known(file: Path) -> None:
    with pytest.raises(CorruptFileError, match="expected flags of 'plain'"):
        check_file(file, {b"plain": 0x14, b"several": 0x14})


def test_a_budget_bounds_the_work(file: Path) -> None:
    data = bytearray(file.read_bytes())
    last = max(at for at in range(2 * PAGE, len(data), PAGE)
               if head_of(bytes(data[at : at + PAGE])).flags == 2)  # fmt: skip
    for at in range(2 * PAGE, last + PAGE, PAGE):  # every leaf, in use or not
        if head_of(bytes(data[at : at + PAGE])).flags == 2:
            data[at + 13] ^= 0x80
    file.write_bytes(data)
    with pytest.raises(CorruptFileError):
        check_file(file, FLAGS)
    check_file(file, FLAGS, budget=0)
