"""A transaction and the databases it may touch."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeAlias, TypeVar

import lmdb

__all__ = ["Buffers", "DatabasesT", "Txn"]

Buffers: TypeAlias = "lmdb.Transaction[memoryview]"
"""LMDB's transaction, whose values are views of the map."""

DatabasesT = TypeVar("DatabasesT")
"""A named tuple of the handles of an environment's databases."""


class Txn(NamedTuple, Generic[DatabasesT]):
    """A transaction and its databases.

    Values are views of the map: they must be copied or decoded before the transaction ends.

    Attributes
    ----------
    raw : lmdb.Transaction
    dbs : named tuple
        Handles of the databases, by name.
    """

    raw: Buffers
    dbs: DatabasesT
