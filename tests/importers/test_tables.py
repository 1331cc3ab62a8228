"""Parquet and Excel files, read by the importers of CSV files."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tv5core.importers import import_paths

ROW = {
    "id": 11,
    "title": "Harbour Lights",
    "overview": "Two keepers",
    "release_date": date(2001, 2, 3),
    "vote_average": 7.1,
    "vote_count": 40,
    "runtime": 90.0,
    "genres": ["Drama", "War"],
    "cast": [{"name": "Ann Poe", "order": 0}],
}


@pytest.fixture
def parquet_file(tmp_path: Path) -> Path:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    bare = {**dict.fromkeys(ROW), "id": 12, "title": "Pier"}
    parquet.write_table(pa.Table.from_pylist([ROW, bare]), tmp_path / "x.parquet")
    return tmp_path / "x.parquet"


@pytest.fixture
def excel_file(tmp_path: Path) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append([])
    sheet.append(list(ROW))
    cells = {**ROW, "release_date": datetime(2001, 2, 3), "genres": "Drama, War", "cast": "['Ann Poe']"}  # noqa: DTZ001, E501  # fmt: skip
    sheet.append(list(cells.values()))
    sheet.append([None] * len(ROW))
    sheet.append([12, "Pier"])
    book.create_sheet("more").append(["x"])
    book.save(tmp_path / "x.xlsx")
    return tmp_path / "x.xlsx"


def check(catalog: Any) -> None:
    first, second = catalog.titles.values()
    assert (first.title, first.release_date, first.rating) == ("Harbour Lights", "2001-02-03", 7.1)
    assert (first.votes, first.runtime, first.genres) == (40, 90, ("Drama", "War"))
    assert [person.name for person in first.cast] == ["Ann Poe"]
    assert (second.title, second.release_date, second.votes) == ("Pier", "", 0)


def test_parquet(parquet_file: Path, catalog: Any) -> None:
    report = import_paths(catalog, [parquet_file.parent])
    check(catalog)
    assert [dict(file.notes) for file in report.files] == [{}]


def test_excel(excel_file: Path, catalog: Any) -> None:
    report = import_paths(catalog, [excel_file.parent])
    check(catalog)
    assert [dict(file.notes) for file in report.files] == [
        {"sheet 'more' left out, the first one is read": 1}
    ]


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [("x.parquet", "pyarrow", "arrow"), ("x.xlsx", "openpyxl", "xlsx")],
)
def test_a_missing_library_is_named(
    name: str, library: str, extra: str, request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch, catalog: Any,
) -> None:  # fmt: skip
    path = request.getfixturevalue("parquet_file" if extra == "arrow" else "excel_file")
    monkeypatch.setitem(sys.modules, library, None)
    rejected: list[Any] = []
    import_paths(catalog, [path], rejects=rejected.append)
    assert f"expected {library} to read {name}" in rejected[0].detail
    assert f"tv5core[{extra}]" in rejected[0].detail


@settings(
    deadline=None,
    max_examples=examples(40),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(place=st.integers(0, 10**6), byte=st.integers(0, 255), cut=st.booleans())
@pytest.mark.parametrize("kind", ["parquet_file", "excel_file"])
def test_damage_never_raises_anything_else(
    kind: str, place: int, byte: int, cut: bool, request: pytest.FixtureRequest, new_catalog: Any
) -> None:
    path = request.getfixturevalue(kind)
    raw = bytearray(path.read_bytes())
    place %= len(raw)
    raw[place] = byte
    damaged = path.with_name(f"damaged{path.suffix}")
    damaged.write_bytes(raw[:place] if cut else raw)
    import_paths(new_catalog(), [damaged])


def test_cells_beyond_the_header_are_counted(tmp_path: Path, catalog: Any) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["id", "title", "overview", "vote_average", None])
    book.active.append([11, "Harbour", "x", 7, None, "beyond", 3])
    book.active.append([12, "Pier", "x", 7])
    for number in range(30):
        book.create_sheet(f"s{number}")
    book.save(tmp_path / "x.xlsx")
    (file,) = import_paths(catalog, [tmp_path / "x.xlsx"]).files
    assert [title.title for title in catalog.titles.values()] == ["Harbour", "Pier"]
    assert file.notes["cell without a column name"] == 2
    assert file.notes["sheet 's19' left out, the first one is read"] == 1
    assert file.notes["and 10 more sheets"] == 1
