"""Seal a catalogue: embed what is pending, build files, calibrate searches on them."""

from __future__ import annotations

from collections.abc import Callable

from tv5core.catalog.index.manager import IndexManager, ServedIndex
from tv5core.catalog.spaces.text_embedding import TextEmbedding
from tv5core.errors import FittingError
from tv5core.store import Store
from tv5core.types import Progress

__all__ = ["seal"]


def seal(
    store: Store,
    manager: IndexManager,
    text: TextEmbedding,
    calibrate: Callable[[ServedIndex, Progress], object],
    progress: Progress | None,
) -> bool:
    """Seal a catalogue; see ``Catalog.seal``.

    Parameters
    ----------
    store, manager, text, progress
    calibrate : callable
        Called with a new index of vectors that the catalogue made itself.
    """
    try:
        embedded = text.embed_pending(progress)
    except FittingError:
        manager.seal(progress)  # words and filters need no embedder
        raise
    before = manager.current().index
    sealed = manager.seal(progress)
    served = manager.current()
    new = embedded or served.index is not before or store.meta.text_settings is None
    if new and text.fits(served):
        calibrate(served, manager.cancellable(progress))
    return sealed or embedded > 0
