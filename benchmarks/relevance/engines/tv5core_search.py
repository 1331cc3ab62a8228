"""``Catalog.search`` in its modes.

A catalogue without modes has the embedding's search alone, which stands as the semantic mode.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from benchmarks.relevance.engines.base import Corpus, Engine
from tv5core import Catalog, __version__
from tv5core.errors import InvalidInputError

__all__ = ["Hybrid", "Keyword", "Semantic"]


def _has_modes() -> bool:
    return "mode" in inspect.signature(Catalog.search).parameters


class _Mode(Engine):
    module = "tv5core"
    mode: ClassVar[str]

    @classmethod
    def missing(cls) -> str | None:
        """Modes are missing where the catalogue has but one search."""
        return None if _has_modes() or cls.mode == "semantic" else "this tv5core has no modes"

    @classmethod
    def version(cls) -> str:
        """Return tv5core's version."""
        return __version__

    def build(self, corpus: Corpus) -> None:
        """Open the catalogue."""
        self._catalog = Catalog.open(corpus.catalog, create=False, read_only=True)
        self._options: dict[str, Any] = {"mode": self.mode} if _has_modes() else {}

    def search(self, text: str, k: int) -> list[str]:
        """Ask for titles; a text that is refused has no answer."""
        try:
            hits: Any = self._catalog.search(text, k, **self._options)
        except InvalidInputError:
            return []
        return [hit.title.id for hit in hits]

    def close(self) -> None:
        """Close the catalogue."""
        self._catalog.close()


class Hybrid(_Mode):
    """Words and embedding together."""

    name, label, mode = "tv5core", "**tv5core, hybrid**", "hybrid"


class Keyword(_Mode):
    """Words alone."""

    name, label, mode = "tv5core-keyword", "tv5core, keyword", "keyword"


class Semantic(_Mode):
    """The built-in embedding alone."""

    name, label, mode = "tv5core-semantic", "tv5core, semantic (built-in embedding)", "semantic"
