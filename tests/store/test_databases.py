"""Files whose creation was interrupted, by a killed process or a loss of power."""

from __future__ import annotations

from pathlib import Path

import pytest

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
