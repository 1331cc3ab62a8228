"""IMDb's files: tab-separated, quotation marks are text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tv5core.importers import import_paths

HEADER = (
    "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\t"
    "runtimeMinutes\tgenres\n"
)
ROWS = (
    'tt0000902\tmovie\t"Red" Joe Rides\t"Red" Joe\t0\t1912\t\\N\t61\tWestern,Drama\n'
    'tt0000903\tmovie\t"Half Quoted\t"Half\t0\t1913\t\\N\t\\N\t\\N\n'
    'tt0000905\tshort\t"All in Quotes"\tAll""\t0\t1914\t\\N\t5\t\\N\n'
    "tt0000904\ttvSeries\tLamp and Dog\tLamp\t0\t1999\t2004\t25\tComedy\n"
    "tt0000906\ttvEpisode\tPart One\tPart One\t0\t1999\t\\N\t25\tComedy\n"
    "nm0000907\tmovie\tNobody\tNobody\t0\t1999\t\\N\t25\tComedy\n"
)


def test_quotation_marks_are_text(tmp_path: Path, catalog: Any) -> None:
    (tmp_path / "title.basics.tsv").write_text(HEADER + ROWS)
    report = import_paths(catalog, [tmp_path])
    (file,) = report.files
    assert (file.format, file.rows) == ("imdb", 6)
    assert file.rejected == {"not a film or a series": 1, "malformed id": 1}
    red, half, all_in, lamp = catalog.titles.values()
    assert [t.title for t in (red, half, all_in)] == [
        '"Red" Joe Rides', '"Half Quoted', '"All in Quotes"',
    ]  # fmt: skip
    assert (red.id, red.year, red.runtime) == ("imdb:tt0000902", 1912, 61)
    assert red.genres == ("Western", "Drama")
    assert (half.runtime, half.genres, all_in.original_title) == (None, (), 'All""')
    assert (lamp.kind, lamp.year, lamp.source) == ("show", 1999, "imdb")


def test_a_mapping_of_its_columns_reads_the_same(tmp_path: Path, catalog: Any) -> None:
    (tmp_path / "x.tsv").write_text(HEADER + ROWS)
    names = {"title": "primaryTitle", "imdb": "tconst", "kind": "titleType", "year": "startYear"}
    import_paths(catalog, [tmp_path / "x.tsv"], mapping=names)
    kinds = {title.title: title.kind for title in catalog.titles.values()}
    assert kinds['"Half Quoted'] == "movie"
    assert kinds["Lamp and Dog"] == "show"
    assert "Part One" not in kinds, "an episode is no film"


def test_a_kind_that_is_not_known_is_counted(tmp_path: Path, catalog: Any) -> None:
    (tmp_path / "x.csv").write_text("n,k,a,p\nA,Film,PG,-1\nB,Opera," + "x" * 50 + ",5\n")
    names = {"title": "n", "kind": "k", "certification": "a", "popularity": "p"}
    report = import_paths(catalog, [tmp_path / "x.csv"], mapping=names)
    assert report.files[0].notes == {
        "kind unknown, taken for a film": 1, "certification too long": 1,
        "popularity out of range": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "titles"),
    [
        ('"A quote" at first\t2001\n"B\t2002\n', ['"A quote" at first', '"B']),
        ('"A ""quoted"" one"\t2001\n"B"\t2002\n', ['A "quoted" one', "B"]),
        ('"A\nB"\t2001\nC\t2002\n', ["A B", "C"]),
    ],
)
def test_other_tab_separated_files_are_quoted_or_not(
    rows: str, titles: list[str], tmp_path: Path, catalog: Any
) -> None:
    (tmp_path / "x.tsv").write_text("name\tyear\n" + rows)
    import_paths(catalog, [tmp_path / "x.tsv"], mapping={"title": "name", "year": "year"})
    assert [title.title for title in catalog.titles.values()] == titles
