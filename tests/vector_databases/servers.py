"""A Milvus server of the tests' own, and names of collections."""

from __future__ import annotations

import itertools
import os

from benchmarks.process.milvus_lite import MilvusLite as MilvusServer

__all__ = ["MilvusServer", "fresh_name"]

_numbers = itertools.count()


def fresh_name() -> str:
    """Return a name of a collection that no other test has."""
    return f"films_{os.getpid()}_{next(_numbers)}"
