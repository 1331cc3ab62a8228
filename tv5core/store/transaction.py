"""A transaction on a catalogue's LMDB, and the databases it may touch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import lmdb

from tv5core.lmdb_env import transaction

__all__ = ["Databases", "Txn"]


class Databases(NamedTuple):
    """Handles of a catalogue's databases.

    Attributes
    ----------
    meta
        The catalogue's record, and checkpoints by key.
    titles, pending
        See ``store.titles``.
    vectors
        See ``store.embeddings``.
    journal
        See ``store.journal``.
    derived : mapping
        Databases of what is derived from titles, by name; see ``store.derived``.
    """

    meta: lmdb._Database
    titles: lmdb._Database
    vectors: lmdb._Database
    pending: lmdb._Database
    journal: lmdb._Database
    derived: Mapping[str, lmdb._Database]


Txn: TypeAlias = transaction.Txn[Databases]
"""A transaction; its values must be copied or decoded before it ends."""
