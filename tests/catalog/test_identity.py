"""What identifies a catalogue: its file, not a path that may lead elsewhere by now."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tv5core import Catalog, Title, VectorIndex
from tv5core.catalog import reader as module
from tv5core.errors import CatalogLockedError, CatalogReplacedError, ClosedError

VECTORS = np.eye(8, dtype=np.float32)


@pytest.fixture(autouse=True)
def look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_S", 0)


def make(path: Path, *names: str, seal: bool = False) -> Path:
    with Catalog.open(path, embedder=None) as catalog:
        places = [sum(name.encode()) % 8 for name in names]
        catalog.add([Title(name, "movie", name) for name in names], VECTORS[places])
        if seal:
            catalog.seal()
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- another folder takes its place -------------------------------------------------------


@pytest.fixture(params=["moved", "removed"])
def swap(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], None]:
    live, new = make(tmp_path / "films", "old"), make(tmp_path / "films.new", "new")

    def swap() -> None:
        if request.param == "moved":
            live.rename(tmp_path / "before")
        else:
            shutil.rmtree(live)
        new.rename(live)

    return swap


USES: dict[str, Callable[[Catalog], object]] = {
    "search": lambda c: c.search(VECTORS[0]),
    "get": lambda c: c.get("old"),
    "contains": lambda c: "old" in c,
    "len": len,
    "ids": lambda c: list(c.ids()),
    "info": lambda c: c.info(),
    "verify": lambda c: c.verify(),
    "similar": lambda c: c.similar("old"),
}
CHANGES: dict[str, Callable[[Catalog], object]] = {
    "add": lambda c: c.add([Title("mine", "movie", "mine")], VECTORS[:1]),
    "delete": lambda c: c.delete("old"),
    "seal": lambda c: c.seal(),
    "optimize": lambda c: c.optimize(),
}


@pytest.mark.parametrize("use", USES)
def test_a_reader_notices(tmp_path: Path, swap: Callable[[], None], use: str) -> None:
    with Catalog.open(tmp_path / "films", read_only=True) as serving:
        assert serving.get("old").id == "old"
        swap()
        with pytest.raises(CatalogReplacedError, match="open it again"):
            USES[use](serving)
    with pytest.raises(ClosedError):
        serving.get("old")


@pytest.mark.parametrize("use", CHANGES)
def test_a_writer_acknowledges_nothing(tmp_path: Path, swap: Callable[[], None], use: str) -> None:
    with Catalog.open(tmp_path / "films", embedder=None) as writer:
        swap()
        with pytest.raises(CatalogReplacedError):
            CHANGES[use](writer)


def test_opened_again_beside_the_old_handle_it_is_the_new_one(
    tmp_path: Path, swap: Callable[[], None]
) -> None:
    with Catalog.open(tmp_path / "films", embedder=None) as old:
        swap()
        with Catalog.open(tmp_path / "films", embedder=None) as again:
            assert list(again.ids()) == ["new"]
            again.add([Title("mine", "movie", "mine")], VECTORS[2:3])
            with Catalog.open(tmp_path / "films", read_only=True) as reader:
                assert set(reader.ids()) == {"new", "mine"}
            with pytest.raises(CatalogReplacedError):
                old.search(VECTORS[0])
            with pytest.raises(CatalogLockedError):
                Catalog.open(tmp_path / "films")
    with Catalog.open(tmp_path / "films", read_only=True) as after:
        assert set(after.ids()) == {"new", "mine"}
        assert after.verify().ok


def test_a_removed_folder_is_noticed(tmp_path: Path) -> None:
    make(tmp_path / "films", "old")
    with Catalog.open(tmp_path / "films", read_only=True) as serving:
        shutil.rmtree(tmp_path / "films")
        with pytest.raises(CatalogReplacedError, match="got none"):
            serving.get("old")


def test_two_paths_to_one_file_share_it(tmp_path: Path) -> None:
    make(tmp_path / "films", "old")
    (tmp_path / "link").symlink_to(tmp_path / "films")
    with (
        Catalog.open(tmp_path / "films", embedder=None) as writer,
        Catalog.open(tmp_path / "link", read_only=True) as reader,
    ):
        assert reader._store.environment is writer._store.environment


# -- the working directory changes --------------------------------------------------------


def test_a_relative_path_is_where_it_was_when_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        make(tmp_path / name / "c", f"of {name}", "both", seal=True)
    monkeypatch.chdir(tmp_path / "a")
    before = names(tmp_path / "b" / "c")
    with Catalog.open("c", embedder=None) as catalog, Catalog.open("c", read_only=True) as reader:
        monkeypatch.chdir(tmp_path / "b")
        catalog.add([Title("later", "movie", "later")], VECTORS[5:6])
        catalog.seal()
        for handle in (catalog, reader):
            assert set(handle.ids()) == {"of a", "both", "later"}
            assert "later" in {hit.id for hit in handle.search(VECTORS[5], 2)}
        assert catalog.verify().ok
        catalog.backup("copy")
        assert catalog.export("titles.jsonl").titles == 3
    assert names(tmp_path / "b" / "c") == before
    with Catalog.open(tmp_path / "b" / "copy", read_only=True) as copy:
        assert set(copy.ids()) == {"of a", "both", "later"}


@pytest.mark.parametrize("copying", ["backup", "export"])
def test_a_copy_goes_where_its_path_led_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copying: str
) -> None:
    make(tmp_path / "c", "one")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with Catalog.open("c", embedder=None) as catalog:
        getattr(catalog, copying)("copy", progress=lambda *_: os.chdir(tmp_path / "elsewhere"))
    assert names(tmp_path / "elsewhere") == []
    Catalog.restore(tmp_path / "copy", tmp_path / "restored")


def test_a_vector_index_is_sealed_where_it_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    index = VectorIndex.build(np.random.default_rng(0).random((300, 8)), path="index")
    monkeypatch.chdir(tmp_path / "elsewhere")
    index.add(VECTORS[:1], [999])
    index.seal()
    index.close()
    assert names(tmp_path / "elsewhere") == []
    with VectorIndex.open(tmp_path / "index") as again:
        assert 999 in again
