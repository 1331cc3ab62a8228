"""A catalogue's figures: counts, settings, files and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tv5core.catalog.index.manager import IndexManager, ServedIndex
from tv5core.catalog.maintenance.optimization import reusable_bytes
from tv5core.catalog.spaces.text_embedding import TextReadiness
from tv5core.store import Store, generations, titles
from tv5core.vectors import SearchSettings

__all__ = ["describe"]


def describe(
    store: Store, manager: IndexManager, served: ServedIndex, text: TextReadiness
) -> dict[str, Any]:
    """Return the figures of a catalogue; see ``Catalog.info``."""
    with store.read() as txn:
        meta = store.refresh(txn)
        count, pending = titles.count(txn), titles.pending_count(txn)
    index, documents = served.index, served.documents
    vectors = 0 if index is None else len(index)
    sizes = generations.file_sizes(store.folder)
    return {
        "path": str(store.folder),
        "titles": count,
        "vectors": vectors,
        "pending": pending,
        "without_text": max(0, count - vectors - pending),
        "dim": meta.dim,
        "metric": meta.metric,
        "rescoring": meta.rescoring,
        "stored_as": "" if index is None else index.stored_as,
        "row_recall": {} if index is None else msgspec.structs.asdict(index.row_recall),
        "embedder": meta.embedder or "none yet",
        "fitted_on": meta.fitted_on,
        "learnt": "" if meta.learnt is None else meta.learnt.name,
        "text_search": {"ready": text.ready, "reason": text.reason},
        "space": served.space,
        "generation": served.generation,
        "sealed": 0 if index is None else index.sealed_count,
        "live": 0 if index is None else index.live_count,
        "removed": 0 if index is None else index.removed_count,
        "documents": {
            "sealed": 0 if documents.sealed is None else len(documents.sealed),
            "live": documents.live_count,
            "removed": documents.removed_count,
        },
        "settings": {} if index is None else msgspec.structs.asdict(index.settings),
        "text_settings": _by_parameter(meta.text_settings or {}),
        "files": sizes,
        "bytes_on_disk": sum(sizes.values()),
        "reusable_bytes": reusable_bytes(store),
        "recovered": list(manager.recovered),
        "elsewhere": manager.describe_elsewhere(),
        "read_only": not store.writable,
        "failure": store.environment.failure,
    }


def _by_parameter(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Name settings as the parameters of a search are: some are stored under other names."""
    names = {field.encode_name: field.name for field in msgspec.structs.fields(SearchSettings)}
    return {names.get(name, name): value for name, value in stored.items()}
