"""Files whose creation was interrupted, by a killed process or a loss of power."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tv5core import Catalog, Title
from tv5core.errors import CorruptFileError
from tv5core.store import Store
from tv5core.store.databases import _is_unborn

PAGE = 4096


def open_store(folder: Path) -> Store:
    return Store.open(folder, create=True, read_only=False, metric="cosine", rescoring="int8")


@pytest.fixture
def fresh(tmp_path: Path) -> bytes:
    """Return the first two pages of a file that LMDB has just begun."""
    import lmdb

    with lmdb.open(str(tmp_path / "fresh"), lib_version=0):
        pass
    return (tmp_path / "fresh" / "data.mdb").read_bytes()[: 2 * PAGE]


@pytest.mark.parametrize(
    "lost",
    ["first", "second", "both", "second and after", "none and after"],
)
def test_a_file_that_never_held_a_catalogue_is_begun_again(
    lost: str, fresh: bytes, tmp_path: Path
) -> None:
    zero, after = bytes(PAGE), b"\7" * PAGE
    data = {
        "first": zero + fresh[PAGE:],
        "second": fresh[:PAGE],
        "both": zero + zero,
        "second and after": fresh[:PAGE] + zero + after,
        "none and after": fresh + after,
    }[lost]
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "data.mdb").write_bytes(data)
    open_store(folder).close()
    open_store(folder).close()


@pytest.mark.parametrize("page", [0, 1])
def test_a_catalogue_that_lost_a_meta_page_is_left_alone(page: int, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    open_store(folder).close()
    data = bytearray((folder / "data.mdb").read_bytes())
    data[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
    assert not _is_unborn(bytes(data))
    data[: 2 * PAGE] = bytes(2 * PAGE)
    assert not _is_unborn(bytes(data))
    (folder / "data.mdb").write_bytes(data)
    with pytest.raises(CorruptFileError):
        open_store(folder)
    assert (folder / "data.mdb").read_bytes() == data


@pytest.mark.parametrize("name", [b"aliases", b"ids"])
def test_a_flipped_bit_of_the_name_of_a_derived_database(tmp_path: Path, name: bytes) -> None:
    with Catalog.open(tmp_path, embedder=None) as catalog:
        catalog.add(
            [Title(f"id{i}", "movie", f"Film {i}", year=2000) for i in range(5)], np.eye(5, 8)
        )
    path = tmp_path / "data.mdb"
    node = len(name).to_bytes(2, "little") + name  # not in the catalogue's record
    assert node in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(node, node[:-1] + bytes([node[-1] ^ 1])))
    with Catalog.open(tmp_path, embedder=None, read_only=True) as catalog:
        with pytest.raises(CorruptFileError, match="opening the catalogue for writing makes"):
            catalog.get("id3" if name == b"ids" else "name:movie:2000:film-3")
        assert not catalog.verify().ok
    with Catalog.open(tmp_path, embedder=None) as catalog:
        assert catalog.get("id3") == catalog.get("name:movie:2000:film-3")
        assert catalog.verify().ok
