"""The store's environment: a map that grows, files that are damaged or of others."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import lmdb
import pytest

from tests.lmdb_env.owners import OWNER
from tests.lmdb_env.stored import get, put
from tv5core import errors
from tv5core.store.environment import Environment
from tv5core.store.meta import checkpoint, set_checkpoint
from tv5core.store.transaction import Txn


def test_map_doubles_until_it_fits(env: Environment) -> None:
    before = env.map_bytes
    put(env, "a", b"x" * (1 << 20))
    assert get(env, "a") == b"x" * (1 << 20)
    assert env.map_bytes >= 8 * before


def test_work_runs_again_from_the_start_when_the_map_grows(env: Environment) -> None:
    runs = []

    def work(txn: Txn) -> None:
        runs.append(checkpoint(txn, "first"))
        set_checkpoint(txn, "first", b"1")
        set_checkpoint(txn, "second", b"x" * (1 << 19))

    env.write(work)
    assert len(runs) > 1
    assert set(runs) == {None}


def test_growth_waits_for_readers_and_they_for_it(env: Environment) -> None:
    put(env, "a", b"1")
    stop, seen = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            seen.append(get(env, "a"))
            time.sleep(1e-4)  # a loop of nothing but LMDB calls would keep the GIL from others

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(6):
        put(env, f"big{i}", b"x" * (1 << (17 + i)))
    stop.set()
    for thread in threads:
        thread.join()
    assert seen
    assert set(seen) == {b"1"}


def test_reader_follows_growth_in_another_process(env: Environment) -> None:
    put(env, "a", b"1")
    reader = """
import sys
from pathlib import Path
from tv5core.store.environment import Environment
from tv5core.store import meta
from tv5core.lmdb_env.registry import Owner
owner = Owner()
env = Environment.acquire(Path(sys.argv[1]), owner, writable=False)
for line in sys.stdin:
    with env.read() as txn:
        print(len(meta.checkpoint(txn, line.strip()) or b""), flush=True)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", reader, str(env.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        for key, value in (("a", b"1"), ("b", b"x" * (1 << 19)), ("c", b"x" * (1 << 21))):
            put(env, key, value)
            child.stdin.write(key + "\n")
            child.stdin.flush()
            assert child.stdout.readline().strip() == str(len(value))
        child.stdin.close()


def test_handles_of_one_process_share(env: Environment) -> None:
    other = Environment.acquire(env.folder, OWNER, writable=False)
    assert other is env
    other.release(OWNER)
    put(env, "a", b"1")
    assert get(env, "a") == b"1"


def test_a_file_that_is_not_lmdb(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"nothing of the kind" * 1000)
    with pytest.raises(errors.CorruptFileError):
        Environment.acquire(tmp_path, OWNER, writable=True)


def test_somebody_elses_lmdb(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path), lib_version=0) as foreign, foreign.begin(write=True) as txn:
        txn.put(b"a", b"b")
    for writable in (False, True):
        with pytest.raises(errors.NotACatalogError, match="something else"):
            Environment.acquire(tmp_path, OWNER, writable=writable)


def test_making_the_file_was_cut_short(tmp_path: Path) -> None:
    """A writer starts over where a full disk or a crash cut short the very first write."""
    Environment.acquire(tmp_path, OWNER, writable=True).release(OWNER)
    path = tmp_path / "data.mdb"
    with lmdb.open(str(tmp_path / "new"), lib_version=0):
        beginning = (tmp_path / "new" / "data.mdb").read_bytes()[:5000]
    path.write_bytes(beginning)
    with pytest.raises(errors.CorruptFileError):
        Environment.acquire(tmp_path, OWNER, writable=False)
    environment = Environment.acquire(tmp_path, OWNER, writable=True)
    with environment.read() as txn:
        assert txn.raw.stat()["entries"] > 0
    environment.write(lambda txn: txn.raw.put(b"key", b"value", db=txn.dbs.meta))
    environment.release(OWNER)
    kept = path.read_bytes()[:5000]  # a catalogue's own file cut short is left alone
    path.write_bytes(kept)
    with pytest.raises(errors.CorruptFileError):
        Environment.acquire(tmp_path, OWNER, writable=True)
    assert path.read_bytes() == kept
