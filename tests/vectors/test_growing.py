"""A sealed graph that grows answers as one that is built anew, and is as sound."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.vectors.conftest import F32, brute_force
from tv5core.files import SectionFile, write_sections
from tv5core.vectors import VectorIndex, growing, recall_at_k
from tv5core.vectors.graph import GRAPH_KIND, GRAPH_VERSION, SealedGraph
from tv5core.vectors.growing import growth_of
from tv5core.vectors.packed_links import PackedLists
from tv5core.vectors.sealed_segment import SealedSegment
from tv5core.vectors.sealing import DENSE_ROWS, BuildOptions


@pytest.fixture(autouse=True)
def _small_ones_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "LEAST_ROWS", 100)
    monkeypatch.setattr(growing, "MOST_CHANGED", 10.0)


def sealed(index: VectorIndex) -> SealedSegment:
    (segment,) = index.snapshot.segments
    assert isinstance(segment, SealedSegment)
    return segment


def check(index: VectorIndex, vectors: F32, keys: np.ndarray, queries: F32) -> float:  # type: ignore[type-arg]
    """Check what an index holds, and return its recall@10."""
    audit = index.audit()
    assert audit.compare(keys, vectors[keys]) == {}
    assert not len(audit.unseen())
    assert audit.structure() == []
    segment = sealed(index)
    lists = segment.graph.lists.astype(np.int64)
    assert (np.diff(lists) > 0).all()
    assert len(lists) == len(segment.graph.centroids) + 1
    assert sorted(segment.keys.tolist()) == keys.tolist()
    found = index.search(queries, 10, expansion_search=100, oversampling=10, min_k=10)
    return recall_at_k(found.keys, keys[brute_force(vectors[keys], queries, 10)])


@pytest.mark.parametrize("dim", [96, 128])
def test_ten_steps_are_as_good_as_one_build(dim: int, tmp_path: Path) -> None:
    """Of 96 dimensions rows are stored unrotated, of 128 rotated."""
    from tests.vectors.conftest import clustered

    vectors, queries = clustered(4_000, dim), clustered(100, dim, seed=1)
    there = set(range(2_000))
    with VectorIndex.build(vectors[:2_000], path=tmp_path) as index:
        for step in range(10):
            start = 2_000 + 200 * step
            index.add(vectors[start : start + 200], np.arange(start, start + 200))
            gone = np.arange(50 * step, 50 * step + 50)
            index.remove(gone)
            there |= set(range(start, start + 200))
            there -= set(gone.tolist())
            index.seal()
            assert sealed(index).graph.changed == 250 * (step + 1)
        keys = np.asarray(sorted(there))
        grown = check(index, vectors, keys, queries)
    with VectorIndex.open(tmp_path) as index:
        assert check(index, vectors, keys, queries) == grown
    with VectorIndex.build(vectors[keys], keys) as fresh:
        assert fresh.audit().structure() == []
        assert grown >= check(fresh, vectors, keys, queries) - 0.02


def test_deleted_entry_points_and_replaced_rows(vectors: F32, queries: F32) -> None:
    """Of some lists all rows are gone, and some keys have other vectors."""
    with VectorIndex.build(vectors[:3_000]) as index:
        graph = sealed(index).graph
        gone = np.asarray(graph.keys[: int(graph.lists[-1]) - 1])
        index.remove(gone)
        changed = np.setdiff1d(np.arange(3_000), gone)[::7]
        moved = vectors.copy()
        moved[changed] = vectors[3_000 : 3_000 + len(changed)]
        index.add(moved[changed], changed)
        index.seal()
        assert sealed(index).graph.changed == len(gone) + 2 * len(changed)
        keys = np.setdiff1d(np.arange(3_000), gone)
        assert check(index, moved, keys, queries) >= 0.95


def test_a_new_cluster_is_found(vectors: F32) -> None:
    """Rows unlike all that are there are linked among each other."""
    far = np.random.default_rng(3).standard_normal((1, 96))
    new = (far + np.random.default_rng(4).standard_normal((500, 96))).astype(np.float32)
    both = np.concatenate([vectors[:3_000], new])
    with VectorIndex.build(vectors[:3_000]) as index:
        index.add(new, np.arange(3_000, 3_500))
        index.seal()
        assert check(index, both, np.arange(3_500), new[:50]) >= 0.83, "its codes know no more"
        found = index.search(new[:50], 10, expansion_search=300, oversampling=30, min_k=10)
        assert recall_at_k(found.keys, brute_force(both, new[:50], 10)) >= 0.97


def test_only_deletions(vectors: F32, queries: F32) -> None:
    with VectorIndex.build(vectors[:3_000]) as index:
        index.remove(np.arange(0, 3_000, 5))
        index.seal()
        keys = np.setdiff1d(np.arange(3_000), np.arange(0, 3_000, 5))
        assert check(index, vectors, keys, queries) >= 0.95


def test_links_of_deleted_rows_are_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where two thirds are deleted, a narrow walk still finds what one of a new graph finds."""
    draw = np.random.default_rng(5)
    flat = draw.standard_normal((8_000, 24)) @ draw.standard_normal((24, 96))
    rows = (flat + 0.1 * draw.standard_normal(flat.shape)).astype(np.float32)
    queries = (rows[:200] + 0.3 * draw.standard_normal((200, 96))).astype(np.float32)
    gone = draw.permutation(np.arange(200, 8_000))[:5_200]
    keys = np.setdiff1d(np.arange(8_000), gone)
    recall = {}
    for most in (10.0, -1.0):  # grown, and built anew
        monkeypatch.setattr(growing, "MOST_CHANGED", most)
        with VectorIndex.build(rows) as index:
            index.remove(gone)
            index.seal()
            assert sealed(index).graph.changed == (len(gone) if most > 0 else 0)
            found = index.search(queries, 10, expansion_search=24, oversampling=2.4)
            recall[most] = recall_at_k(found.keys, keys[brute_force(rows[keys], queries, 10)])
    assert recall[10.0] > recall[-1.0] - 0.02


def test_what_changes_meanwhile_survives(vectors: F32, queries: F32) -> None:
    with VectorIndex.build(vectors[:1_500]) as index:
        index.add(vectors[1_500:2_000], np.arange(1_500, 2_000))

        def meddle(_done: int, _total: int, stage: str) -> None:
            if stage == "writing":
                index.add(queries[:2], [10, 9_000])
                if 1_600 in index:
                    index.remove([11, 1_600])

        index.seal(meddle)
        assert index.search(queries[:2], 1).keys.ravel().tolist() == [10, 9_000]
        assert len(index) == 1_999
        assert 11 not in index
        assert 1_600 not in index


def test_a_stopped_growth_changes_nothing(vectors: F32, tmp_path: Path) -> None:
    with VectorIndex.build(vectors[:1_500], path=tmp_path) as index:
        index.add(vectors[1_500:2_000], np.arange(1_500, 2_000))
        listing = sorted(path.name for path in tmp_path.iterdir())
        for stop_at in ("linking", "writing", "building graph"):

            def stop(_done: int, _total: int, stage: str, at: str = stop_at) -> None:
                if stage == at:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                index.seal(stop)
            assert sorted(path.name for path in tmp_path.iterdir()) == listing
        assert (index.live_count, len(index)) == (500, 2_000)
        index.seal()
        assert index.live_count == 0


def test_the_result_does_not_depend_on_threads(vectors: F32) -> None:
    links = []
    for threads in (1, 3):
        with VectorIndex.build(vectors[:2_000], threads=threads) as index:
            index.add(vectors[2_000:2_500], np.arange(2_000, 2_500))
            index.remove(np.arange(0, 100))
            index.seal()
            links.append(sealed(index).graph.links[:2_400])
    np.testing.assert_array_equal(*links)


def test_what_is_built_anew(vectors: F32, monkeypatch: pytest.MonkeyPatch) -> None:
    def grows(index: VectorIndex, options: BuildOptions | None = None) -> bool:
        index.add(vectors[2_000:2_100], np.arange(2_000, 2_100))
        return growth_of(index.snapshot, options or BuildOptions()) is not None

    some = vectors[:2_000]
    assert grows(VectorIndex.build(some))
    assert not grows(VectorIndex.empty(96))
    assert not grows(VectorIndex.build(some[:50]))
    assert not grows(VectorIndex.build(some, metric="ip"))
    assert not grows(VectorIndex.build(some, rescoring="float16"))
    assert not grows(VectorIndex.build(some), BuildOptions(connectivity=8))
    everything = VectorIndex.build(some)
    everything.remove(np.arange(2_000))
    assert growth_of(everything.snapshot, BuildOptions()) is None
    monkeypatch.setattr(growing, "MOST_CHANGED", 0.25)
    index = VectorIndex.build(some)
    for start, left in ((2_000, 300), (2_300, 0), (2_600, 300)):
        index.add(vectors[start : start + 300], np.arange(start, start + 300))
        index.seal()
        assert sealed(index).graph.changed == left


def pad_links(folder: Path) -> None:
    """Make the graph file of an index one of version 3: padded links, codes without places."""
    path, rows = folder / "graph.000001.tv5", folder / "rows.000001.tv5"
    graph = SealedGraph.open(path, rows)
    file = SectionFile.open(path, GRAPH_KIND, GRAPH_VERSION)
    sections = {name: np.array(file.section(name)) for name in file.names if name != "packed_links"}
    sections["links"] = graph.links[: len(graph)]
    for name in ("records", "centroids"):
        sections[name] = np.ascontiguousarray(sections[name][:, : graph.quantizer.layout.size])
    meta = {name: file.meta[name] for name in ("metric", "pair")}
    written = write_sections(folder / "new", GRAPH_KIND, 3, meta, sections)
    (folder / "new").replace(path)
    manifest = json.loads((folder / "index.json").read_text())
    manifest["graph"] |= {"size": written.size, "checksum": written.checksum}
    (folder / "index.json").write_text(json.dumps(manifest))


def test_padded_links_answer_alike_and_grow_into_packed_ones(
    vectors: F32, queries: F32, tmp_path: Path
) -> None:
    with VectorIndex.build(vectors[:2_000], path=tmp_path) as index:
        before = index.search(queries, 10)
    pad_links(tmp_path)
    with VectorIndex.open(tmp_path, read_only=False) as index:
        graph = sealed(index).graph
        assert isinstance(graph.links, np.ndarray)
        assert graph.changed == 0
        found = index.search(queries, 10)
        np.testing.assert_array_equal(found.keys, before.keys)
        np.testing.assert_array_equal(found.scores, before.scores)
        index.remove(np.arange(100))
        index.add(vectors[2_000:2_100], np.arange(2_000, 2_100))
        assert growth_of(index.snapshot, BuildOptions()) is not None
        index.seal()
        assert isinstance(sealed(index).graph.links, PackedLists)
        assert check(index, vectors, np.arange(100, 2_100), queries) > 0.9


def test_large_graphs_are_denser_unless_options_say_otherwise() -> None:
    usual, given = BuildOptions(), BuildOptions(connectivity=8)
    assert usual.density(DENSE_ROWS - 1) < usual.density(DENSE_ROWS)
    assert given.density(DENSE_ROWS).connectivity == 8
    assert given.density(DENSE_ROWS).expansion_add == usual.density(DENSE_ROWS).expansion_add
