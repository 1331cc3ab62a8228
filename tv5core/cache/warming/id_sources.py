"""Ids from an iterable, a text file, or a sitemap.

Files are read, never fetched. A sitemap is streamed through expat, and one with a document type
is rejected: entities are what makes XML dangerous, and no sitemap needs any.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit
from xml.parsers import expat

from tv5core.arguments import as_list, check_callable, check_path
from tv5core.errors import InvalidInputError

__all__ = ["Source", "id_from_url", "ids_from"]

Source = Iterable[str] | str | os.PathLike[str]
"""Ids, or the path of a file with ids."""

MAX_SITEMAP_BYTES = 52_428_800
"""The limit of sitemaps.org for one uncompressed sitemap."""

_MAX_URL_CHARS = 2_048
_MAX_DEPTH = 16
_LOC = ["urlset", "url", "loc"]  # an image's loc is nested deeper
_BLOCK_BYTES = 1 << 16
_GZIP = b"\x1f\x8b"


def ids_from(source: Source, id_of: Callable[[str], str | None] | None = None) -> Iterator[str]:
    """Iterate over the ids of a source, in order, with duplicates.

    Parameters
    ----------
    source : iterable of str, or path
        A file is a sitemap where its first character is ``<`` (after gunzip), else text: one id
        a line; empty lines and those that start with ``#`` are skipped.
    id_of : callable, optional
        Turns a sitemap's URL into an id, or None to skip it; by default the last part of its
        path, percent-decoded.

    Raises
    ------
    InvalidInputError
        The file cannot be read, is no sitemap, is a sitemap index, or declares entities.
    """
    check_callable("id_of", id_of)
    if not isinstance(source, (str, os.PathLike)):
        return _validated(as_list("source", source))
    return _from_file(check_path(source), id_of or id_from_url)


def id_from_url(url: str) -> str | None:
    """Return the last part of a URL's path, percent-decoded: ``.../title/tmdb%3Amovie%3A603``."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    return unquote(path.rstrip("/").rpartition("/")[2]) or None


def _validated(source: Iterable[str]) -> Iterator[str]:
    for position, name in enumerate(source):
        if not isinstance(name, str):
            raise InvalidInputError(f"expected a text id at {position}, got {type(name).__name__}")
        yield name


def _from_file(path: Path, id_of: Callable[[str], str | None]) -> Iterator[str]:
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            with gzip.open(raw) if packed else raw as file:
                start = file.read(_BLOCK_BYTES)
                file.seek(0)
                if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
                    urls = _sitemap_urls(file, path)
                    yield from filter(None, map(id_of, urls))
                else:
                    yield from _lines(file, path)
    except (OSError, EOFError) as error:
        raise InvalidInputError(f"expected a file of ids or a sitemap, got {error}") from error


def _lines(file: Iterable[bytes], path: Path) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as error:
            raise InvalidInputError(
                f"{path}: expected UTF-8 in line {number}, got {error}"
            ) from error
        if text and not text.startswith("#"):
            yield text


class _Sitemap:
    """Collects the text of ``<urlset><url><loc>``."""

    def __init__(self, path: Path) -> None:
        self.urls: list[str] = []
        self._path, self._text = path, ""
        self._open: list[str] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _start(self, name: str, _: object) -> None:
        name = name.rpartition(" ")[2]
        if not self._open and name != "urlset":
            got = "a sitemap index: give the sitemaps it lists" if name == "sitemapindex" else name
            raise InvalidInputError(f"{self._path}: expected a sitemap (urlset), got {got}")
        if len(self._open) >= _MAX_DEPTH:
            raise InvalidInputError(
                f"{self._path}: expected a sitemap, got elements {_MAX_DEPTH} deep"
            )
        self._open.append(name)
        self._text = ""

    def _end(self, _: str) -> None:
        if self._open == _LOC and (url := self._text.strip()):
            self.urls.append(url)
        self._open.pop()

    def _characters(self, text: str) -> None:
        if self._open != _LOC:
            return
        self._text += text
        if len(self._text) > _MAX_URL_CHARS:
            raise InvalidInputError(
                f"{self._path}: expected URLs of up to {_MAX_URL_CHARS:,} characters, got more"
            )

    def _doctype(self, *_: object) -> None:
        raise InvalidInputError(f"{self._path}: expected a sitemap, got one with a document type")


def _sitemap_urls(file: BinaryIO | gzip.GzipFile, path: Path) -> Iterator[str]:
    sitemap, read = _Sitemap(path), 0
    try:
        while block := file.read(_BLOCK_BYTES):
            read += len(block)
            if read > MAX_SITEMAP_BYTES:
                raise InvalidInputError(
                    f"{path}: expected a sitemap of up to {MAX_SITEMAP_BYTES:,} bytes, got more"
                )
            sitemap.parser.Parse(block, False)
            yield from sitemap.urls
            sitemap.urls.clear()
        sitemap.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise InvalidInputError(f"{path}: expected a sitemap, got {error}") from error
    yield from sitemap.urls
