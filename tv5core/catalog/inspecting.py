"""What a catalogue says of itself: its figures, and whether all of it holds together."""

from __future__ import annotations

from typing import Any

import msgspec

from tv5core.catalog.reading import CatalogReader
from tv5core.errors import CorruptFileError
from tv5core.store import VerifyReport, verification
from tv5core.store import titles as stored_titles
from tv5core.text import lsa_model
from tv5core.types import Progress
from tv5core.vectors.graph import GRAPH_KIND, ROWS_KIND, VERSION

__all__ = ["CatalogInspector"]

_KINDS = {
    "graph": (GRAPH_KIND, VERSION),
    "rows": (ROWS_KIND, VERSION),
    "lsa": (lsa_model.KIND, lsa_model.VERSION),
}


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
        files = sorted(path for path in self._store.folder.iterdir() if path.is_file())
        sizes = {path.name: path.stat().st_size for path in files}
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
            "head": 0 if index is None else index.head_count,
            "removed": 0 if index is None else index.removed_count,
            "settings": {} if index is None else msgspec.to_builtins(index.settings),
            "text_settings": meta.text_settings or {},
            "files": sizes,
            "bytes_on_disk": sum(sizes.values()),
            "recovered": list(self._keeper.recovered),
            "read_only": not self._store.writable,
        }

    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Check every file, title, vector and reference.

        Additions that need more room in the map wait until it is done.

        Returns
        -------
        VerifyReport
        """
        problems: list[str] = []
        self._serve()
        checked: dict[str, int] = {}
        with self._store.read() as txn:
            meta = self._store.refresh(txn)
        try:
            checked["files"] = verification.check_files(self._store.folder, meta, _KINDS, problems)
            checked |= self._verify_store(problems, progress)
        except CorruptFileError as error:
            problems.append(str(error))
        return verification.report(problems, checked)

    def _verify_store(self, problems: list[str], progress: Progress | None) -> dict[str, int]:
        self._store.lock.acquire()
        held = True
        try:
            with self._store.read() as txn:
                meta, served = self._store.refresh(txn), self._keeper.served
                indexed = None if served.index is None else served.index.keys()
                applied = served.applied
                self._store.lock.release()
                held = False
                return verification.check_store(txn, meta, indexed, applied, problems, progress)
        finally:
            if held:
                self._store.lock.release()
