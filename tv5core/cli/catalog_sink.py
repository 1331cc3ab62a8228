"""A catalogue as what follows a table sees it."""

from __future__ import annotations

from tv5core.catalog import Catalog
from tv5core.types import Progress, Title

__all__ = ["CatalogSink"]

_READ_AT_ONCE = 1_000


class CatalogSink:
    """Passes on to a catalogue; see ``tv5core.postgres.report.Sink``."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.apply = catalog.apply
        self.checkpoint = catalog.checkpoint

    def get(self, id: str) -> Title | None:
        """Return a title by its own id."""
        found = self._catalog.get_many([id])[0]
        return found if found is not None and found.id == id else None

    def extra_fields(self) -> dict[str, str]:
        """Return names and types of the catalogue's own fields."""
        return self._catalog.extra_fields

    def embed_pending(self, progress: Progress | None) -> int:
        """Embed what has no vector yet."""
        return self._catalog.embed_pending(progress)

    def titles_of(self, source: str) -> list[str]:
        """Return the ids of the titles of a source, by reading all titles."""
        ids = list(self._catalog.ids())
        found = []
        for start in range(0, len(ids), _READ_AT_ONCE):
            titles = self._catalog.get_many(ids[start : start + _READ_AT_ONCE])
            found += [t.id for t in titles if t is not None and t.source == source]
        return found
