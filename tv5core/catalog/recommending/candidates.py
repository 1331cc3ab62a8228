"""Candidates: the titles and vectors of the rows that are looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.store import Store, embeddings, titles
from tv5core.store.transaction import Txn
from tv5core.types import Title

__all__ = ["Candidates", "read_candidates", "readable"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Titles that may be recommended.

    Attributes
    ----------
    rows : int64[n]
        Ascending.
    titles : list of Title
    vectors : float32[n, dim]
        Of unit length, or of zeros where a title has none.
    """

    rows: I64
    titles: list[Title]
    vectors: F32


def read_candidates(
    store: Store, space: int, rows: I64, damaged: Callable[[int], None]
) -> Candidates:
    """Read titles and vectors in one transaction, leaving out titles that are gone.

    Parameters
    ----------
    store : Store
    space : int
    rows : int64[n]
        Ascending.
    damaged : callable
        Called with the row of each title that cannot be decoded.
    """
    dim = store.meta.dim
    with store.read() as txn:
        read = [(row, readable(txn, row, damaged)) for row in rows.tolist()]
        found = [(row, title) for row, title in read if title is not None]
        there = np.asarray([row for row, _ in found], np.int64)
        vectors = np.zeros((len(found), dim), np.float32)
        if dim:
            stored = embeddings.gather(txn, space, there, dim)
            vectors[np.searchsorted(there, stored.rows)] = stored.vectors
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    vectors /= np.where(lengths > 0, lengths, 1)[:, None]
    return Candidates(there, [title for _, title in found], vectors)


def readable(txn: Txn, row: int, damaged: Callable[[int], None]) -> Title | None:
    """Return a row's title; None where there is none, or none that can be decoded."""
    try:
        return titles.by_row(txn, row)
    except FormatVersionError:
        raise
    except CorruptFileError:
        damaged(row)
        return None
