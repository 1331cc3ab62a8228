"""Stored rows: what int8 keeps, in which frame, and that keeping it twice changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tv5core import kernels
from tv5core.errors import CorruptFileError, FormatVersionError
from tv5core.files import SectionFile, write_sections
from tv5core.vectors import VectorIndex, graph
from tv5core.vectors.graph import ROWS_KIND, ROWS_VERSION, SealedGraph
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.sealing import build_files
from tv5core.vectors.stored_rows import StoredRows, frame_of

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


@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e15])
@pytest.mark.parametrize("dim", [8, 64, 100, 192, 768, 4096])
def test_encoding_what_was_decoded_changes_nothing(dim: int, scale: float) -> None:
    rows = uneven(200, dim) * np.float32(scale)
    rows[0, 1:] = 0  # all of it in one coordinate
    quantizer = quantizer_of(rows)
    frame = frame_of(quantizer, "int8")
    assert (frame is not None) == (dim % 64 == 0)
    first = again = StoredRows.encode(rows, "int8", frame)
    for _ in range(3):
        # Another centre, as every sealing has; the signs stay.
        frame = frame_of(quantizer_of(again.decode(slice(None))), "int8")
        again = StoredRows.encode(again.decode(slice(None)), "int8", frame)
        np.testing.assert_array_equal(again.values, first.values)
        assert first.scales is not None
        assert again.scales is not None
        if frame is not None:
            np.testing.assert_array_equal(again.scales, first.scales)
    error = np.abs(again.decode(slice(None)) - rows).max()
    assert error < 0.03 * scale


def test_rotated_rows_lose_less_than_raw_ones() -> None:
    rows, queries = uneven(500, 768), uneven(50, 768, seed=1)
    frame = quantizer_of(rows)
    some = np.tile(np.arange(len(rows), dtype=np.uint32), (len(queries), 1))
    errors = []
    for stored in (StoredRows.encode(rows, "int8"), StoredRows.encode(rows, "int8", frame)):
        ids, scores = stored.rescore(queries, some, len(rows))
        errors.append(np.abs(scores - np.take_along_axis(queries @ rows.T, ids, axis=1)).mean())
        np.testing.assert_array_equal(stored.scan(queries, len(rows))[1], scores)
    assert errors[1] < 0.6 * errors[0]


@pytest.mark.parametrize("rescoring", ["int8", "float16", "float32"])
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
    rows = uneven(3_000, 128)
    index = VectorIndex.build(rows[:2_000], path=tmp_path / "i")
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


def rewrite(path: Path, version: int, frame: object, rows: StoredRows | None = None) -> None:
    """Write the rows file as another version or with another frame, or with other rows."""
    file = SectionFile.open(path, ROWS_KIND, ROWS_VERSION)
    sections = {name: np.array(file.section(name)) for name in file.names}
    meta = {key: value for key, value in file.meta.items() if key != "frame"}
    if rows is not None:
        sections["values"] = rows.values
        assert rows.scales is not None
        sections["scales"] = rows.scales
    write_sections(path, ROWS_KIND, version, meta if frame is None else meta | {"frame": frame},
                   sections)  # fmt: skip


@pytest.mark.parametrize(
    ("dim", "rescoring", "frame"),
    [(128, "int8", "rotated"), (96, "int8", "raw"), (128, "float16", "raw")],
)
def test_the_file_tells_its_frame(tmp_path: Path, dim: int, rescoring: str, frame: str) -> None:
    paths = sealed_files(tmp_path, dim, rescoring)
    file = SectionFile.open(paths[1], ROWS_KIND, ROWS_VERSION)
    assert (file.version, file.meta["frame"]) == (2, frame)
    assert (SealedGraph.open(*paths).rows.frame is not None) == (frame == "rotated")


def test_rows_of_version_1_are_searched_beside_rotated_ones(files: tuple[Path, Path]) -> None:
    rows, queries, fresh = uneven(300, 128), uneven(9, 128, seed=1), uneven(50, 128, seed=2)
    keys = SealedGraph.open(*files).keys
    rewrite(files[1], 1, None, StoredRows.encode(rows[keys], "int8"))
    index = VectorIndex.open_files(*files)
    index.add(fresh, np.arange(300, 350))
    sealed, live = index.snapshot.segments
    assert (sealed.rows.frame, live.rows.frame is None) == (None, False)
    assert not index.audit().compare(np.arange(350), np.vstack([rows, fresh]))
    for _ in range(2):
        found = index.search(queries, 350, exact=True)
        scores = queries @ np.vstack([rows, fresh]).T
        np.testing.assert_allclose(
            found.scores, np.take_along_axis(scores, found.keys, 1), atol=0.01
        )
        index.seal()  # now all are rotated
    assert all(segment.rows.frame is not None for segment in index.snapshot.segments)


@pytest.mark.parametrize("frame", ["centred", 1, None, [], "rotated"])
def test_a_frame_that_cannot_be_is_refused(tmp_path: Path, frame: object) -> None:
    paths = sealed_files(tmp_path, 96)
    rewrite(paths[1], 2, frame)
    if frame is None:  # as version 1 is
        assert SealedGraph.open(*paths).rows.frame is None
        return
    with pytest.raises(CorruptFileError, match="expected"):
        SealedGraph.open(*paths)


def test_who_knows_only_version_1_refuses_these_rows(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "ROWS_VERSION", 1)
    with pytest.raises(FormatVersionError, match="newer"):
        SealedGraph.open(*files)
