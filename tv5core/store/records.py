"""What the catalogue's record says of sealed files, and of the second space."""

from __future__ import annotations

from typing import Any

import msgspec

from tv5core.files import SealedFile

__all__ = ["Generation", "SecondSpace", "SentVectors"]


class Generation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sealed index.

    Attributes
    ----------
    number : int
        Names the files it was the first to have; grows by one with every sealing.
    seq : int
        The last journal entry whose vectors it contains.
    space : int
        Which vectors it was built from.
    count : int
        Its rows.
    graph, rows : SealedFile or None
        Its files of vectors, by name, size and checksum; None where the catalogue had no vector,
        or they were too few for a graph: they are read from LMDB.
    words, columns : SealedFile or None
        Its files of documents; None up to format 4.
    documents_seq : int
        The last journal entry whose titles these contain.
    """

    number: int
    seq: int
    space: int
    count: int
    graph: SealedFile | None = None
    rows: SealedFile | None = None
    words: SealedFile | None = None
    columns: SealedFile | None = None
    documents_seq: int = 0

    @property
    def files(self) -> tuple[SealedFile, ...]:
        """All its files."""
        some = (self.graph, self.rows, self.words, self.columns)
        return tuple(file for file in some if file is not None)

    @property
    def journal_seq(self) -> int:
        """The entry after which the journal must be kept."""
        return self.seq if self.words is None else min(self.seq, self.documents_seq)


class SecondSpace(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another embedding of the same titles, which searches weigh beside the first.

    Attributes
    ----------
    space : int
        Its number, from ``embeddings.SECOND`` on.
    name : str
        By which its embedder is made again: ``multilingual``, or ``""`` where its user gives it.
    embedder : str
        Fingerprint of what makes its vectors.
    dim : int
        0 until there are any.
    filled : int
        While titles are embedded for the first time, the row to go on from; -1 once all are.
    seq : int
        The last journal entry whose titles its vectors show.
    generations : tuple of Generation
        Newest first, at most two; of vectors alone.
    settings : dict or None
        Calibrated search settings.
    """

    space: int
    name: str
    embedder: str
    dim: int = 0
    filled: int = 0
    seq: int = 0
    generations: tuple[Generation, ...] = ()
    settings: dict[str, Any] | None = None

    @property
    def complete(self) -> bool:
        """Whether every title was embedded, so that it can be searched."""
        return self.filled < 0


class SentVectors(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far the vectors of a space were sent to a collection elsewhere.

    Attributes
    ----------
    place : str
        The collection's URL, without credentials.
    space : int
    filled : int
        While all are sent for the first time, the row to go on from; -1 once all are.
    seq : int
        The last journal entry whose vectors the collection has.
    """

    place: str
    space: int
    filled: int = 0
    seq: int = 0
