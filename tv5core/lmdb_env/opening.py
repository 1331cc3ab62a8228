"""Opening LMDB's file, checking its length, measuring what it holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import lmdb

from tv5core.lmdb_env.transaction import Buffers

__all__ = ["LIB_VERSION", "MAX_READERS", "SPARE_TXNS", "find_truncation", "tree_bytes", "used_end"]

MAX_READERS = 1024
"""Read transactions at once, over all processes."""

SPARE_TXNS = 8
"""Read transactions kept for reuse: beginning a new one costs a lock and a system call."""

LIB_VERSION = 0
"""The file format of LMDB 0.9, which every LMDB reads."""


def used_end(raw: lmdb.Environment) -> int:
    """Return the bytes up to the end of the last page in use."""
    return int((raw.info()["last_pgno"] + 1) * raw.stat()["psize"])


def find_truncation(raw: lmdb.Environment, path: Path) -> str:
    """Return how a file is shorter than LMDB's own record of it; ``""`` where it is not.

    Reading a page past the end of the file kills the process, so this comes before any read.
    """
    expected, size = used_end(raw), path.stat().st_size
    return f"expected {expected} bytes, got {size}" if 0 < size < expected else ""


def tree_bytes(txn: Buffers, databases: Iterable[lmdb._Database | None]) -> int:
    """Return the bytes of the pages of some databases; None stands for the main one."""
    total = 0
    for database in databases:
        stat = txn.stat() if database is None else txn.stat(database)
        pages = stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
        total += stat["psize"] * pages
    return total
