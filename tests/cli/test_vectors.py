"""``tv5 vectors``, run as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from usearch.index import Index

from tests.cli.command import COUNT, tv5
from tests.vector_files import files
from tv5core import VectorIndex


@pytest.mark.parametrize("suffix", ["npy", "usearch"])
def test_import_and_info(suffix: str, tmp_path: Path) -> None:
    format_, make = files.FILES[suffix]
    file = tmp_path / f"rows.{suffix}"
    make(file)
    done = tv5("vectors", "import", file, tmp_path / "index", "--dim", 8, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    kept = files.ROWS - said["left_out"]
    assert (said["format"], said["vectors"], said["dim"], said["given_dim"]) == (
        format_, kept, 8, files.DIM,
    )  # fmt: skip
    info = tv5("vectors", "info", tmp_path / "index")
    assert info.returncode == 0
    assert f"vectors    {kept}" in info.stdout


def test_recall_against_stated_neighbours_and_exact_search(tmp_path: Path) -> None:
    files.hdf5(tmp_path / "x.hdf5")
    assert tv5("vectors", "import", tmp_path / "x.hdf5", tmp_path / "i").returncode == 0
    rows, queries = files.made(), files.made(7, seed=1)
    near = queries @ (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T
    true = np.argsort(-near, axis=1)[:, :10].astype(np.int32)
    files.vecs(tmp_path / "true.ivecs", true)
    stated = tv5("vectors", "recall", tmp_path / "i", tmp_path / "x.hdf5", "--json")
    assert json.loads(stated.stdout)["recall"] < 0.5, "those of the file are made up"
    given = "--truth", tmp_path / "true.ivecs"
    right = tv5("vectors", "recall", tmp_path / "i", tmp_path / "x.hdf5", *given, "--json")
    assert json.loads(right.stdout)["recall"] > 0.9
    np.save(tmp_path / "q.npy", queries)
    exact = tv5("vectors", "recall", tmp_path / "i", tmp_path / "q.npy", "--calibrate", "0.9")
    assert exact.returncode == 0, exact.stderr
    assert "recall@10 of 7 queries: " in exact.stdout
    few = tv5("vectors", "recall", tmp_path / "i", tmp_path / "q.npy", *given, "-k", 20)
    assert few.returncode == 2
    assert "expected 20 or more true neighbours of 7 queries, got (7, 10)" in few.stderr


def test_a_file_for_usearch(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", files.made())
    assert tv5("vectors", "import", tmp_path / "x.npy", tmp_path / "i").returncode == 0
    done = tv5("vectors", "export", tmp_path / "i", tmp_path / "x.usearch", "--dtype", "f32")
    assert done.returncode == 0, done.stderr
    assert f"wrote {files.ROWS} vectors" in done.stderr
    found = Index.restore(str(tmp_path / "x.usearch"))
    assert found is not None
    assert int(found.search(files.made()[9], 1).keys[0]) == 9


def test_a_catalogue_for_usearch(films: Path, tmp_path: Path) -> None:
    done = tv5("export", "-o", tmp_path / "films.usearch", "-c", films)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "films.usearch.ids.jsonl").read_text().splitlines()
    assert len(lines) == COUNT
    assert set(json.loads(lines[0])) == {"key", "id"}
    found = Index.restore(str(tmp_path / "films.usearch"))
    assert found is not None
    assert len(found) == COUNT


def test_what_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", files.made())
    call = "vectors", "import", tmp_path / "x.npy", tmp_path / "i"
    assert tv5(*call).returncode == 0
    again = tv5(*call)
    assert again.returncode == 2
    assert "--replace" in again.stderr
    assert tv5(*call, "--replace").returncode == 0
    with VectorIndex.open(tmp_path / "i") as index:
        assert len(index) == files.ROWS


def test_what_is_wrong_is_said_without_a_traceback(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "far.hdf5", "w") as file:
        file["train"] = files.made()
        file.attrs["distance"] = "euclidean"
    (tmp_path / "x.bin").write_bytes(b"nothing" * 50)
    for name, code, said in (
        ("far.hdf5", 2, "got l2; of vectors of one length, --metric cosine"),
        ("x.bin", 1, "expected a file of vectors"),
        ("none.npy", 1, "No such file"),
    ):
        done = tv5("vectors", "import", tmp_path / name, tmp_path / "i")
        assert done.returncode == code, done.stderr
        assert said in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "i").exists()
    far = "vectors", "import", tmp_path / "far.hdf5", tmp_path / "i"
    assert tv5(*far, "--metric", "cosine").returncode == 0
