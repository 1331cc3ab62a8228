"""The operations on object storage that snapshots need, whatever does them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

__all__ = ["ObjectStore", "StoredObject"]


class StoredObject(NamedTuple):
    """An object as a listing shows it.

    Attributes
    ----------
    name : str
        Below the location of its store.
    bytes : int
    modified_s : float
        When it was stored, in seconds since 1970, on the store's clock.
    """

    name: str
    bytes: int
    modified_s: float


class ObjectStore(Protocol):
    """Named bytes; each method may be called from any number of threads.

    All raise ``ObjectStoreError``: ``ObjectStoreUnavailableError`` where nobody answers in time,
    ``ObjectStoreAccessError`` where somebody refuses. A folder raises the errors of disks, too.

    Attributes
    ----------
    url : str
        Where it is, as it may be shown.
    """

    url: str

    def entries(self, folder: str) -> list[StoredObject]:
        """Return the objects directly below a name; none where there is nothing."""

    def get(self, name: str, limit_bytes: int) -> bytes | None:
        """Return at most ``limit_bytes`` and one more byte of an object; None where it is not."""

    def put(self, name: str, data: bytes) -> None:
        """Store an object whole, in place of one of its name."""

    def create(self, name: str, data: bytes) -> bool:
        """Store an object where there is none of its name, and say whether that was so.

        Of several who do so at once one succeeds, as far as the storage has a put that is
        conditional.
        """

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects, as far as they are there."""
