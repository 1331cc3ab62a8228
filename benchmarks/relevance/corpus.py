"""The catalogue that is searched: built from files of titles once, kept in the cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.relevance.titles import Titles, read_lines
from tv5core import Catalog, Title, __version__
from tv5core.importers import import_paths

__all__ = ["SOURCES", "build", "import_lines", "titles_of"]

SOURCES = ("tmdb", "justwatch", "streaming", "wikipedia")
"""Folders of the data that make the 66,120 real titles."""

Say = Callable[[str], None]
_CHUNK = 5_000


def import_lines(data: Path, cache: Path, say: Say) -> Path:
    """Import a folder of source files once; return their titles as JSON Lines.

    Raises
    ------
    ValueError
        The folder holds none of :data:`SOURCES`.
    """
    sources = [data / name for name in SOURCES if (data / name).is_dir()]
    if not sources:
        raise ValueError(f"expected a folder with {', '.join(SOURCES)}, got {data}")
    lines = cache / "relevance-titles.jsonl"
    if lines.is_file():
        return lines
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / "relevance-import"
    shutil.rmtree(folder, ignore_errors=True)
    with Catalog.open(folder, embedder=None, auto_seal=False) as catalog:
        say(f"importing {', '.join(path.name for path in sources)}")
        import_paths(catalog, sources)
        partial = lines.with_suffix(".part")
        with partial.open("wb") as file:
            catalog.export_lines(file.write)
    shutil.rmtree(folder)
    return partial.rename(lines)


def build(lines: Path, cache: Path, say: Say, *, again: bool = False) -> tuple[Titles, Path]:
    """Return titles and a sealed catalogue of them with the built-in embedding.

    Parameters
    ----------
    lines
        Titles as JSON Lines.
    cache
        Where the catalogue is kept, by the titles' checksum.
    say
        Called with each step.
    again
        Build it even if it is there.

    Raises
    ------
    ValueError
        The titles cannot be read.
    """
    titles = Titles(read_lines(lines))
    home = cache / f"relevance-{titles.checksum}-{__version__}"
    if again:
        shutil.rmtree(home, ignore_errors=True)
    if not home.is_dir():
        partial = home.with_name(home.name + ".part")
        shutil.rmtree(partial, ignore_errors=True)
        with Catalog.open(partial, auto_seal=False) as catalog:
            for start in range(0, len(titles), _CHUNK):
                say(f"adding titles from {start:,} of {len(titles):,}")
                catalog.add(titles.all[start : start + _CHUNK], embed=False)
            say("embedding and sealing")
            catalog.embed_pending()
            catalog.seal()
        partial.rename(home)
    return titles, home


def titles_of(folder: Path) -> Titles:
    """Return the titles of an existing catalogue."""
    lines: list[bytes] = []
    with Catalog.open(folder, create=False, read_only=True, embedder=None) as catalog:
        catalog.export_lines(lines.append)
    return Titles(msgspec.json.Decoder(Title).decode_lines(b"".join(lines)))
