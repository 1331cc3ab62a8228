"""A store whose map is small, its values, and Python in another process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lmdb_env.owners import OWNER
from tv5core.store import environment as module
from tv5core.store.environment import Environment
from tv5core.store.meta import checkpoint, set_checkpoint


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    monkeypatch.setattr(module, "INITIAL_MAP_BYTES", 1 << 17)
    opened = Environment.acquire(tmp_path, OWNER, writable=True)
    yield opened
    opened.release(OWNER)


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
