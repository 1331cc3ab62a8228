"""Files of other programs, made by those programs, give the vectors that were put in."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.vector_files import files
from tests.vector_files.files import DIM, FILES, GONE, KEYS, ROWS, made
from tv5core import VectorIndex, errors
from tv5core.vector_files import FORMATS, open_vectors
from tv5core.vector_files.hdf5 import true_neighbours

KEPT = KEYS != GONE


def put(tmp_path: Path, suffix: str) -> Path:
    path = tmp_path / f"vectors.{suffix}"
    FILES[suffix][1](path)
    return path


@pytest.mark.parametrize("suffix", FILES)
def test_what_was_put_in_comes_out(suffix: str, tmp_path: Path) -> None:
    format_ = FILES[suffix][0]
    found = open_vectors(put(tmp_path, suffix))
    assert found.format == format_
    if found.keys is None:
        np.testing.assert_array_equal(found.vectors, made())
        assert found.left_out == 0
    else:
        order = np.argsort(found.keys)
        np.testing.assert_array_equal(found.keys[order], KEYS[KEPT])
        np.testing.assert_array_equal(found.vectors[order], made()[KEPT])
        assert found.left_out == 1
    assert (len(found), found.dim) == (ROWS - found.left_out, DIM)


@pytest.mark.parametrize("suffix", FILES)
def test_an_index_is_built_of_each(suffix: str, tmp_path: Path) -> None:
    found = open_vectors(put(tmp_path, suffix))
    with VectorIndex.build(found.vectors, found.keys, path=tmp_path / "index") as index:
        own = 7 if found.keys is None else int(KEYS[7])
        assert index.search(made()[7], 1).keys.tolist() == [own]


@pytest.mark.parametrize(("dtype", "tolerance"), [("f64", 0), ("f16", 2e-3), ("bf16", 2e-2)])
def test_types_of_usearch(dtype: str, tolerance: float, tmp_path: Path) -> None:
    files.usearch(tmp_path / "x", dtype)
    found = open_vectors(tmp_path / "x")
    assert found.keys is not None
    got = np.asarray(found.vectors, np.float32)[np.argsort(found.keys)]
    np.testing.assert_allclose(got, made()[KEPT], rtol=tolerance, atol=tolerance)


def test_int8_of_usearch_keeps_directions(tmp_path: Path) -> None:
    files.usearch(tmp_path / "x", "i8")
    found = open_vectors(tmp_path / "x")
    assert found.vectors.dtype == np.int8
    assert found.keys is not None
    got = found.vectors[np.argsort(found.keys)].astype(np.float32)
    want = made()[KEPT]
    cosines = (got * want).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(want, axis=1)
    assert cosines.min() > 0.999


@pytest.mark.parametrize(("metric", "ours"), [("cos", "cosine"), ("ip", "ip"), ("l2sq", "l2")])
def test_metrics_of_usearch(metric: str, ours: str, tmp_path: Path) -> None:
    files.usearch(tmp_path / "x", metric=metric)
    assert open_vectors(tmp_path / "x").metric == ours


def test_an_index_of_usearch_without_rows(tmp_path: Path) -> None:
    from usearch.index import Index

    (tmp_path / "x").write_bytes(bytes(Index(ndim=DIM).save()))  # type: ignore[call-overload]
    found = open_vectors(tmp_path / "x", format="usearch")
    assert (len(found), found.dim) == (0, DIM)


def test_parts_of_hdf5(tmp_path: Path) -> None:
    path = put(tmp_path, "hdf5")
    np.testing.assert_array_equal(open_vectors(path, part="test").vectors, made(7, seed=1))
    assert open_vectors(path).metric == "cosine"
    stated = true_neighbours(path)
    assert stated is not None
    np.testing.assert_array_equal(stated, np.arange(70).reshape(7, 10))
    with pytest.raises(errors.CorruptFileError, match="only neighbors, test, train"):
        open_vectors(path, part="other")


def test_bytes_and_true_neighbours(tmp_path: Path) -> None:
    whole = np.arange(32, dtype=np.uint8).reshape(2, 16)
    files.vecs(tmp_path / "x.bvecs", whole)
    np.testing.assert_array_equal(open_vectors(tmp_path / "x.bvecs").vectors, whole)
    files.vecs(tmp_path / "x.ivecs", whole.astype(np.int32))
    found = open_vectors(tmp_path / "x.ivecs")
    assert found.vectors.dtype == np.int32
    np.testing.assert_array_equal(found.vectors, whole)


def _usearch(path: Path, rows: files.F32) -> None:
    from usearch.index import Index

    index = Index(ndim=rows.shape[1], dtype="f32")  # type: ignore[call-overload]
    index.add(np.arange(len(rows), dtype=np.uint64), rows)
    path.write_bytes(bytes(index.save()))


def _hnswlib(path: Path, rows: files.F32) -> None:
    import hnswlib

    graph = hnswlib.Index("ip", rows.shape[1])
    graph.init_index(len(rows), M=4)
    graph.add_items(rows)
    graph.save_index(str(path))


def _hdf5(path: Path, rows: files.F32) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["train"] = rows


@pytest.mark.parametrize(
    ("suffix", "save"),
    [("npy", np.save), ("fvecs", files.vecs), ("h5", _hdf5), ("us", _usearch), ("hn", _hnswlib)],
)
def test_rows_stay_on_disk(suffix: str, save: Callable[..., None], tmp_path: Path) -> None:
    """Only a deleted row makes a copy of the others."""
    rows = made(1_000, 1_024)
    path = tmp_path / f"vectors.{suffix}"
    save(path, rows)
    open_vectors(path)  # what is imported is not counted
    tracemalloc.start()
    found = open_vectors(path)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.vectors.shape == rows.shape
    assert taken < rows.nbytes / 8


# -- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FILES)
@pytest.mark.parametrize("left", [0, 1, 7, 60, 200, -1])
def test_what_is_cut_short_is_refused(suffix: str, left: int, tmp_path: Path) -> None:
    path = put(tmp_path, suffix)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises((errors.CorruptFileError, errors.ImportFormatError), match="expected"):
        open_vectors(path, format=FILES[suffix][0])


@pytest.mark.parametrize("format_", FORMATS)
def test_other_files_are_refused(format_: str, tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04", b"\x00" * 500, b"\xff" * 500, b"a,b\n1,2\n" * 50):
        path = tmp_path / "other"
        path.write_bytes(content)
        with pytest.raises((errors.CorruptFileError, errors.ImportFormatError), match="expected"):
            open_vectors(path, format=format_)
        with pytest.raises(errors.ImportFormatError, match="expected a file of vectors"):
            open_vectors(path)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(errors.CorruptFileError, match="expected an array of numbers"):
        open_vectors(path)


@pytest.mark.parametrize(
    "array",
    [np.zeros(3), np.zeros((2, 2, 2)), np.zeros((3, 0)), np.zeros((2, 2), complex),
     np.array([["a"]]), np.zeros((2, 2), [("a", "f4")])],
)  # fmt: skip
def test_arrays_that_are_no_vectors(array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(errors.CorruptFileError, match="expected rows of numbers"):
        open_vectors(tmp_path / "x.npy")


@pytest.mark.parametrize("how", [{"chunks": (8, DIM)}, {"compression": "gzip"}])
def test_hdf5_in_chunks_says_what_to_do(how: dict[str, object], tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("train", data=made(), **how)
    with pytest.raises(errors.CorruptFileError, match="h5repack -l CONTI -f NONE"):
        open_vectors(tmp_path / "x.h5")


def test_hdf5_of_a_later_layout_says_what_to_do(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "x.h5", "w", libver="latest") as file:
        file["train"] = made()
    with pytest.raises(errors.CorruptFileError, match="libver='earliest'"):
        open_vectors(tmp_path / "x.h5")


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", "|i1", "|u1", "<i4", ">u2"])
def test_types_of_hdf5(dtype: str, tmp_path: Path) -> None:
    import h5py

    rows = (made() * 20).clip(0).astype(dtype)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name in (f"other{i}" for i in range(40)):  # so that the group needs several nodes
            file[name] = np.zeros((1, 1))
        file["train"] = rows
        file.attrs["distance"] = np.bytes_("dot")
        file.attrs["other"] = 5
    found = open_vectors(tmp_path / "x.h5")
    np.testing.assert_array_equal(found.vectors, rows)
    assert found.metric == "ip"


def test_a_type_of_usearch_that_numpy_lacks(tmp_path: Path) -> None:
    from usearch.index import Index

    index = Index(ndim=64, metric="hamming", dtype="b1")  # type: ignore[call-overload]
    index.add(np.arange(3), np.zeros((3, 8), np.uint8))
    (tmp_path / "x").write_bytes(bytes(index.save()))
    with pytest.raises(errors.CorruptFileError, match="values of usearch's kind 1"):
        open_vectors(tmp_path / "x")


@pytest.mark.parametrize(
    "call",
    [
        lambda: open_vectors(5),  # type: ignore[arg-type]
        lambda: open_vectors("x", format="pickle"),
        lambda: open_vectors("x", format=b"npy"),  # type: ignore[arg-type]
        lambda: open_vectors("x", part=None),  # type: ignore[arg-type]
    ],
)
def test_bad_arguments_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(errors.InvalidInputError, match="expected"):
        call()


def test_what_is_not_there_or_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.npy", tmp_path):
        with pytest.raises(errors.ImportFormatError, match="expected a"):
            open_vectors(path)
