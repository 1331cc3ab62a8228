"""Which manager a catalogue has: of its own index, or of a collection elsewhere."""

from __future__ import annotations

from tv5core.arguments import check_text, shown
from tv5core.catalog.index.elsewhere import RemoteIndexManager
from tv5core.catalog.index.manager import IndexManager
from tv5core.errors import InvalidInputError
from tv5core.store import Store

__all__ = ["check_no_collection", "manager_of"]


def manager_of(store: Store, vectors: str | None, *, auto_seal: bool) -> IndexManager:
    """Return the manager of a catalogue's index, where its vectors are.

    Parameters
    ----------
    store : Store
    vectors : str or None
        URL of a collection; None for the own index.
    auto_seal : bool
    """
    if vectors is None:
        return IndexManager(store, auto_seal=auto_seal)
    return RemoteIndexManager(store, check_text("vectors", vectors), auto_seal=auto_seal)


def check_no_collection(vectors: object) -> None:
    """Raise InvalidInputError where a published catalogue is to have vectors elsewhere."""
    if vectors is not None:
        raise InvalidInputError(
            f"expected no vectors elsewhere for a catalogue at a URL, got {shown(type(vectors))}"
        )
