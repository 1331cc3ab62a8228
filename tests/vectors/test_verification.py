"""An index that answers while its rows are still being checked."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.vectors.conftest import F32
from tv5core import errors
from tv5core.files import SectionFile
from tv5core.vectors import VectorIndex


@pytest.fixture
def folder(vectors: F32, tmp_path: Path) -> Path:
    VectorIndex.build(vectors, path=tmp_path / "ix").close()
    return tmp_path / "ix"


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Hold checks in the background before their first block, until the event is set."""
    go, checked = threading.Event(), SectionFile.checked_blocks

    def waits(file: SectionFile) -> Iterator[int]:
        if threading.current_thread() is not threading.main_thread():
            go.wait()
        yield from checked(file)

    monkeypatch.setattr(SectionFile, "checked_blocks", waits)
    yield go
    go.set()


def _flip(folder: Path, name: str, share: float) -> Path:
    (file,) = folder.glob(f"{name}.*")
    raw = bytearray(file.read_bytes())
    raw[int(share * len(raw))] ^= 4
    file.write_bytes(raw)
    return file


def test_answers_come_before_the_rows_are_checked(
    folder: Path, queries: F32, held: threading.Event
) -> None:
    with VectorIndex.open(folder) as first, VectorIndex.open(folder, verify="background") as index:
        assert first.wait_verified(0)
        assert (index.search(queries).keys == first.search(queries).keys).all()
        assert not index.wait_verified(0)
        held.set()
        assert index.wait_verified()
        assert (index.search(queries).keys == first.search(queries).keys).all()


@pytest.mark.parametrize("share", [0.001, 0.3, 0.7])
def test_a_flipped_bit_of_the_rows_ends_all_answers(
    share: float, folder: Path, queries: F32, held: threading.Event
) -> None:
    file = _flip(folder, "rows", share)
    with VectorIndex.open(folder, verify="background") as index:
        index.search(queries)  # not known yet
        held.set()
        for call in (
            index.wait_verified,
            lambda: index.search(queries),
            lambda: index.scores(queries[0], [1]),
            lambda: index.keys(),
            lambda: len(index),
        ):
            with pytest.raises(errors.CorruptFileError, match=f"{file.name}: block 0"):
                call()


def test_what_walks_follow_is_checked_before(folder: Path) -> None:
    _flip(folder, "graph", 0.5)
    with pytest.raises(errors.CorruptFileError, match="block"):
        VectorIndex.open(folder, verify="background")


def test_rows_cut_short_or_of_another_sealing_are_refused_at_once(
    folder: Path, vectors: F32
) -> None:
    VectorIndex.build(vectors[::-1].copy(), path=folder.parent / "other").close()
    (file,), (other,) = folder.glob("rows.*"), (folder.parent / "other").glob("rows.*")
    raw = file.read_bytes()
    for wrong in (raw[:-100], other.read_bytes()):
        file.write_bytes(wrong)
        with pytest.raises(errors.CorruptFileError):
            VectorIndex.open(folder, verify="background")


def test_a_writer_checks_first(folder: Path) -> None:
    with pytest.raises(errors.InvalidInputError, match="new checksums"):
        VectorIndex.open(folder, read_only=False, verify="background")
    VectorIndex.open(folder, read_only=False).close()  # no lock was left


@pytest.mark.parametrize("verify", ["", "later", True, None, 1, ["first"]])
def test_verify_is_checked(verify: object, folder: Path) -> None:
    with pytest.raises(errors.InvalidInputError, match="expected verify"):
        VectorIndex.open(folder, verify=verify)  # type: ignore[arg-type]


def test_an_index_closes_while_it_is_checked(folder: Path, held: threading.Event) -> None:
    index = VectorIndex.open(folder, verify="background")
    (thread,) = [one for one in threading.enumerate() if one.name.startswith("tv5-verify")]
    index.close()
    held.set()
    thread.join(60)
    assert not thread.is_alive()
    with pytest.raises(errors.ClosedError):
        index.wait_verified()


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), "1", True])
def test_the_time_to_wait_is_checked(timeout: object, folder: Path) -> None:
    with VectorIndex.open(folder) as index, pytest.raises(errors.InvalidInputError):
        index.wait_verified(timeout)  # type: ignore[arg-type]


def test_the_child_of_a_fork_checks_anew(folder: Path, held: threading.Event) -> None:
    _flip(folder, "rows", 0.5)
    with VectorIndex.open(folder, verify="background") as index:
        child = os.fork()
        if child == 0:
            held.set()
            try:
                index.wait_verified(60)
            except errors.CorruptFileError:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_pages_that_were_checked_leave_the_process(folder: Path) -> None:
    with VectorIndex.open(folder, verify="background") as index:
        assert index.wait_verified()
        rows = index.memory()["rescoring"]
        assert rows["resident"] < rows["total"] / 2
        assert np.isfinite(index.search(np.ones(index.dim, np.float32)).scores).all()
