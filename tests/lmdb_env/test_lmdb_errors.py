"""LMDB's errors as errors of ours."""

from __future__ import annotations

import errno
from pathlib import Path

import lmdb
import pytest

from tests.lmdb_env.owners import OWNER
from tests.lmdb_env.stored import get, python
from tv5core import errors
from tv5core.store.environment import Environment
from tv5core.store.meta import set_checkpoint
from tv5core.store.transaction import Txn


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
from tv5core.lmdb_env.registry import Owner
owner = Owner()
env = Environment.acquire(Path(sys.argv[1]), owner, writable=True)
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
    env = Environment.acquire(tmp_path, OWNER, writable=False)
    assert get(env, "after") == b"1"
    stored = [get(env, f"key{i}") is not None for i in range(20)]
    assert stored == [i < len(lines) - 1 for i in range(20)]
    env.release(OWNER)
