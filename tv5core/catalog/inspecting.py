"""What a catalogue says of itself: its figures, and whether all of it holds together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from tv5core.catalog.optimizing import reusable_bytes
from tv5core.catalog.reader import CatalogReader
from tv5core.catalog.repairing import mend_all
from tv5core.catalog.verifying import check_all
from tv5core.store import VerifyReport, generations
from tv5core.store import titles as stored_titles
from tv5core.types import Progress

__all__ = ["CatalogInspector"]


class CatalogInspector(CatalogReader):
    """A reader that also looks after the catalogue itself."""

    def info(self) -> dict[str, Any]:
        """Describe the catalogue: counts, settings, files and what opening recovered."""
        served = self._serve()
        with self._store.read() as txn:
            meta = self._store.refresh(txn)
            count, pending = stored_titles.count(txn), stored_titles.pending_count(txn)
        index = served.index
        vectors = 0 if index is None else len(index)
        sizes = generations.file_sizes(self._store.folder)
        return {
            "path": str(self._store.folder),
            "titles": count,
            "vectors": vectors,
            "pending": pending,
            "without_text": max(0, count - vectors - pending),
            "dim": meta.dim,
            "metric": meta.metric,
            "rescoring": meta.rescoring,
            "embedder": meta.embedder or "none yet",
            "fitted_on": meta.fitted_on,
            "space": served.space,
            "generation": served.generation,
            "sealed": 0 if index is None else index.sealed_count,
            "head": 0 if index is None else index.live_count,
            "removed": 0 if index is None else index.removed_count,
            "settings": {} if index is None else msgspec.to_builtins(index.settings),
            "text_settings": meta.text_settings or {},
            "files": sizes,
            "bytes_on_disk": sum(sizes.values()),
            "reusable_bytes": reusable_bytes(self._store),
            "recovered": list(self._keeper.recovered),
            "read_only": not self._store.writable,
            "failure": self._store.environment.failure,
        }

    def verify(
        self,
        progress: Progress | None = None,
        *,
        repair: bool = False,
        quarantine: str | os.PathLike[str] | None = None,
    ) -> VerifyReport:
        """Check every file, title, vector and reference, and the graph against the vectors.

        Searches and changes go on meanwhile. Every byte of every file is read and every code
        computed again, so it takes about as long as building the graph anew.

        Parameters
        ----------
        progress : callable, optional
            An exception it raises ends the check.
        repair : bool
            Rebuild what can be rebuilt from the titles and vectors, which are not touched where
            they are sound; then check again.
        quarantine : path-like, optional
            When repairing, move titles that cannot be decoded to this file of JSON Lines.

        Returns
        -------
        VerifyReport
            ``repaired`` also tells what opening the catalogue recovered.

        Raises
        ------
        ReadOnlyError
            A repair through a read-only handle.
        """
        self._serve()
        if not repair:
            return check_all(self._store, self._keeper, progress).report()
        self._store.check_writable()
        aside = None if quarantine is None else Path(quarantine)
        return mend_all(self._store, self._keeper, self._text, progress, aside)
