"""Sharing an environment among handles, and with forked and killed processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lmdb_env.owners import OWNER
from tests.lmdb_env.stored import get, put, python
from tv5core import errors
from tv5core.store.environment import Environment


def test_reader_first_then_writer_in_one_process(tmp_path: Path) -> None:
    Environment.acquire(tmp_path, OWNER, writable=True).release(OWNER)
    reader = Environment.acquire(tmp_path, OWNER, writable=False)
    with pytest.raises(errors.CatalogError):
        put(reader, "a", b"1")
    writer = Environment.acquire(tmp_path, OWNER, writable=True)
    put(writer, "a", b"1")
    writer.release(OWNER)
    assert get(reader, "a") == b"1"
    reader.release(OWNER)
    with pytest.raises(errors.ClosedError):
        get(reader, "a")


def test_fork_leaves_both_sides_working(tmp_path: Path) -> None:
    done = python(
        """
import os, sys, threading, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from tv5core.store.environment import Environment
from tv5core.store import meta
from tv5core.lmdb_env.registry import Owner
owner = Owner()
env = Environment.acquire(Path(sys.argv[1]), owner, writable=True)
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
from tv5core.lmdb_env.registry import Owner
owner = Owner()
env = Environment.acquire(Path(sys.argv[1]), owner, writable=False)
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
