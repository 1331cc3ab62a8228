"""The documents of a catalogue are, whatever changed, those of the titles it stores."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.query.made_up import PARTS, Stored, contents
from tv5core.query import document_index
from tv5core.query.document_index import BLOCK_TITLES, DocumentIndex, compacted
from tv5core.query.documents import DocumentSegment, DocumentSnapshot, concatenated
from tv5core.types import Title


def settled(index: DocumentIndex) -> DocumentSnapshot:
    found = index.settled(index.noted)
    assert found is not None
    return found


def noted(index: DocumentIndex, *rows: int) -> None:
    index.note(np.asarray(rows, np.int64), 0)


def of(stored: Stored) -> list[tuple[int, int]]:
    return sorted(stored.votes.items())


def seal(snapshot: DocumentSnapshot) -> DocumentSegment:
    """Make one segment that passes for one of files."""
    rows = np.asarray(sorted(key for key, _ in contents(snapshot.segments)), np.int64)
    where, document = snapshot.locate(rows)
    return replace(DocumentSegment.merge(snapshot.segments, where, document), sealed=True)


def test_without_files_all_titles_become_documents() -> None:
    stored = Stored()
    stored.votes = {row: row for row in range(2 * BLOCK_TITLES + 5)}
    index = DocumentIndex(stored.source)
    assert not stored.loads, "nothing before someone searches"
    assert not index.is_complete
    assert contents(settled(index).segments) == of(stored)
    assert index.is_complete
    assert max(stored.loads) == BLOCK_TITLES


def test_what_is_noted_is_in_the_next_snapshot() -> None:
    stored = Stored()
    stored.votes = {1: 10, 2: 20}
    index = DocumentIndex(stored.source)
    before = settled(index)
    stored.votes[3], stored.votes[1] = 30, 11
    del stored.votes[2]
    noted(index, 1, 2, 3)
    assert index.waiting_count == 3
    assert contents(before.segments) == [(1, 10), (2, 20)]
    assert contents(settled(index).segments) == [(1, 11), (3, 30)]
    assert index.waiting_count == 0
    assert settled(index) is settled(index), "nothing is made where nothing was noted"


def test_a_snapshot_is_that_of_the_moment_asked_for() -> None:
    stored = Stored()
    index = DocumentIndex(stored.source)
    stored.votes[1] = 1
    noted(index, 1)
    moment = index.noted
    stored.votes[2] = 2
    noted(index, 2)
    first = index.settled(moment)
    assert first is not None
    settled(index)
    assert index.settled(moment) is None, "it has passed"


@pytest.mark.parametrize("size", [1, 7])
def test_there_are_few_segments_however_many_additions(size: int) -> None:
    stored = Stored()
    index = DocumentIndex(stored.source)
    most = 0
    for start in range(0, 700 * size, size):
        rows = list(range(start, start + size))
        stored.votes |= dict.fromkeys(rows, start)
        noted(index, *rows)
        most = max(most, len(settled(index).segments))
    assert contents(settled(index).segments) == of(stored)
    assert most <= 12


def test_large_segments_are_merged_behind() -> None:
    stored = Stored()
    stored.votes = dict.fromkeys(range(20 * BLOCK_TITLES), 1)
    index = DocumentIndex(stored.source)
    before = settled(index)
    assert index.is_fragmented
    assert len(before.segments) == 20
    index.merge_large()
    assert len(index.latest.segments) == 1
    assert contents(settled(index).segments) == contents(before.segments) == of(stored)
    index.merge_large()
    assert not index.is_fragmented


def test_what_changes_during_a_merge_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Stored()
    stored.votes = dict.fromkeys(range(5 * BLOCK_TITLES), 1)
    index = DocumentIndex(stored.source)
    settled(index)

    def merging(parts: Sequence[DocumentSegment]) -> DocumentSegment:
        merged = concatenated(parts)
        if len(parts) == 5:
            del stored.votes[7]
            stored.votes |= {8: 2, 5_000: 2, 90_000: 2}
            noted(index, 7, 8, 5_000, 90_000)
            settled(index)
        return merged

    monkeypatch.setattr(document_index, "concatenated", merging)
    index.merge_large()
    assert len(index.latest.segments) == 2
    assert contents(index.latest.segments) == of(stored)


def test_a_merge_gives_way_to_a_sealing(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Stored()
    stored.votes = dict.fromkeys(range(3 * BLOCK_TITLES), 1)
    index = DocumentIndex(stored.source)
    settled(index)
    before: list[DocumentSnapshot] = []

    def merging(parts: Sequence[DocumentSegment]) -> DocumentSegment:
        if not before:
            before.append(index.latest)
            index.merge_large()
        return concatenated(parts)

    monkeypatch.setattr(document_index, "concatenated", merging)
    index.merge_large()
    assert contents(index.latest.segments) == of(stored)
    assert len(index.latest.segments) == 1


def test_segments_of_which_most_is_deleted_are_made_anew() -> None:
    stored = Stored()
    stored.votes = dict.fromkeys(range(100), 1)
    index = DocumentIndex(stored.source)
    settled(index)
    stored.votes = dict.fromkeys(range(90, 100), 1)
    noted(index, *range(90))
    (segment,) = settled(index).segments
    assert len(segment) == 10
    stored.votes.clear()
    noted(index, *range(90, 100))
    assert settled(index).segments == ()


def test_sealed_segments_are_not_merged() -> None:
    some = [Title("a", "movie", "A")]
    one = DocumentSegment.build(PARTS, np.asarray([1], np.int64), some, {})
    two = DocumentSegment.build(PARTS, np.asarray([2], np.int64), some, {})
    sealed = replace(one, sealed=True).without(np.asarray([1]))
    assert compacted([sealed, two]).segments == (sealed, two)


def test_an_exception_leaves_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Stored()
    stored.votes = {1: 1}
    index = DocumentIndex(stored.source)
    before = settled(index)
    stored.votes[2] = 2
    noted(index, 2)
    with monkeypatch.context() as patch:
        patch.setattr(stored, "votes", None)
        with pytest.raises(TypeError):
            settled(index)
    assert index.latest is before
    assert contents(settled(index).segments) == of(stored)


def test_threads_share_what_one_makes() -> None:
    stored = Stored()
    stored.votes = {row: row for row in range(3_000)}
    index = DocumentIndex(stored.source)
    found: list[DocumentSnapshot] = []
    threads = [threading.Thread(target=lambda: found.append(settled(index))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one is found[0] for one in found)
    assert sum(stored.loads) == 3_000


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sets(st.integers(0, 30), min_size=1)),
        st.tuples(st.just("delete"), st.sets(st.integers(0, 30), min_size=1)),
        st.tuples(st.sampled_from(["settle", "seal", "reopen"]), st.just(set())),
    ),
    max_size=40,
)


@given(STEPS)
def test_documents_are_those_of_the_titles_stored(steps: list[tuple[str, set[int]]]) -> None:
    stored = Stored()
    index = DocumentIndex(stored.source)
    files: DocumentSegment | None = None
    log: set[int] = set()  # what changed since they were made
    for number, (step, rows) in enumerate(steps):
        if step == "seal" and not stored.votes:
            continue
        if step == "settle":
            assert contents(settled(index).segments) == of(stored)
        elif step == "seal":
            files, log = seal(settled(index)), set()
        if step == "seal":  # what changes before the files are served is taken over
            stored.votes |= {3: number, 40: number}
            rows = {3, 40}
        elif step == "put":
            stored.votes |= dict.fromkeys(rows, number)
        else:
            stored.votes = {row: v for row, v in stored.votes.items() if row not in rows}
        noted(index, *rows)
        log |= rows
        if step == "seal" and files is not None:
            if number % 2:
                settled(index)
            over = DocumentIndex(stored.source, 0, files)
            index = index.on(over, np.asarray(sorted(log | {5}), np.int64))
        elif step == "reopen" and files is not None:  # by a process that knows files and journal
            index = DocumentIndex(stored.source, 0, files)
            noted(index, *sorted(log))
    assert contents(settled(index).segments) == of(stored)
    keys = [key for one in index.latest.segments for key, _ in contents([one])]
    assert len(keys) == len(set(keys))
