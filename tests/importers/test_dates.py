"""Dates of whole files: one order a file, and no two dates under one id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tv5core.errors import InvalidInputError
from tv5core.importers import ImportReport, import_paths
from tv5core.importers import runner as runner_module

MAPPING = {"title": "title", "overview": "overview", "release_date": "d"}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(*dates: str, name: str = "Dune") -> Path:
        rows = (f"{name},plot {place},{day}\n" for place, day in enumerate(dates))
        (tmp_path / "x.csv").write_text("title,overview,d\n" + "".join(rows))
        return tmp_path / "x.csv"

    return written


def imported(catalog: Any, path: Path, **options: Any) -> ImportReport:
    return import_paths(catalog, [path], mapping=MAPPING, **options)


def dates_of(catalog: Any) -> list[tuple[str, int | None]]:
    return [(title.release_date, title.year) for title in catalog.titles.values()]


def test_the_whole_column_decides(write: Callable[..., Path], catalog: Any) -> None:
    report = imported(catalog, write("6/2/1927", "14/12/1984", "15/9/2021"))
    assert dates_of(catalog) == [("1927-02-06", 1927), ("1984-12-14", 1984), ("2021-09-15", 2021)]
    (file,) = report.files
    assert (file.date_order, file.ambiguous_dates, dict(file.notes)) == ("day-first", 1, {})


def test_a_date_late_in_the_file_decides(
    write: Callable[..., Path], catalog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "BATCH_ROWS", 2)
    days = [f"1/2/{year}" for year in range(1950, 1960)]
    report = imported(catalog, write(*days, "12/14/1984"))
    assert {day[4:] for day, _ in dates_of(catalog)[:-1]} == {"-01-02"}
    assert (report.files[0].date_order, report.files[0].ambiguous_dates) == ("month-first", 10)


def test_without_evidence_the_year_is_kept_and_the_rest_is_counted(
    write: Callable[..., Path], catalog: Any
) -> None:
    path = write("6/2/1927", "3/4/1984")
    report = imported(catalog, path)
    assert dates_of(catalog) == [("", 1927), ("", 1984)]
    (file,) = report.files
    assert (file.date_order, file.ambiguous_dates) == ("unknown", 2)
    assert file.notes == {"date ambiguous: day or month first": 2}
    again = imported(catalog, path, date_format="day-first")
    assert dates_of(catalog) == [("1927-02-06", 1927), ("1984-04-03", 1984)]
    assert (again.files[0].date_order, again.new) == ("day-first", 0)


def test_a_pattern_of_the_users(write: Callable[..., Path], catalog: Any) -> None:
    imported(catalog, write("1927|2|6"), date_format="%Y|%m|%d")
    assert dates_of(catalog) == [("1927-02-06", 1927)]
    with pytest.raises(InvalidInputError, match="expected day-first"):
        imported(catalog, write("x"), date_format="%y")


@pytest.mark.parametrize(
    "dates",
    [
        ("14/12/1984", "15/9/2021"),
        ("2021-09-15", "2021-10-22"),
        ("6/2/2021", "2/6/2021"),
        ("14/12/84", "15/9/21"),
        ("6/2/2021", "2/6/2021", "13/13/2021", "2021"),
    ],
)
def test_different_dates_are_different_titles(
    dates: tuple[str, ...], write: Callable[..., Path], catalog: Any
) -> None:
    path = write(*dates)
    report = imported(catalog, path)
    assert report.new == len(catalog.titles) == len(dates)
    before = dict(catalog.titles)
    again = imported(catalog, path)
    assert (again.new, catalog.titles) == (0, before)


def test_the_same_date_twice_is_one_title(write: Callable[..., Path], catalog: Any) -> None:
    assert imported(catalog, write("14/12/1984", "1984-12-14")).new == 1


def test_an_interrupted_import_keeps_dates_apart(
    write: Callable[..., Path], catalog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "BATCH_ROWS", 2)
    path = write("2021-01-01", "2021-02-02", "2021-03-03", "2021-04-04", "2021-05-05")
    catalog.fail_at = 2
    with pytest.raises(KeyboardInterrupt):
        imported(catalog, path)
    assert len(catalog.titles) == 4
    catalog.fail_at = -1
    report = imported(catalog, path)
    assert (report.files[0].resumed, len(catalog.titles)) == (4, 5)
    assert sorted(day for day, _ in dates_of(catalog)) == [
        f"2021-0{month}-0{month}" for month in range(1, 6)
    ]


def test_dates_of_tmdb_files(tmp_path: Path, catalog: Any) -> None:
    rows = "1,A,x,6/2/1927\n2,B,x,14/12/1984\n"
    (tmp_path / "a.csv").write_text("id,title,overview,release_date\n" + rows)
    (tmp_path / "b.json").write_text(
        '[{"id": 3, "title": "C", "overview": "", "release_date": "2/6/1927"},'
        '{"id": 4, "title": "D", "overview": "", "release_date": "12/14/1984"}]'
    )
    report = import_paths(catalog, [tmp_path])
    orders = {file.path.name: file.date_order for file in report.files}
    assert orders == {"a.csv": "day-first", "b.json": "month-first"}
    assert {t.title: t.release_date for t in catalog.titles.values()} == {
        "A": "1927-02-06", "B": "1984-12-14", "C": "1927-02-06", "D": "1984-12-14",
    }  # fmt: skip


def test_dates_of_our_own_titles(tmp_path: Path, catalog: Any) -> None:
    title = '{{"id": "my:{0}", "kind": "movie", "title": "T{0}", "release_date": "{1}"}}'
    days = ("6/2/1927", "14/12/1984", "2001-02-03", "soon")
    lines = [title.format(place, day) for place, day in enumerate(days)]
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    report = import_paths(catalog, [tmp_path / "x.jsonl"])
    assert [day for day, _ in dates_of(catalog)] == ["1927-02-06", "1984-12-14", "2001-02-03", ""]
    assert report.files[0].notes == {"date malformed": 1}
