"""Choose search settings that reach a recall on the queries to come.

Free text is much harder to search for than a title's own vector: settings that reach a recall of
0.95 on held-out titles reach 0.75 to 0.80 on it. So a catalogue that embeds its own text is
calibrated on queries made of that text, not on the average dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.catalog.index.manager import ServedIndex
from tv5core.catalog.reader import CatalogReader
from tv5core.catalog.searcher import Searcher, are_texts
from tv5core.errors import CatalogError, CorruptFileError
from tv5core.store import Store, embeddings
from tv5core.types import Progress, Title
from tv5core.vectors import SearchSettings
from tv5core.vectors.calibration import warn_of_missing

__all__ = ["SAMPLE", "calibrate", "calibrate_on_own_text"]

SAMPLE = 250
"""Titles to make queries of: recall is then known to about one in a hundred."""

_WORDS = 8

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


def calibrate(
    store: Store,
    searcher: Searcher,
    served: ServedIndex,
    queries: Sequence[str] | npt.ArrayLike,
    target_recall: float,
    k: int,
) -> SearchSettings:
    """Choose and store settings for texts or for vectors; see ``Catalog.calibrate``."""
    if served.index is None:
        raise CatalogError("expected a catalogue with vectors, got one without")
    matrix = searcher.vectors_of(served, queries)
    matrix = matrix[matrix.any(axis=1)]
    given = _vectors_given(store, served)
    if are_texts(queries):
        chosen = served.index.settings_for(matrix, target_recall, k, given=given)
        store.change_meta(text_settings=msgspec.to_builtins(chosen))
        warn_of_missing(chosen)
    else:
        chosen = served.index.calibrate(matrix, target_recall, k, given=given)
        store.change_meta(settings=msgspec.to_builtins(chosen))
    return chosen


def calibrate_on_own_text(
    reader: CatalogReader,
    store: Store,
    searcher: Searcher,
    served: ServedIndex,
    progress: Progress,
) -> None:
    """Choose and store settings for texts like those of some titles.

    Settings that were chosen for a user's queries stay.
    """
    settings = store.meta.text_settings
    if served.index is None or not served.index.sealed_count:
        return
    if settings is not None and not settings.get("own_text"):
        return
    progress(0, SAMPLE, "calibrating")
    titles = [_readable(reader, name) for name in _spread(list(reader.ids()), SAMPLE)]
    matrix = searcher.vectors_of(served, _text_queries(titles))
    matrix = matrix[matrix.any(axis=1)]
    if len(matrix):
        chosen = served.index.settings_for(matrix, given=_vectors_given(store, served))
        store.change_meta(text_settings={**msgspec.to_builtins(chosen), "own_text": True})
    progress(SAMPLE, SAMPLE, "calibrating")


def _vectors_given(store: Store, served: ServedIndex) -> Callable[[I64], F32]:
    """Return what reads the vectors of some rows; NaN for those that are gone or damaged."""
    space, dim = served.space, store.meta.dim

    def given(rows: I64) -> F32:
        with store.read() as txn:
            found = embeddings.gather(txn, space, rows, dim)
        vectors = np.full((len(rows), dim), np.nan, np.float32)
        vectors[np.searchsorted(rows, found.rows)] = found.vectors
        return vectors

    return given


def _readable(reader: CatalogReader, id: str) -> Title | None:
    """Return a title; None where it is gone or damaged."""
    with suppress(CorruptFileError):
        return reader.get_many([id])[0]
    return None


def _spread(ids: Sequence[str], count: int) -> list[str]:
    """Pick ``count`` ids evenly."""
    step = max(1, len(ids) // count)
    return list(ids[::step][:count])


def _text_queries(titles: Iterable[Title | None]) -> list[str]:
    """Make one short query of each title: its tagline, or a few words from its overview."""
    return [text for title in titles if title is not None and (text := _query(title))]


def _query(title: Title) -> str:
    if title.tagline:
        return title.tagline
    words = title.overview.split()
    start = max(0, len(words) // 2 - _WORDS // 2)
    return " ".join(words[start : start + _WORDS])
