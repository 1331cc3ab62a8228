"""What a catalogue says of itself, opened as a reader does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tv5core.catalog import Catalog
from tv5core.errors import Tv5Error

__all__ = ["CatalogueFacts", "look_at_catalogue"]


@dataclass(frozen=True)
class CatalogueFacts:
    """A catalogue.

    Attributes
    ----------
    path : str
    bytes_on_disk, titles, pending, live : int
        ``pending`` wait to be embedded; ``live`` are not sealed yet.
    text_search : str
        Why texts cannot be searched; empty where they can.
    recovered : list of str
        What had to be mended while opening.
    failure : str
        Why it could not be opened or no longer writes; empty where all is well.
    """

    path: str
    bytes_on_disk: int = 0
    titles: int = 0
    pending: int = 0
    live: int = 0
    text_search: str = ""
    recovered: tuple[str, ...] = ()
    failure: str = ""


def look_at_catalogue(path: Path) -> CatalogueFacts:
    """Open a catalogue and ask; an error is a fact, too."""
    try:
        with Catalog.open(path, create=False, read_only=True, embedder=None) as opened:
            facts = opened.info()
    except (Tv5Error, OSError) as error:
        return CatalogueFacts(str(path), failure=str(error))
    text = facts["text_search"]
    return CatalogueFacts(
        str(path),
        facts["bytes_on_disk"],
        facts["titles"],
        facts["pending"],
        facts["live"],
        "" if text["ready"] else str(text["reason"]),
        tuple(facts["recovered"]),
        facts["failure"] or "",
    )
