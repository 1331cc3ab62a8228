"""GuardedCollection: a collection that is left alone for a while after it failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tv5core.errors import VectorDatabaseError, VectorDatabaseUnavailableError
from tv5core.vector_databases.address import CollectionAddress
from tv5core.vector_databases.collection import Described, Quality, VectorCollection

__all__ = ["GuardedCollection"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
T = TypeVar("T")
Check = Callable[[Described | None], None]

_LEFT_ALONE_S = 2.0
"""Searches wait for a server that is gone once in so long, each of them for its ``timeout_s``."""


class GuardedCollection:
    """What searches ask of a collection, and the outbox does to it.

    Parameters
    ----------
    collection : VectorCollection
    address : CollectionAddress
    check : callable
        Takes what the collection says of itself, once before the first search and after failures;
        raises where it is not to be searched.

    Attributes
    ----------
    failure : str
        Why it cannot be used at present; empty where it can.
    """

    def __init__(
        self, collection: VectorCollection, address: CollectionAddress, check: Check
    ) -> None:
        self.collection, self.address, self._check = collection, address, check
        self.failure = ""
        self._lock = threading.Lock()
        self._checked, self._alone_until = False, 0.0

    def search(
        self, query: F32, k: int, quality: Quality, keys: Sequence[int] | None = None
    ) -> tuple[I64, F32]:
        """Search it; see ``VectorCollection``.

        Raises
        ------
        VectorDatabaseError
            Also, without asking, for a while after it failed.
        """
        self._check_patience()
        return self.call(lambda: self._search(query, k, quality, keys))

    def _search(
        self, query: F32, k: int, quality: Quality, keys: Sequence[int] | None
    ) -> tuple[I64, F32]:
        if not self._checked:
            self._check(self.collection.describe())
            self._checked = True
        return self.collection.search(query, k, quality, keys)

    @property
    def most_found(self) -> int:
        """Points that one search may return."""
        return self.collection.most_found

    def call(self, ask: Callable[[], T]) -> T:
        """Ask something of it now, and note whether that failed."""
        try:
            found = ask()
        except VectorDatabaseError as error:
            with self._lock:
                self.failure, self._checked = str(error), False
                self._alone_until = time.monotonic() + _LEFT_ALONE_S
            raise
        if self.failure:
            with self._lock:
                self.failure = ""
        return found

    def _check_patience(self) -> None:
        if self.failure and time.monotonic() < self._alone_until:
            raise VectorDatabaseUnavailableError(self.failure)

    def close(self) -> None:
        """Close the connection."""
        self.collection.close()
