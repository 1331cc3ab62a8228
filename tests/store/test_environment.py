from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from tv5core import errors
from tv5core.store import environment as module
from tv5core.store.environment import Environment
from tv5core.store.meta import checkpoint, set_checkpoint
from tv5core.store.transaction import Txn


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    monkeypatch.setattr(module, "INITIAL_MAP_BYTES", 1 << 17)
    opened = Environment.acquire(tmp_path, writable=True)
    yield opened
    opened.release()


def put(environment: Environment, key: str, value: bytes) -> None:
    environment.write(lambda txn: set_checkpoint(txn, key, value))


def get(environment: Environment, key: str) -> bytes | None:
    with environment.read() as txn:
        return checkpoint(txn, key)


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


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
env = Environment.acquire(Path(sys.argv[1]), writable=False)
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
    other = Environment.acquire(env.folder, writable=False)
    assert other is env
    other.release()
    put(env, "a", b"1")
    assert get(env, "a") == b"1"


def test_reader_first_then_writer_in_one_process(tmp_path: Path) -> None:
    Environment.acquire(tmp_path, writable=True).release()
    reader = Environment.acquire(tmp_path, writable=False)
    with pytest.raises(errors.CatalogError):
        put(reader, "a", b"1")
    writer = Environment.acquire(tmp_path, writable=True)
    put(writer, "a", b"1")
    writer.release()
    assert get(reader, "a") == b"1"
    reader.release()
    with pytest.raises(errors.ClosedError):
        get(reader, "a")


def test_a_file_that_is_not_lmdb(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"nothing of the kind" * 1000)
    with pytest.raises(errors.CorruptFileError):
        Environment.acquire(tmp_path, writable=True)


def test_somebody_elses_lmdb(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path), lib_version=0) as foreign, foreign.begin(write=True) as txn:
        txn.put(b"a", b"b")
    for writable in (False, True):
        with pytest.raises(errors.NotACatalogError, match="something else"):
            Environment.acquire(tmp_path, writable=writable)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_disk_is_a_typed_error(env: Environment, code: int) -> None:
    def work(txn: Txn) -> None:
        set_checkpoint(txn, "a", b"1")
        raise lmdb.DiskError("mdb_txn_commit", code)

    def with_code(txn: Txn) -> None:
        try:
            work(txn)
        except lmdb.DiskError as error:
            error.code = code  # type: ignore[misc]
            raise

    with pytest.raises(errors.DiskFullError, match="nothing of this write was stored"):
        env.write(with_code)
    assert get(env, "a") is None


def test_a_write_cut_short_stores_nothing(tmp_path: Path) -> None:
    """LMDB reports a full disk as an input/output error; here a limit stands for the disk."""
    done = python(
        """
import resource, sys
from pathlib import Path
from tv5core.errors import DiskFullError
from tv5core.store.environment import Environment
from tv5core.store import meta
env = Environment.acquire(Path(sys.argv[1]), writable=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
for i in range(20):
    try:
        env.write(lambda txn: meta.set_checkpoint(txn, f"key{i}", b"x" * 100_000))
    except DiskFullError:
        print("full")
        break
    print(i)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
env.write(lambda txn: meta.set_checkpoint(txn, "after", b"1"))
""",
        str(tmp_path),
    )
    lines = done.stdout.split()
    assert lines[-1] == "full", done.stderr
    env = Environment.acquire(tmp_path, writable=False)
    assert get(env, "after") == b"1"
    stored = [get(env, f"key{i}") is not None for i in range(20)]
    assert stored == [i < len(lines) - 1 for i in range(20)]
    env.release()


def test_fork_leaves_both_sides_working(tmp_path: Path) -> None:
    done = python(
        """
import os, sys, threading, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from tv5core.store.environment import Environment
from tv5core.store import meta
env = Environment.acquire(Path(sys.argv[1]), writable=True)
env.write(lambda txn: meta.set_checkpoint(txn, "a", b"1"))
def get():
    with env.read() as txn:
        return meta.checkpoint(txn, "a")
stop = threading.Event()
def busy():
    while not stop.is_set():
        get()
threads = [threading.Thread(target=busy) for _ in range(2)]
for thread in threads: thread.start()
for round in range(5):
    child = os.fork()
    if child == 0:
        os._exit(0 if all(get() == b"1" for _ in range(20)) else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    assert get() == b"1"
stop.set()
for thread in threads: thread.join()
env.write(lambda txn: meta.set_checkpoint(txn, "a", b"2"))
assert get() == b"2"
print("sound")
""",
        str(tmp_path),
    )
    assert done.stdout.strip() == "sound", done.stderr


def test_killed_readers_are_cleared(env: Environment) -> None:
    put(env, "a", b"1")
    code = """
import sys, time
from pathlib import Path
from tv5core.store.environment import Environment
env = Environment.acquire(Path(sys.argv[1]), writable=False)
txn = env.read().__enter__()
print("ready", flush=True)
time.sleep(60)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(env.folder)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child:
        child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
    assert env.check_readers() == 1


def test_making_the_file_was_cut_short(tmp_path: Path) -> None:
    """What a full disk or a crash leaves of the very first write is begun anew by a writer."""
    Environment.acquire(tmp_path, writable=True).release()
    path = tmp_path / "data.mdb"
    with lmdb.open(str(tmp_path / "new"), lib_version=0):
        beginning = (tmp_path / "new" / "data.mdb").read_bytes()[:5000]
    path.write_bytes(beginning)
    with pytest.raises(errors.CorruptFileError):
        Environment.acquire(tmp_path, writable=False)
    environment = Environment.acquire(tmp_path, writable=True)
    with environment.read() as txn:
        assert txn.raw.stat()["entries"] > 0
    environment.write(lambda txn: txn.raw.put(b"key", b"value", db=txn.dbs.meta))
    environment.release()
    kept = path.read_bytes()[:5000]  # a catalogue's own file cut short is left alone
    path.write_bytes(kept)
    with pytest.raises(errors.CorruptFileError):
        Environment.acquire(tmp_path, writable=True)
    assert path.read_bytes() == kept
