"""Growing the map: whom it waits for, who waits for it, and what happens where it cannot."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.lmdb_env.owners import OWNER
from tests.lmdb_env.stored import get, put
from tv5core import errors
from tv5core.lmdb_env import registry
from tv5core.store import databases
from tv5core.store import environment as module
from tv5core.store.environment import Environment
from tv5core.store.meta import checkpoint

WAIT_S = 30


def start(work: object, *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_others_read_on_while_growth_waits_for_a_long_reader(env: Environment) -> None:
    put(env, "a", b"1")
    with env.read() as txn:
        writer = start(put, env, "big", b"x" * (1 << 19))
        while env._gate._owner is None:
            assert writer.is_alive()
        seen: list[bytes | None] = []
        reader = start(lambda: seen.extend(get(env, "a") for _ in range(100)))
        reader.join(WAIT_S)
        assert seen == [b"1"] * 100
        assert checkpoint(txn, "a") == b"1"
        assert writer.is_alive()
    writer.join(WAIT_S)
    assert get(env, "big") == b"x" * (1 << 19)


def test_growing_within_a_transaction_of_the_same_thread_is_refused(env: Environment) -> None:
    with env.read(), pytest.raises(errors.CatalogError, match="from within"):
        put(env, "big", b"x" * (1 << 19))
    put(env, "big", b"x" * (1 << 19))


def test_room_is_made_ahead_of_long_reading(env: Environment) -> None:
    put(env, "a", b"x" * 70_000)
    before = env.map_bytes
    env.make_room()
    assert env.map_bytes == 2 * before
    with env.read():
        put(env, "b", b"x" * 70_000)  # would have had to wait for us for ever
    env.make_room()
    env.make_room()
    assert env.map_bytes == 4 * before  # once more, and no more than that


def test_a_value_many_times_the_map(env: Environment) -> None:
    data = bytes(40 << 20)
    put(env, "big", data)
    assert get(env, "big") == data


def test_places_of_killed_readers_are_cleared_before_the_map_grows(
    env: Environment, tmp_path: Path
) -> None:
    code = """
import os, sys
from pathlib import Path
from tv5core.lmdb_env.calls import this_call
from tv5core.store.environment import Environment
from tv5core.lmdb_env.registry import Owner
owner = Owner()
held = Environment.acquire(Path(sys.argv[1]), owner, writable=False).begin_read(this_call())
os.kill(os.getpid(), 9)
"""
    put(env, "a", b"x" * 20_000)
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=WAIT_S)
    before = env.map_bytes
    for i in range(200):  # the killed reader's snapshot would keep every old page from reuse
        put(env, "a", bytes([i]) * 20_000)
    assert env.map_bytes == before
    assert env.check_readers() == 0


def test_another_process_lets_the_map_grow_while_we_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Environment.acquire(tmp_path, OWNER, writable=True).release(OWNER)
    code = """if True:
        import sys
        from pathlib import Path
        from tv5core.store import meta
        from tv5core.store.environment import Environment
        from tv5core.lmdb_env.registry import Owner
        owner = Owner()
        env = Environment.acquire(Path(sys.argv[1]), owner, writable=True)
        env.write(lambda txn: meta.set_checkpoint(txn, "big", b"x" * (1 << 28)))
        env.release(owner)
    """
    check_length = databases._check_length

    def grow_first(*arguments: object) -> None:
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=WAIT_S)
        check_length(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(databases, "_check_length", grow_first)
    reader = Environment.acquire(tmp_path, OWNER, writable=False)
    try:
        assert get(reader, "big") == b"x" * (1 << 28)
    finally:
        reader.release(OWNER)


def test_an_address_space_that_allows_no_more(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from tv5core.errors import CatalogError, DiskFullError
from tv5core.store import meta
from tv5core.store.environment import Environment
from tv5core.lmdb_env.registry import Owner
owner = Owner()
env = Environment.acquire(Path(sys.argv[1]), owner, writable=True)
value = b"x" * (8 << 20)  # made once: Python itself must not run out of address space below
def put(i):
    env.write(lambda txn: meta.set_checkpoint(txn, f"key{i}", value))
def get(i):
    with env.read() as txn:
        return meta.checkpoint(txn, f"key{i}") == value
put(0)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (160 << 20), resource.RLIM_INFINITY))
stored = 1
try:
    for i in range(1, 100):
        put(i)
        stored += 1
except CatalogError as error:
    assert "address space" in str(error), error
    assert not isinstance(error, DiskFullError)
assert 8 < stored < 40, stored
assert env.map_bytes > 1 << 26
with env.read() as txn:
    assert meta.checkpoint(txn, "none") is None
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
put(stored)
assert all(get(i) for i in range(stored + 1))
print("sound")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.stdout.strip() == "sound", done.stderr


def test_a_failed_opening_for_writing_leaves_readers_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Environment.acquire(tmp_path, OWNER, writable=True).release(OWNER)
    reader = Environment.acquire(tmp_path, OWNER, writable=False)
    real = module.open_lmdb

    def refuse(*arguments: object, writable: bool, **named: object) -> object:
        if writable:
            raise errors.CorruptFileError("expected a sound file")
        return real(*arguments, writable=writable, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "open_lmdb", refuse)
    with pytest.raises(errors.CorruptFileError):
        Environment.acquire(tmp_path, OWNER, writable=True)
    assert get(reader, "a") is None
    reader.release(OWNER)
    assert not registry.is_open(Environment.identity(tmp_path))
