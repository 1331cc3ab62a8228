"""Sealed documents are numbered like the graph, however they came about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.query.made_up import PARTS, Stored, contents
from tv5core.errors import CorruptFileError
from tv5core.query import document_sealing
from tv5core.query.document_files import SealedDocuments, write_documents
from tv5core.query.document_index import DocumentIndex
from tv5core.query.document_sealing import gathered, numbered
from tv5core.vectors import SegmentId


def many(count: int) -> Stored:
    stored = Stored()
    stored.votes = {row: 7 * row for row in range(count)}
    return stored


def quiet(_done: int, _total: int) -> None:
    """Report nothing."""


def test_groups_go_to_scratch_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_sealing, "_GROUP_TITLES", 2_048)
    stored, reports = many(5_000), []
    index = DocumentIndex(stored.source)
    segments = gathered(index, index.noted, stored.source, tmp_path, lambda *of: reports.append(of))
    assert len(list(tmp_path.iterdir())) == 4, "two files of each of two groups"
    assert contents(segments) == sorted(stored.votes.items())
    assert reports[0] == (0, 5_000)
    assert reports[-1] == (5_000, 5_000)
    assert len(reports) >= 5, "a report for each thousand"
    merged = numbered(segments, np.empty(0, np.int64), stored.source)
    assert merged is not None
    assert contents([merged]) == sorted(stored.votes.items())


def test_what_there_is_is_not_made_again(tmp_path: Path) -> None:
    stored = many(20_000)
    index = DocumentIndex(stored.source)
    index.settled(index.noted)
    stored.loads.clear()
    for rows in (5, 12_000):
        stored.votes |= dict.fromkeys(range(rows), 1)
        index.note(np.arange(rows), 1)
        segments = gathered(index, index.noted, stored.source, tmp_path, quiet)
        assert contents(segments) == sorted(stored.votes.items())
        assert sum(stored.loads) == rows
        stored.loads.clear()


def test_numbers_are_those_of_the_graph_and_then_ascending(tmp_path: Path) -> None:
    stored = many(10)
    del stored.votes[3]
    index = DocumentIndex(stored.source)
    segments = gathered(index, index.noted, stored.source, tmp_path, quiet)
    merged = numbered(segments, np.asarray([7, 3, 0, 5]), stored.source)
    assert merged is not None
    assert merged.keys.tolist() == [7, 3, 0, 5, 1, 2, 4, 6, 8, 9]
    assert merged.find(np.asarray([3, 7, 9])).tolist() == [-1, 0, 9], "3 has no title any more"
    assert merged.removed_count == 1
    assert contents([merged]) == sorted(stored.votes.items())
    assert numbered([], np.asarray([1, 2]), stored.source) is None


def sealed(folder: Path, count: int = 50) -> tuple[Path, Path]:
    stored = many(count)
    index = DocumentIndex(stored.source)
    segments = gathered(index, index.noted, stored.source, folder, quiet)
    merged = numbered(segments, np.asarray([9, 4, 99]), stored.source)
    assert merged is not None
    files = folder / "columns", folder / "words"
    write_documents(merged, *files, PARTS)
    return files


def test_files_give_back_what_was_written(tmp_path: Path) -> None:
    opened = SealedDocuments.open(*sealed(tmp_path), PARTS)
    opened.check(np.asarray([9, 4, 99]))
    segment = opened.segment
    assert segment.sealed
    assert contents([segment]) == [(row, 7 * row) for row in range(50)]
    assert (len(segment), segment.alive_count) == (51, 50)
    graph = SegmentId()
    assert opened.of_graph(graph).segment.graph is graph
    with pytest.raises(CorruptFileError, match="in the order of the graph"):
        opened.check(np.asarray([9, 5, 99]))


def test_two_files_of_two_sealings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    columns, _ = sealed(tmp_path / "a")
    _, words = sealed(tmp_path / "b")
    with pytest.raises(CorruptFileError, match="of two"):
        SealedDocuments.open(columns, words, PARTS)


def test_documents_of_another_analysis_are_refused(tmp_path: Path) -> None:
    files = sealed(tmp_path)
    with pytest.raises(CorruptFileError, match="made by 'votes 2'"):
        SealedDocuments.open(*files, PARTS._replace(version="votes 2"))


@pytest.mark.parametrize("which", [0, 1])
def test_every_flipped_bit_is_found(tmp_path: Path, which: int) -> None:
    files = sealed(tmp_path, 12)
    data = bytearray(files[which].read_bytes())
    for place in range(len(data)):
        data[place] ^= 16
        files[which].write_bytes(data)
        data[place] ^= 16
        with pytest.raises(CorruptFileError):
            SealedDocuments.open(*files, PARTS).check()
