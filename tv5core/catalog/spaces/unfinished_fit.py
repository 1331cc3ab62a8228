"""What is known of a fit that is due or failed, kept with the catalogue: reopening forgets nothing.

It is a section of the store, ``fitting``: a msgpack map of :class:`UnfinishedFit`.
"""

from __future__ import annotations

import logging

import msgspec

from tv5core.errors import CorruptFileError, DiskFailureError, DiskFullError
from tv5core.store import Store, sections
from tv5core.store.meta import Meta
from tv5core.store.transaction import Txn

__all__ = ["UnfinishedFit", "UnfinishedFitRecord"]

log = logging.getLogger("tv5core")

_NAME, _VERSION = "fitting", 1


class UnfinishedFit(msgspec.Struct, frozen=True):
    """A fit that began, or was to, and did not end well.

    Attributes
    ----------
    reason : str
        Why it failed; ``""`` where it has not yet.
    seq : int
        The newest journal entry when it failed for what the titles are; -1 where it may be tried
        again as they are.
    """

    reason: str = ""
    seq: int = -1


class UnfinishedFitRecord:
    """Keeps an :class:`UnfinishedFit` in a store, and the value that is there.

    Parameters
    ----------
    store : Store

    Attributes
    ----------
    value : UnfinishedFit or None
        None where there is no such fit.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.value = self._read()

    def _read(self) -> UnfinishedFit | None:
        with self._store.read() as txn:
            try:
                found = sections.section(txn, _NAME, _VERSION)
                return (
                    None if found is None else msgspec.msgpack.decode(found[1], type=UnfinishedFit)
                )
            except (CorruptFileError, msgspec.MsgspecError) as error:
                log.warning("%s: %s", self._store.folder, error)  # ``verify`` names it, too
                return None

    def set(self, value: UnfinishedFit | None) -> None:
        """Store a value, where it is another one; what the disk refuses is known here only."""
        if value == self.value:
            return
        self.value = value

        def work(txn: Txn, meta: Meta) -> tuple[Meta, None]:
            if value is None:
                sections.delete_section(txn, _NAME)
            else:
                sections.put_section(txn, _NAME, _VERSION, msgspec.msgpack.encode(value))
            return meta, None

        try:
            self._store.write(work)
        except (DiskFullError, DiskFailureError) as error:
            log.warning("%s: expected to note a fit, got %s", self._store.folder, error)
