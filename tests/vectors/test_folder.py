"""An index in a folder: round trips, other processes, damage."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.vectors.conftest import F32
from tv5core import errors
from tv5core.vectors import VectorIndex, folder
from tv5core.vectors.graph import SealedGraph


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
        (text.replace('"dim": 96', '"dim": 5'), errors.CorruptFileError),
        (text.replace('"cosine"', '"l2"'), errors.CorruptFileError),
        (text.replace('"auto"', '"int4"'), errors.CorruptFileError),
        (text.replace('"oversampling": ', '"oversampling": -'), errors.CorruptFileError),
    ):
        manifest.write_text(broken)
        with pytest.raises(error):
            VectorIndex.open(tmp_path / "ix")


def test_foreign_folder_is_left_alone(vectors: F32, tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(errors.NotACatalogError):
        VectorIndex.build(vectors[:50], path=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.txt"]


def test_an_index_without_rows_is_empty_on_disk(vectors: F32, tmp_path: Path) -> None:
    path = tmp_path / "ix"
    with VectorIndex.build(vectors[:300], path=path) as index:
        index.remove(np.arange(300))
        index.seal()
        index.seal()
    assert len(VectorIndex.open(path)) == 0
    assert list(path.glob("*.tv5")) == []
    with VectorIndex.open(path, read_only=False) as index:
        assert index.search(vectors[0], 3).keys.tolist() == [-1, -1, -1]
        index.add(vectors[:20], np.arange(20))
        index.seal()
    with VectorIndex.open(path) as full:
        assert len(full) == 20
    VectorIndex.build(vectors[:0], path=path).close()  # an index of nothing replaces it
    assert len(VectorIndex.open(path)) == 0
    assert list(path.glob("*.tv5")) == []


SEALS = """
import sys
from tv5core.vectors import VectorIndex
ix = VectorIndex.open(sys.argv[1], read_only=False)
print("ready", flush=True)
for _ in range(40):
    ix.seal()
"""


def test_opening_works_while_another_process_seals(vectors: F32, tmp_path: Path) -> None:
    path = tmp_path / "ix"
    VectorIndex.build(vectors[:40], path=path).close()
    with subprocess.Popen(
        [sys.executable, "-c", SEALS, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        while writer.poll() is None:
            with VectorIndex.open(path) as opened:
                assert len(opened) == 40
    assert writer.returncode == 0


@pytest.mark.parametrize("gone", ["stat", "open"])
def test_a_reader_that_finds_files_gone_reads_the_manifest_again(
    gone: str, vectors: F32, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed between the manifest and the files, or between their sizes and their content."""
    path = tmp_path / "ix"
    writer = VectorIndex.build(vectors[:40], path=path)
    writer.remove([0])
    seals = [writer.seal] * 3
    module, name = (folder, "_check_size") if gone == "stat" else (SealedGraph, "open")
    real = getattr(module, name)

    def sealing(*arguments: object, **options: object) -> object:
        if seals:
            monkeypatch.setattr(module, name, real)
            seals.pop()()
            monkeypatch.setattr(module, name, sealing)
        return real(*arguments, **options)

    monkeypatch.setattr(module, name, sealing)
    assert len(VectorIndex.open(path)) == 39
    assert not seals


def test_an_index_has_one_writer(vectors: F32, tmp_path: Path) -> None:
    path = tmp_path / "ix"
    first = VectorIndex.build(vectors[:50], path=path)
    for second in (
        lambda: VectorIndex.build(vectors[:20], path=path),
        lambda: VectorIndex.open(path, read_only=False),
    ):
        with pytest.raises(errors.CatalogLockedError, match=f"process {os.getpid()} on"):
            second()
    first.calibrate(vectors[:5])
    assert len(VectorIndex.open(path)) == 50  # readers need no lock
    first.close()
    second = VectorIndex.open(path, read_only=False)
    with pytest.raises(errors.ClosedError):
        first.seal()
    second.seal()
    second.close()
    with pytest.raises(errors.DimensionError):
        VectorIndex.build(np.zeros((3, 9_000)), path=path)
    with pytest.raises(errors.ZeroVectorError) as raised:
        VectorIndex.build(np.zeros((3, 96)), path=path)
    with VectorIndex.build(vectors[:30], path=path):  # what failed holds no lock
        assert raised.value is not None
    assert len(VectorIndex.open(path)) == 30


def test_a_folder_that_was_replaced_is_left_alone(vectors: F32, tmp_path: Path) -> None:
    path = tmp_path / "ix"
    moved = VectorIndex.build(vectors[:50], path=path)
    path.rename(tmp_path / "elsewhere")
    VectorIndex.build(vectors[:20], path=path).close()
    for change in (lambda: moved.calibrate(vectors[:5]), moved.seal):
        with pytest.raises(errors.CatalogError, match="a folder that was replaced"):
            change()
    assert len(VectorIndex.open(path)) == 20
    assert len(VectorIndex.open(tmp_path / "elsewhere")) == 50


def test_closing_during_a_seal_keeps_others_out_until_it_ends(vectors: F32, tmp_path: Path) -> None:
    path = tmp_path / "ix"
    index = VectorIndex.build(vectors[:50], path=path)

    def close(*_: object) -> None:
        index.close()
        with pytest.raises(errors.CatalogLockedError):
            VectorIndex.open(path, read_only=False)

    with pytest.raises(errors.ClosedError):
        index.seal(close)
    VectorIndex.open(path, read_only=False).close()


KILLED = """
import os, sys
import numpy as np
from tv5core.files import failpoints
from tv5core.vectors import VectorIndex, folder

def die(*_):
    os.kill(os.getpid(), 9)

step = sys.argv[2]
if step == "building":
    progress = lambda done, total, stage: stage.startswith("building") and die()
else:
    progress = None
    setattr(folder, step, die)
rows = np.random.default_rng(0).standard_normal((300, 64), dtype=np.float32)
VectorIndex.build(rows, path=sys.argv[1], progress=progress)
"""


@pytest.mark.parametrize("step", ["building", "fsync_folder", "write_manifest", "write_durably"])
@pytest.mark.parametrize("again", ["build", "seal"])
def test_what_a_killed_build_leaves_is_cleared_away(
    step: str, again: str, vectors: F32, tmp_path: Path
) -> None:
    path = tmp_path / "ix"
    if again == "seal":
        VectorIndex.build(vectors[:30], path=path).close()
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), step], check=False)
    assert killed.returncode == -9
    if again == "seal":
        VectorIndex.open(path, read_only=False).close()
    else:
        with pytest.raises(errors.NotACatalogError):
            VectorIndex.open(path)
        VectorIndex.build(vectors[:30], path=path).close()
    assert len(VectorIndex.open(path)) == 30
    assert len(list(path.iterdir())) == 4  # the lock, the manifest and its two files


def test_a_lost_manifest_is_no_killed_build(vectors: F32, tmp_path: Path) -> None:
    path = tmp_path / "ix"
    with VectorIndex.build(vectors[:30], path=path) as index:
        index.seal()
    (path / "index.json").unlink()
    left = sorted(path.iterdir())
    with pytest.raises(errors.NotACatalogError, match=r"got no index\.json"):
        VectorIndex.build(vectors[:30], path=path)
    assert sorted(path.iterdir()) == left


def test_a_place_that_cannot_hold_an_index_says_so(vectors: F32, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "odd" / "index.json").mkdir(parents=True)
    for path in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nothing")):
        with pytest.raises(errors.CatalogError, match="expected to read and write"):
            VectorIndex.build(vectors[:30], path=path)
        with pytest.raises(errors.NotACatalogError):
            VectorIndex.open(path)
    for call in (
        lambda: VectorIndex.open(tmp_path / "odd"),
        lambda: VectorIndex.open(tmp_path / "odd", read_only=False),
        lambda: VectorIndex.build(vectors[:30], path=tmp_path / "odd"),
    ):
        with pytest.raises(errors.CorruptFileError, match="got a folder"):
            call()
    index = VectorIndex.build(vectors[:30], path=tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(errors.CatalogError):
        index.seal()
    assert len(index) == 30


def test_a_relative_path_stays_what_it_was(
    vectors: F32, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with VectorIndex.build(vectors[:30], path="ix") as index:
        monkeypatch.chdir(tmp_path / "other")
        index.remove([3])
        index.seal()
    assert len(VectorIndex.open(tmp_path / "ix")) == 29


@pytest.mark.parametrize("after", ["seal", "calibrate"])
def test_a_seal_interrupted_after_it_took_effect_is_not_overwritten(
    after: str, vectors: F32, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one writes files of other names, so readers and crashes meet a whole index."""
    path = tmp_path / "ix"
    index = VectorIndex.build(vectors[:50], path=path)
    index.remove([3])

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(folder, "_clean", interrupt)
        with pytest.raises(KeyboardInterrupt):
            index.seal()
    assert len(VectorIndex.open(path)) == 49
    named = [name.name for name in path.glob("*.000002.tv5")]
    assert len(named) == 2
    index.remove([4])
    if after == "seal":
        index.seal()
        assert len(VectorIndex.open(path)) == 48
        assert len(list(path.glob("*.000003.tv5"))) == len(list(path.glob("*.tv5"))) == 2
    else:
        index.calibrate(vectors[:5])  # settings alone leave the new files named
        assert len(VectorIndex.open(path)) == 49


FORKS = """
import os, sys
import numpy as np
from tv5core import errors
from tv5core.vectors import VectorIndex

index = VectorIndex.build(np.eye(64, dtype=np.float32), path=sys.argv[1], threads=1)
child = os.fork()
if not child:
    try:
        index.remove([3])
        index.seal()
    except errors.CatalogError:
        os._exit(7)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
try:
    VectorIndex.open(sys.argv[1], read_only=False)
except errors.CatalogLockedError:
    index.seal()
    print(len(VectorIndex.open(sys.argv[1])))
"""


def test_a_forked_child_writes_nothing_and_keeps_the_lock_of_its_parent(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS, str(tmp_path / "ix")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "64\n"
