"""What a search is to the harness: built from titles once, then asked text by text."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tv5core import Title

__all__ = ["STOP", "Corpus", "Engine", "Fields", "fields_of"]

STOP = frozenset("the a an of and in on at to for with from is by it".split())
"""Words that tell nothing in a sentence."""


@dataclass(frozen=True)
class Corpus:
    """What is searched."""

    titles: Collection[Title]
    catalog: Path
    """A sealed catalogue of them."""
    work: Path
    """An empty folder for an engine's files."""
    progress: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Fields:
    """A title's text by field, as every full-text engine gets it."""

    title: str
    other_titles: str
    people: str
    characters: str
    keywords: str
    text: str


def fields_of(title: Title) -> Fields:
    """Split a title's text into the fields that are weighted apart."""
    others = [each.title for each in getattr(title, "alternative_titles", ())]
    collection = getattr(title, "collection", None)
    return Fields(
        title.title,
        " | ".join(
            name
            for name in (title.original_title, *others, getattr(collection, "name", ""))
            if name and name != title.title
        ),
        " | ".join((*(p.name for p in title.cast), *title.directors, *title.creators)),
        " | ".join(person.character for person in title.cast if person.character),
        " | ".join((*title.genres, *title.keywords, str(title.year or ""))),
        f"{title.tagline} {title.overview}",
    )


class Engine(ABC):
    """One search over a corpus."""

    name: ClassVar[str]
    label: ClassVar[str]
    module: ClassVar[str]
    """The module that has to be importable."""

    @classmethod
    def missing(cls) -> str | None:
        """Say why it cannot run here; None where it can."""
        found = importlib.util.find_spec(cls.module)
        return None if found else f"{cls.module} is not installed"

    @classmethod
    def version(cls) -> str:
        """Return the library's version."""
        return importlib.metadata.version(cls.module)

    @abstractmethod
    def build(self, corpus: Corpus) -> None:
        """Index the titles."""

    @abstractmethod
    def search(self, text: str, k: int) -> list[str]:
        """Return the ids of the best answers, best first; none where nothing fits."""

    def close(self) -> None:
        """Let go of what is open."""
        return
