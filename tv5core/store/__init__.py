"""What a catalogue keeps on disk, and the protocol that keeps it safe.

LMDB holds the truth: titles, their ids and aliases, vectors, a journal of changed rows, and
the record that says which files beside it are current. Those files can be lost without loss:
they are built from what LMDB holds.
"""

from __future__ import annotations

from tv5core.store.report import VerifyReport
from tv5core.store.store import Store

__all__ = ["Store", "VerifyReport"]
