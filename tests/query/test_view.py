"""What one search sees: bitmaps of documents become filters of the vectors of the same titles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.query.made_up import PARTS, Stored
from tv5core import bitmap
from tv5core.query.document_index import DocumentIndex
from tv5core.query.documents import DocumentSegment, DocumentSnapshot
from tv5core.query.view import View
from tv5core.types import Title
from tv5core.vectors import Filter, SearchOptions, VectorIndex

DIM = 16
I64 = npt.NDArray[np.int64]


class Both:
    """Vectors and documents of the same titles; a title's votes say whether it is wanted."""

    def __init__(self) -> None:
        self.stored = Stored()
        self.index = VectorIndex.empty(DIM)
        self.documents = DocumentIndex(self.stored.source)
        self.with_vector: set[int] = set()
        self.random = np.random.default_rng(7)
        self.last: View | None = None

    def put(self, rows: set[int], votes: int, *, vectors: bool) -> None:
        self.stored.votes |= dict.fromkeys(rows, votes)
        if vectors and rows:
            keys = np.asarray(sorted(rows), np.int64)
            self.index.add(self.random.standard_normal((len(keys), DIM), np.float32), keys)
            self.with_vector |= rows
        self.documents.note(np.asarray(sorted(rows), np.int64), 0)

    def delete(self, rows: set[int]) -> None:
        self.stored.votes = {row: v for row, v in self.stored.votes.items() if row not in rows}
        gone = sorted(rows & self.with_vector)
        if gone:
            self.index.remove(gone)
        self.with_vector -= rows
        self.documents.note(np.asarray(sorted(rows), np.int64), 0)

    def seal(self) -> None:
        """Number the documents as the graph does its rows, then those without vectors."""
        if not len(self.index):
            return
        self.index.seal()
        graph = self.index.snapshot.segments[0]
        snapshot = self.documents.settled(self.documents.noted)
        assert snapshot is not None
        rest = sorted(set(self.stored.votes) - set(graph.keys.tolist()))
        keys = np.concatenate([graph.keys, np.asarray(rest, np.int64)])
        merged = DocumentSegment.merge(snapshot.segments, *snapshot.locate(keys))
        sealed = replace(merged, sealed=True, graph=graph.id)
        files = DocumentIndex(self.stored.source, 0, sealed)
        self.documents = self.documents.on(files, np.empty(0, np.int64))

    def view(self) -> View:
        documents = self.documents.settled(self.documents.noted)
        assert documents is not None
        last = self.last or View(None, documents, 0)
        self.last = last.following(self.index.snapshot, documents, last.applied + 1)
        return self.last


def wanted(view: View) -> list[npt.NDArray[np.uint8]]:
    return [bitmap.from_mask(one.columns.votes % 2 == 1) for one in view.documents.segments]


def found(view: View, index: VectorIndex) -> set[int]:
    chosen = view.vector_filter(wanted(view))
    assert view.vectors is not None
    query = np.full((1, DIM), 0.25, np.float32)
    options = SearchOptions(index.settings, True, chosen, 1)
    keys, _ = view.vectors.search(query, max(1, view.vectors.alive_count), options)
    return set(keys[keys >= 0].tolist())


ROWS = st.sets(st.integers(0, 40), min_size=1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["put", "retitle", "delete"]), ROWS),
        st.tuples(st.sampled_from(["seal", "look"]), st.just(set())),
    ),
    min_size=1,
    max_size=25,
)


@settings(deadline=None, max_examples=examples(40))
@given(STEPS)
def test_a_filter_allows_the_vectors_of_the_documents_allowed(
    steps: list[tuple[str, set[int]]],
) -> None:
    both = Both()
    for number, (step, rows) in enumerate(steps):
        if step == "put":
            both.put(rows, number, vectors=True)
        elif step == "retitle":
            both.put(rows, number, vectors=False)
        elif step == "delete":
            both.delete(rows)
        elif step == "seal":
            both.seal()
        else:
            both.view()
    view = both.view()
    want = {row for row, votes in both.stored.votes.items() if votes % 2} & both.with_vector
    assert found(view, both.index) == want
    rows = np.asarray(sorted(both.with_vector), np.int64)
    segments, documents = view.locate(rows)
    for row, segment, document in zip(rows, segments, documents, strict=True):
        assert view.documents.segments[segment].keys[document] == row


def test_a_view_stays_while_rows_are_appended() -> None:
    both = Both()
    both.put({1, 2, 3}, 1, vectors=True)
    before = both.view()
    assert found(before, both.index) == {1, 2, 3}
    both.put({4, 5}, 1, vectors=True)
    assert found(both.view(), both.index) == {1, 2, 3, 4, 5}
    assert found(before, both.index) == {1, 2, 3}


def test_a_bitmap_is_needed_for_each_segment() -> None:
    both = Both()
    both.put({1}, 1, vectors=True)
    with pytest.raises(ValueError, match="zip"):
        both.view().vector_filter([])


def test_there_need_be_no_vectors() -> None:
    one = DocumentSegment.build(PARTS, np.asarray([1]), [Title("a", "movie", "A")], {})
    view = View(None, DocumentSnapshot((one,)), 0)
    assert isinstance(view.vector_filter([bitmap.full(1)]), Filter)
