"""Sealed documents: the columns and the words of a segment in two mapped files.

The ``columns`` file (kind ``COLS``) has ``keys`` int64[n] by document, ``by_key`` uint32[n]
(documents in ascending order of key) and, where some documents are of no title, ``alive``, a
bitmap; the other sections are the column segment's. The ``words`` file (kind ``WORD``) has the
word segment's.

The metadata of both holds ``pair``, a random number that ties the two together, and ``made_by``,
the version of what makes documents of titles: documents of another version are made again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.errors import CorruptFileError
from tv5core.files import SealedFile, SectionFile, write_sections
from tv5core.query.documents import DocumentParts, DocumentSegment
from tv5core.vectors import SegmentId

__all__ = [
    "COLUMNS_KIND",
    "COLUMNS_VERSION",
    "WORDS_KIND",
    "WORDS_VERSION",
    "SealedDocuments",
    "write_documents",
]

I64 = npt.NDArray[np.int64]

COLUMNS_KIND, WORDS_KIND = "COLS", "WORD"
COLUMNS_VERSION, WORDS_VERSION = 1, 1

_OWN = {"keys": ("<i8", 1), "by_key": ("<u4", 1), "alive": ("|u1", 1)}
_SECTION_VERSIONS = 1 << 31  # each part knows those of its own sections


def write_documents(
    segment: DocumentSegment, columns: Path, words: Path, parts: DocumentParts
) -> tuple[SealedFile, SealedFile]:
    """Write a segment's two files, synced when this returns.

    Parameters
    ----------
    segment : DocumentSegment
    columns, words : Path
    parts : DocumentParts
        Whose version is stored.

    Raises
    ------
    DiskFullError, DiskFailureError
        Neither file is left.
    """
    meta = {"pair": secrets.randbits(62), "made_by": parts.version}
    own: dict[str, Any] = {"keys": segment.keys, "by_key": segment.by_key}
    if segment.alive is not None:
        own["alive"] = segment.alive
    of_columns = {f"column.{name}": array for name, array in segment.columns.sections().items()}
    written = write_sections(columns, COLUMNS_KIND, COLUMNS_VERSION, meta, own | of_columns)
    try:
        return written, write_sections(
            words, WORDS_KIND, WORDS_VERSION, meta, segment.words.sections()
        )
    except BaseException:
        columns.unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class SealedDocuments:
    """Mapped documents of one sealing; make one with :meth:`open`.

    Attributes
    ----------
    segment : DocumentSegment
    checksums : tuple of int
        Of the columns and the words file, as their ``SealedFile``s have them.
    """

    segment: DocumentSegment
    checksums: tuple[int, int]
    _files: tuple[SectionFile, SectionFile]

    @classmethod
    def open(cls, columns: Path, words: Path, parts: DocumentParts) -> SealedDocuments:
        """Map both files after checking their heads; :meth:`check` checks the rest.

        Raises
        ------
        CorruptFileError
            They are no such files, or two of different sealings, or of another version.
        FormatVersionError
            A newer tv5core wrote them.
        OSError
        """
        files = (
            SectionFile.open(columns, COLUMNS_KIND, COLUMNS_VERSION, verify=False),
            SectionFile.open(words, WORDS_KIND, WORDS_VERSION, verify=False),
        )
        try:
            segment = _segment(*files, parts)
        except (KeyError, TypeError, ValueError, OverflowError, IndexError) as error:
            raise CorruptFileError(f"{columns.name}: expected documents, got {error}") from error
        return cls(segment, (files[0].checksum, files[1].checksum), files)

    def check(self, graph_keys: I64 | None = None) -> None:
        """Check every byte, and the numbers.

        Parameters
        ----------
        graph_keys : int64[m], optional
            Keys of the graph's rows, which the first documents must have.

        Raises
        ------
        CorruptFileError
        """
        for file in self._files:
            file.check()
        keys = self.segment.keys
        _check_order(keys, self.segment.by_key)
        if graph_keys is not None and not np.array_equal(keys[: len(graph_keys)], graph_keys):
            raise CorruptFileError("expected documents in the order of the graph, got another")

    def of_graph(self, graph: SegmentId) -> SealedDocuments:
        """Return these documents as numbered like a graph's rows."""
        return replace(self, segment=replace(self.segment, graph=graph))

    def checked(
        self, graph_keys: I64 | None, damaged: Callable[[CorruptFileError], None]
    ) -> Callable[[], bool]:
        """Return a function that checks once they are used; it hands on what is wrong."""

        def check() -> bool:
            try:
                self.check(graph_keys)
            except CorruptFileError as error:
                damaged(error)
                return False
            return True

        return check


def _segment(columns: SectionFile, words: SectionFile, parts: DocumentParts) -> DocumentSegment:
    if columns.meta["pair"] != words.meta["pair"]:
        raise CorruptFileError(
            f"expected the two files of one sealing, got {columns.path.name} and "
            f"{words.path.name} of two"
        )
    made_by = columns.meta["made_by"], words.meta["made_by"]
    if made_by != (parts.version, parts.version):
        raise CorruptFileError(f"expected documents made by {parts.version!r}, got {made_by}")
    own = _own_sections(columns)
    count = len(own["keys"])
    of_columns = _sections(columns, "column.")
    segment = DocumentSegment(
        own["keys"],
        own["by_key"],
        parts.columns.from_sections(of_columns),
        parts.words.from_sections(_sections(words, "")),
        own.get("alive"),
        bitmap.count(own["alive"]) if "alive" in own else count,
        sealed=True,
    )
    got = len(segment.by_key), len(segment.columns), len(segment.words)
    if got != (count,) * 3 or ("alive" in own and len(own["alive"]) != -(-count // 8)):
        raise CorruptFileError(f"expected {count} documents, got {got}")
    return segment


def _own_sections(file: SectionFile) -> dict[str, npt.NDArray[Any]]:
    own = {name: file.section(name) for name in _OWN if name in file or name != "alive"}
    for name, section in own.items():
        if (section.dtype.str, section.ndim) != _OWN[name]:
            raise CorruptFileError(
                f"{file.path.name}: expected {name} of {_OWN[name][0]}, got {section.dtype.str}"
            )
    return own


def _sections(file: SectionFile, prefix: str) -> Mapping[str, npt.NDArray[Any]]:
    """Return the sections of a part, by their names within it."""
    return {
        name.removeprefix(prefix): file.section(name, _SECTION_VERSIONS)
        for name in file.names
        if name.startswith(prefix) and (prefix or name not in _OWN)
    }


def _check_order(keys: I64, by_key: npt.NDArray[np.uint32]) -> None:
    """Check that ``by_key`` sorts the keys, each of which is there once."""
    if len(by_key) and int(by_key.max()) >= len(keys):
        raise CorruptFileError(f"expected documents below {len(keys)}, got {int(by_key.max())}")
    ordered = keys[by_key]
    if len(ordered) and (int(ordered[0]) < 0 or (ordered[1:] <= ordered[:-1]).any()):
        raise CorruptFileError("expected keys from 0 in ascending order, each once")
