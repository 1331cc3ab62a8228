"""What a catalogue keeps on disk, and the protocol that keeps it safe.

LMDB holds the truth: titles, vectors, a journal of changed rows, and the catalogue's record, which
names the current files beside it. Those files are derived: what is lost of them is rebuilt.

Modules, in reading order:

``transaction``
    A transaction, the databases it may touch, and the protocol of derived data.
``checked_values``
    Values that end in their checksum.
``databases``, ``environment``
    Opening LMDB's file as a catalogue's; durable commits and the growing map.
``permissions``
    Readers that may not write.
``meta``, ``records``
    The catalogue's record (:class:`~tv5core.store.meta.Meta`), and checkpoints; what it says of
    sealed files and of the second space.
``sections``
    Small values of other parts, each with its version and checksum.
``titles``, ``embeddings``, ``journal``
    What a row has: its title, its vector in each space; which rows changed, in order.
``lookup``
    From an id or an alias to its title, checked.
``derived``, ``aliases``
    What is computed from titles in the same transaction: ids and aliases, or what the opener
    injects.
``generations``, ``staging``
    Names of sealed files; folders that appear whole or not at all.
``maintenance``
    Whose turn it is to seal or to refit; waiting for it shows how far others are.
``store``
    :class:`Store`, which joins these for one folder.
``second_space``
    Another embedding of the titles: begun, filled, kept in step, dropped.
``extra_fields``
    Declares the catalogue's own fields in its record.
``copying``, ``compaction``
    A consistent copy beside a writer, with or without free pages.
``upgrading``
    Rewrite what earlier formats stored without a checksum.
``report``, ``verification``, ``repair``, ``reconciliation``
    Check everything against everything, repair it, bring derived data up to date.
"""

from __future__ import annotations

from tv5core.store.report import VerifyReport
from tv5core.store.store import Store

__all__ = ["Store", "VerifyReport"]
