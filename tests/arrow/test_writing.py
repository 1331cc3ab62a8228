"""Titles and hits as tables; exported files, read again."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.arrow.conftest import EXTRA, TITLES
from tv5core import Catalog
from tv5core.errors import InvalidInputError
from tv5core.importers import import_paths


def test_vectors_are_a_column(full: Catalog) -> None:
    table = full.to_arrow(vectors=True)
    dim = full.info()["dim"]
    assert table.schema.field("vector").type == pa.list_(pa.float32(), dim)
    found = np.stack(table["vector"].combine_chunks().to_numpy(zero_copy_only=False))
    assert full.search(found[0], k=1)[0].id == "t:1"


def test_an_empty_catalogue_is_an_empty_table(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c") as catalog:
        table = catalog.to_arrow(vectors=True)
        assert (table.num_rows, table.column_names[0]) == (0, "id")


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_an_exported_file_is_imported_to_equal_titles(
    full: Catalog, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"titles{suffix}"
    report = full.export(path)
    assert (report.titles, report.bytes) == (2, path.stat().st_size)
    assert report.vectors == (2 if suffix == ".parquet" else 0)
    with Catalog.open(tmp_path / "again", extra_fields=EXTRA) as again:
        import_paths(again, [path])
        assert [again.get(title.id) for title in TITLES] == TITLES
    assert not list(tmp_path.glob("*.partial"))


def test_parquet_holds_vectors(full: Catalog, tmp_path: Path) -> None:
    full.export(tmp_path / "t.parquet")
    assert parquet.read_table(tmp_path / "t.parquet").equals(full.to_arrow(vectors=True))


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_an_export_that_fails_leaves_the_file_before(
    full: Catalog, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_bytes(b"before")

    def stop(*_: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        full.export(path, progress=stop)
    assert path.read_bytes() == b"before"
    assert not list(tmp_path.glob("*.partial"))


# -- hits ---------------------------------------------------------------------------------


def test_hits_as_tables(full: Catalog) -> None:
    result = full.search("plain")
    table = result.to_arrow()
    assert table["id"].to_pylist() == [hit.id for hit in result]
    assert table["score"].to_pylist() == [hit.score for hit in result]
    assert pa.table(result).equals(table), "by the PyCapsule interface"
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    assert list(result.to_pandas()["title"]) == [hit.title.title for hit in result]
    assert isinstance(result.to_pandas(), pandas.DataFrame)
    assert result.to_polars().equals(polars.from_arrow(table))


def test_hits_carry_fields_of_the_catalogue_itself(full: Catalog) -> None:
    table = full.search("élan vital").to_arrow()
    first = table.slice(0, 1).to_pylist()[0]
    assert (first["extra.tags"], first["extra.ours"]) == (["x", "y, z"], False)


def test_no_hits_are_a_table_without_rows(full: Catalog) -> None:
    assert full.search("zzzzqqqq xxyyzz").to_arrow().num_rows == 0


# -- libraries that are missing -----------------------------------------------------------


@pytest.mark.parametrize("library", ["pyarrow", "pandas", "polars"])
def test_a_missing_library_is_named(
    full: Catalog, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    result = full.search("plain")
    call = {"pyarrow": result.to_arrow, "pandas": result.to_pandas, "polars": result.to_polars}
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InvalidInputError, match=f"expected {library}.*pip install"):
        call[library]()
    if library == "pyarrow":
        with pytest.raises(InvalidInputError, match="pip install"):
            full.add_table([])
