"""An index in a folder: round trips, other processes, damage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.vectors.conftest import F32
from tv5core import errors
from tv5core.vectors import VectorIndex


def test_folder_round_trip(vectors: F32, queries: F32, tmp_path: Path) -> None:
    built = VectorIndex.build(vectors, np.arange(len(vectors)) * 3, path=tmp_path / "ix")
    built.calibrate(queries, 0.9)
    mapped = VectorIndex.open(tmp_path / "ix")
    assert mapped.settings == built.settings
    answers = built.search(queries).keys
    assert (mapped.search(queries).keys == answers).all()
    for change in (
        lambda: mapped.add(vectors[:1], [1]),
        lambda: mapped.remove([0]),
        lambda: mapped.seal(),
        lambda: mapped.calibrate(queries),
    ):
        with pytest.raises(errors.ReadOnlyError):
            change()
    built.close()  # there is one writer at a time
    writer = VectorIndex.open(tmp_path / "ix", read_only=False)
    writer.add(queries[:1], [1])
    writer.seal()
    assert 1 in VectorIndex.open(tmp_path / "ix")
    # The files of the old generation are gone; a process that has them mapped keeps using them.
    assert (mapped.search(queries).keys == answers).all()
    assert len(list((tmp_path / "ix").glob("graph.*"))) == 1


def test_other_processes_map_the_same_files(vectors: F32, tmp_path: Path) -> None:
    VectorIndex.build(vectors[:800], path=tmp_path / "ix")
    script = (
        "import sys, numpy as np; from tv5core.vectors import VectorIndex;"
        "ix = VectorIndex.open(sys.argv[1]); q = np.load(sys.argv[2]);"
        "print(*ix.search(q, 3).keys)"
    )
    np.save(tmp_path / "q.npy", vectors[17])
    command = [sys.executable, "-W", "ignore", "-c", script]
    command += [str(tmp_path / "ix"), str(tmp_path / "q.npy")]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert runs[0].split()[0] == "17"


@pytest.mark.parametrize("name", ["graph", "rows"])
@pytest.mark.parametrize("damage", ["truncate", "flip", "delete", "swap"])
def test_damaged_files_are_refused(name: str, damage: str, vectors: F32, tmp_path: Path) -> None:
    VectorIndex.build(vectors[:300], path=tmp_path / "ix")
    (file,) = (tmp_path / "ix").glob(f"{name}.*")
    raw = bytearray(file.read_bytes())
    if damage == "truncate":
        file.write_bytes(raw[:-100])
    elif damage == "flip":
        raw[len(raw) // 2] ^= 4
        file.write_bytes(raw)
    elif damage == "delete":
        file.unlink()
    else:
        VectorIndex.build(vectors[300:600], path=tmp_path / "other")
        (other,) = (tmp_path / "other").glob(f"{name}.*")
        file.write_bytes(other.read_bytes())
    with pytest.raises(errors.CorruptFileError):
        VectorIndex.open(tmp_path / "ix")


def test_manifest_is_checked(vectors: F32, tmp_path: Path) -> None:
    with pytest.raises(errors.NotACatalogError):
        VectorIndex.open(tmp_path)
    VectorIndex.build(vectors[:50], path=tmp_path / "ix")
    manifest = tmp_path / "ix" / "index.json"
    text = manifest.read_text()
    for broken, error in (
        (text[:40], errors.CorruptFileError),
        (text.replace("tv5core vector index", "something else"), errors.CorruptFileError),
        (text.replace('"version": 1', '"version": 99'), errors.FormatVersionError),
        (text.replace('"dim": 96', '"dim": 97'), errors.CorruptFileError),
    ):
        manifest.write_text(broken)
        with pytest.raises(error):
            VectorIndex.open(tmp_path / "ix")


def test_foreign_folder_is_left_alone(vectors: F32, tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(errors.NotACatalogError):
        VectorIndex.build(vectors[:50], path=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.txt"]
