"""A catalogue's vectors as a file that usearch serves, with the ids of its keys beside it.

``films.usearch`` has the index. ``films.usearch.ids.jsonl`` has ``{"key":7,"id":"tmdb:..."}`` in a
line for each title, and is written first; a key that has no line is of a title deleted meanwhile.
"""

from __future__ import annotations

from functools import partial
from io import BufferedWriter
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.catalog.copies.export import ExportReport, replaced_file, stored_titles
from tv5core.errors import CorruptFileError, InvalidInputError
from tv5core.store import Store, embeddings, titles
from tv5core.types import Progress
from tv5core.vector_files import write_usearch
from tv5core.vectors import VectorIndex

__all__ = ["SUFFIX", "export_usearch"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

SUFFIX = ".usearch"
_STEP = 5_000
_encode = msgspec.json.Encoder().encode


def export_usearch(
    store: Store, space: int, index: VectorIndex | None, dest: Path, report: Progress
) -> ExportReport:
    """Write a sealed index, with the vectors as they were given, in half precision.

    Raises
    ------
    InvalidInputError
        There is no index, or titles that are not sealed.
    """
    if index is None:
        raise InvalidInputError("expected a catalogue with sealed vectors, got one without any")
    ids = dest.with_name(dest.name + ".ids.jsonl")
    with replaced_file(ids) as file:
        count = _write_ids(store, file, report)
        size = file.tell()
    vectors = partial(_vectors, store, space)
    done = write_usearch(index, dest, vectors=vectors, progress=report)
    return ExportReport(str(dest), count, done.rows, 0, size + done.bytes)


def _write_ids(store: Store, file: BufferedWriter, report: Progress) -> int:
    done = 0
    with store.read() as txn:
        total = titles.count(txn)
        for row, title, _ in stored_titles(txn):
            file.write(_encode({"key": row, "id": title.id}) + b"\n")
            done += 1
            if not done % _STEP:
                report(done, total, "writing ids")
    return done


def _vectors(store: Store, space: int, keys: I64) -> F32:
    """Read vectors by row; zeros where a title has been deleted meanwhile.

    Raises
    ------
    CorruptFileError
        One is damaged.
    """
    with store.read() as txn:
        dim = store.refresh(txn).dim
        found = embeddings.gather(txn, space, keys, dim)
    if len(found.damaged):
        raise CorruptFileError(
            f"row {found.damaged[0]}: expected the vector stored, got a damaged one; repair the "
            "catalogue first"
        )
    vectors = np.zeros((len(keys), dim), np.float32)
    vectors[np.isin(keys, found.rows)] = found.vectors
    return vectors
