"""Stored rows: what int8 keeps, in which frame, and that keeping it twice changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tv5core import kernels
from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.files import SectionFile, write_sections
from tv5core.vectors import VectorIndex, graph
from tv5core.vectors.graph import ROWS_KIND, ROWS_VERSION, SealedGraph
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.sealing import build_files
from tv5core.vectors.stored_rows import StoredRows
from tv5core.vectors.validation import Stored

F32 = npt.NDArray[np.float32]


def uneven(n: int, dim: int, seed: int = 0) -> F32:
    """Draw rows of unit length with nearly all of it along a few axes."""
    rows = np.random.default_rng(seed).standard_normal((n, dim)) / np.arange(1, dim + 1) ** 0.8
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def quantizer_of(rows: F32, seed: int = 0) -> Quantizer:
    return Quantizer.create(rows.mean(axis=0, dtype=np.float64).astype(np.float32), seed)


@pytest.mark.parametrize("rounds", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dim", [64, 192, 320, 768, 4096])
def test_turning_back_undoes_turning(dim: int, rounds: int) -> None:
    rows = uneven(20, dim)
    signs = np.random.default_rng(1).integers(0, 2, (rounds, dim)) * 2 - 1
    quantizer = Quantizer(rows.mean(axis=0), signs.astype(np.float32))
    turned = quantizer.turn(rows)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(quantizer.turn_back(turned), rows, atol=1e-6)
    assert quantizer.turn_back(turned[:0]).shape == (0, dim)


def test_the_shift_takes_back_the_centring() -> None:
    rows = uneven(50, 192)
    quantizer = quantizer_of(rows)
    centred = kernels.rotate(rows, quantizer.center, quantizer.signs)
    np.testing.assert_allclose(centred + quantizer.shift, quantizer.turn(rows), atol=1e-6)


def around(mean_cosine: float, n: int, dim: int, seed: int = 0, clusters: int = 0) -> F32:
    """Draw unit vectors whose mean cosine is given, or tight clusters of such."""
    rng = np.random.default_rng(seed)
    offset = np.sqrt(mean_cosine / (1 - mean_cosine))
    rows = rng.standard_normal((n, dim)) + offset
    if clusters:
        centers = np.random.default_rng(99).standard_normal((clusters, dim)) + offset
        rows = centers[rng.integers(0, clusters, n)] + 0.05 * rng.standard_normal((n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def share_found(rows: F32, queries: F32, stored: StoredRows) -> float:
    scores = queries.astype(float) @ rows.T.astype(float)
    truth = np.argsort(-scores, axis=1)[:, :10]
    found = stored.scan(queries, 10)[0]
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(truth, found, strict=True)]))


@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e15])
@pytest.mark.parametrize("dim", [8, 64, 100, 192, 768, 4096])
@pytest.mark.parametrize("kind", ["int8", "int16"])
def test_rows_are_restored_within_a_step(dim: int, scale: float, kind: Stored) -> None:
    for rows in (uneven(200, dim), around(0.99, 200, dim)):
        rows = rows * np.float32(scale)
        rows[0, 1:] = 0  # all of it in one coordinate
        quantizer = quantizer_of(rows)
        stored = StoredRows.encode(rows, kind, quantizer)
        assert stored.frame is not None
        assert stored.frame.rotated == (dim % 64 == 0)
        restored = stored.decode(slice(None))
        assert np.abs(restored - rows).max() < scale * (0.03 if kind == "int8" else 2e-4)
        # Along the centre nothing is lost.
        center = quantizer.center.astype(float)
        lost = (restored.astype(float) - rows.astype(float)) @ center
        assert np.abs(lost).max() < 2e-6 * scale**2


@given(
    mean_cosine=st.sampled_from([0.0, 0.5, 0.85, 0.95, 0.99, 0.999]),
    dim=st.one_of(st.integers(33, 200), st.sampled_from([256, 300, 768])),
    clusters=st.sampled_from([0, 7]),
    residuals=st.booleans(),
    spread=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 1_000),
)
@settings(deadline=None, max_examples=examples(40), derandomize=True)
def test_scores_are_those_of_the_vectors_given(
    mean_cosine: float, dim: int, clusters: int, residuals: bool, spread: float, seed: int
) -> None:
    """Whatever rows have in common, errors are those of rounding what differs."""
    rng = np.random.default_rng(seed)
    lengths = np.exp(spread * rng.standard_normal((300, 1))).astype(np.float32)
    rows, queries = (
        around(mean_cosine, 300, dim, seed, clusters) * lengths,
        around(mean_cosine, 9, dim, seed + 1, clusters),
    )
    quantizer = quantizer_of(rows)
    stored = StoredRows.encode(rows, "int16" if residuals else "int8", quantizer)
    ids, scores = stored.scan(queries, 300)
    true = np.take_along_axis(queries.astype(float) @ rows.T.astype(float), ids, axis=1)
    center = quantizer.center.astype(float)
    # A step of the largest coordinate, uniform in each of them, against what the query has.
    step = np.abs(stored.framed(slice(None))).max(axis=1) / (127 * (254 if residuals else 1))
    error = step[ids] * np.linalg.norm(queries - center, axis=1)[:, None] * 0.29
    assert (np.abs(scores - true) < 6 * error + 3e-6 * (1 + np.abs(true))).all()
    some, again = stored.rescore(queries, ids, 300)
    np.testing.assert_array_equal(some, ids)
    np.testing.assert_array_equal(again, scores)


@pytest.mark.parametrize("mean_cosine", [0.0, 0.85, 0.95, 0.99])
@pytest.mark.parametrize("dim", [300, 768])
def test_a_common_mean_costs_no_recall(dim: int, mean_cosine: float) -> None:
    rows, queries = around(mean_cosine, 4_000, dim), around(mean_cosine, 100, dim, seed=1)
    quantizer = quantizer_of(rows)
    assert share_found(rows, queries, StoredRows.encode(rows, "int8", quantizer)) > 0.98
    assert share_found(rows, queries, StoredRows.encode(rows, "int16", quantizer)) > 0.998


def test_residuals_keep_the_order_within_tight_clusters() -> None:
    rows, queries = around(0.0, 4_000, 256, 0, 8), around(0.0, 60, 256, 1, 8)
    quantizer = quantizer_of(rows)
    assert share_found(rows, queries, StoredRows.encode(rows, "int8", quantizer)) < 0.9
    assert share_found(rows, queries, StoredRows.encode(rows, "int16", quantizer)) > 0.98


def test_rotated_rows_lose_less_than_raw_ones() -> None:
    rows, queries = uneven(500, 768), uneven(50, 768, seed=1)
    some = np.tile(np.arange(len(rows), dtype=np.uint32), (len(queries), 1))
    errors = []
    raw = StoredRows(*kernels.quantize_i8(rows))
    for stored in (raw, StoredRows.encode(rows, "int8", quantizer_of(rows))):
        ids, scores = stored.rescore(queries, some, len(rows))
        errors.append(np.abs(scores - np.take_along_axis(queries @ rows.T, ids, axis=1)).mean())
        np.testing.assert_array_equal(stored.scan(queries, len(rows))[1], scores)
    assert errors[1] < 0.6 * errors[0]


@pytest.mark.filterwarnings("ignore:rows stored as int8")
@pytest.mark.parametrize("rescoring", ["int8", "int16", "float16", "float32"])
@pytest.mark.parametrize("dim", [96, 128])
def test_walked_scanned_and_exact_scores_are_the_same_bits(dim: int, rescoring: str) -> None:
    rows, queries = uneven(4_000, dim), uneven(20, dim, seed=1)
    index = VectorIndex.build(rows, rescoring=rescoring)
    index.add(uneven(10, dim, seed=2), np.arange(4_000, 4_010))
    exact = index.search(queries, 4_010, exact=True)
    by_key = np.zeros((len(queries), 4_010), np.float32)
    np.put_along_axis(by_key, exact.keys, exact.scores, axis=1)
    walked = index.search(queries, 10, expansion_search=64)
    np.testing.assert_array_equal(np.take_along_axis(by_key, walked.keys, axis=1), walked.scores)
    inner = np.take_along_axis(
        queries @ np.vstack([rows, uneven(10, dim, seed=2)]).T, exact.keys, 1
    )
    np.testing.assert_allclose(exact.scores, inner, atol=0.015)


def test_sealing_again_keeps_the_rows(tmp_path: Path) -> None:
    rows = around(0.85, 3_000, 128)
    index = VectorIndex.build(rows[:2_000], path=tmp_path / "i", rescoring="int8")
    index.add(rows[2_000:], np.arange(2_000, 3_000))
    want = by_key(index)
    for _ in range(3):
        index.add(rows[:1], [5_000])  # the centre moves
        index.remove([5_000])
        index.seal()
        for name, stored in by_key(index).items():
            np.testing.assert_array_equal(stored, want[name], err_msg=name)


def by_key(index: VectorIndex) -> dict[str, npt.NDArray[np.generic]]:
    segments = index.snapshot.segments
    order = np.argsort(np.concatenate([segment.keys for segment in segments]))
    values = np.concatenate([segment.rows.values for segment in segments])
    scales = np.concatenate([np.asarray(segment.rows.scales) for segment in segments])
    return {"values": values[order][:3_000], "scales": scales[order][:3_000]}


# -- the file ------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return sealed_files(tmp_path, 128)


def sealed_files(folder: Path, dim: int, rescoring: str = "int8") -> tuple[Path, Path]:
    rows = uneven(300, dim)
    pair = folder / "graph", folder / "rows"
    build_files(lambda: iter([(np.arange(300), rows)]), 300, dim, *pair, rescoring=rescoring)
    return pair


def rewrite(
    path: Path, version: int, changed: dict[str, object], rows: StoredRows | None = None
) -> None:
    """Write the rows file as another version, with other metadata or with other rows."""
    file = SectionFile.open(path, ROWS_KIND, ROWS_VERSION)
    sections = {name: np.array(file.section(name)) for name in file.names}
    if rows is not None:
        assert rows.factors is not None
        sections = {"values": np.asarray(rows.values), "scales": rows.factors}
    meta = {key: value for key, value in {**file.meta, **changed}.items() if value is not None}
    write_sections(path, ROWS_KIND, version, meta, sections)


@pytest.mark.parametrize(
    ("dim", "rescoring", "frame"),
    [(128, "int8", "rotated"), (96, "int16", "raw"), (128, "float16", "raw")],
)
def test_the_file_tells_its_frame(tmp_path: Path, dim: int, rescoring: str, frame: str) -> None:
    paths = sealed_files(tmp_path, dim, rescoring)
    file = SectionFile.open(paths[1], ROWS_KIND, ROWS_VERSION)
    assert (file.version, file.meta["frame"], file.meta["rescoring"]) == (3, frame, rescoring)
    rows = SealedGraph.open(*paths).rows
    assert (rows.kind, file.meta["centred"]) == (rescoring, rescoring != "float16")
    assert ("residuals" in file, "factors" in file) == (rescoring == "int16", "int" in rescoring)


@pytest.mark.parametrize(("version", "frame"), [(1, None), (2, "rotated"), (2, "raw")])
def test_rows_of_earlier_versions_are_searched_beside_new_ones(
    files: tuple[Path, Path], version: int, frame: str | None
) -> None:
    rows, queries, fresh = uneven(300, 128), uneven(9, 128, seed=1), uneven(50, 128, seed=2)
    sealed_graph = SealedGraph.open(*files)
    keys, quantizer = sealed_graph.keys, sealed_graph.quantizer
    plain = quantizer.turn(rows[keys]) if frame == "rotated" else rows[keys]
    old = StoredRows(*kernels.quantize_i8(plain))
    rewrite(
        files[1], version, {"frame": frame, "centred": None, "rescoring": None, "recall": None}, old
    )
    index = VectorIndex.open_files(*files)
    assert index.rescoring == "int8"
    index.add(fresh, np.arange(300, 350))
    sealed, live = index.snapshot.segments
    assert (sealed.rows.frame is not None) == (frame == "rotated")
    assert live.rows.frame is not None
    assert live.rows.frame.centred
    assert not index.audit().compare(np.arange(350), np.vstack([rows, fresh]))
    for _ in range(2):
        found = index.search(queries, 350, exact=True)
        scores = queries @ np.vstack([rows, fresh]).T
        np.testing.assert_allclose(
            found.scores, np.take_along_axis(scores, found.keys, 1), atol=0.01
        )
        walked = index.search(queries, 5, expansion_search=350, oversampling=70)
        np.testing.assert_array_equal(walked.scores, found.scores[:, :5])
        index.seal()  # now all are centred
    centred = [segment.rows.frame for segment in index.snapshot.segments]
    assert all(frame is not None and frame.centred for frame in centred)


@pytest.mark.parametrize("frame", ["centred", 1, [], "rotated"])
def test_a_frame_that_cannot_be_is_refused(tmp_path: Path, frame: object) -> None:
    paths = sealed_files(tmp_path, 96)
    rewrite(paths[1], 3, {"frame": frame})
    with pytest.raises(CorruptFileError, match="expected"):
        SealedGraph.open(*paths)


@pytest.mark.parametrize(
    ("name", "value"),
    [("rescoring", "int4"), ("recall", {"stored": "most"}), ("centred", "yes"), ("centred", False)],
)
def test_metadata_that_cannot_be_is_refused(tmp_path: Path, name: str, value: object) -> None:
    paths = sealed_files(tmp_path, 96)
    rewrite(paths[1], 3, {name: value})
    with pytest.raises(CorruptFileError, match="expected"):
        SealedGraph.open(*paths)


@pytest.mark.parametrize("known", [1, 2])
def test_who_knows_only_earlier_versions_refuses_these_rows(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, known: int
) -> None:
    monkeypatch.setattr(graph, "ROWS_VERSION", known)
    with pytest.raises(FormatVersionError, match="newer"):
        SealedGraph.open(*files)


# -- what storing loses --------------------------------------------------------------------


def test_auto_stores_residuals_where_int8_loses_neighbours() -> None:
    easy, hard = around(0.9, 3_000, 128), around(0.0, 3_000, 128, 0, 6)
    kinds = [VectorIndex.build(rows).snapshot.segments[0].rows.kind for rows in (easy, hard)]
    assert kinds == ["int8", "int16"]


def test_the_loss_is_measured_against_the_vectors_given() -> None:
    rows = around(0.0, 3_000, 128, 0, 6)
    with pytest.warns(RuntimeWarning, match=r"rows stored as int8 find 0\.\d+ of the ten nearest"):
        index = VectorIndex.build(rows, rescoring="int8")
    got = index.row_recall
    places = np.unique(np.linspace(0, 2_999, 128).astype(np.int64))
    scores = rows[places].astype(float) @ rows.T.astype(float)
    scores[np.arange(len(places)), places] = -np.inf
    truth = np.argsort(-scores, axis=1)[:, :10]
    found = index.search(rows[places], 11, exact=True).keys
    others = [row[row != place][:10] for row, place in zip(found, places, strict=True)]
    want = np.mean([np.isin(a, b).mean() for a, b in zip(truth, others, strict=True)])
    assert (got.queries, got.coarse) == (128, None)
    assert got.stored == pytest.approx(want, abs=0.005)
    with pytest.warns(RuntimeWarning, match="rows stored as int8"):
        index.seal()  # rows that lost something do not find it again
    assert index.row_recall.stored == pytest.approx(got.stored, abs=0.005)


def test_nothing_is_measured_where_nothing_can_be() -> None:
    assert VectorIndex.empty(8).row_recall.stored is None
    assert VectorIndex.build(np.ones((1, 8))).row_recall.stored is None
    assert VectorIndex.build(np.eye(8)[:2]).row_recall.stored == 1
    assert VectorIndex.build(np.ones((20, 8))).row_recall.stored == 1
    assert VectorIndex.build(np.ones((500, 8))).row_recall.stored is None  # all are equally near
