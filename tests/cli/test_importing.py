"""``tv5 import``: its reports of what it read and what it skipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from tests.cli.command import tv5
from tv5core import Catalog
from tv5core.cli import importing
from tv5core.data import demo_titles

CSV = "id,title,overview,release_date\n1,The Quiet Shark,A shark in a bay.,1999-05-04\n"


def test_a_folder_with_a_table_that_is_not_read(tmp_path: Path) -> None:
    folder, catalog = tmp_path / "f", tmp_path / "c"
    folder.mkdir()
    (folder / "mine.csv").write_text("Name,Plot\nMoon Dog,A dog on the moon.\n")
    alone = tv5("import", folder, "-c", catalog)
    assert alone.returncode == 1
    assert "columns are not known: Name, Plot; --map" in alone.stderr
    (folder / "some.csv").write_text(CSV)
    (folder / "README.md").write_text("about")
    beside = tv5("import", folder, "-c", catalog)
    assert beside.returncode == 0
    assert beside.stderr.count("warning") == 1
    assert "--map" in beside.stderr


def test_an_interrupted_import_says_what_to_run_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "some.csv"
    source.write_text(CSV)

    def stopped(opened: Catalog, *_: object, **__: object) -> None:
        opened.add(demo_titles()[:3], embed=False)
        raise KeyboardInterrupt

    monkeypatch.setattr(importing, "import_paths", stopped)
    with pytest.raises(typer.Exit) as left:
        importing.import_([source], tmp_path / "c")
    assert left.value.exit_code == 1
    said = capsys.readouterr().err
    assert "interrupted; the catalogue holds 3 titles" in said
    assert "same command continues" in said
    done = tv5("search", "shark", "-c", tmp_path / "c")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "3 of 3 titles are not embedded yet" in done.stderr
    like = tv5("similar", demo_titles()[0].id, "-c", tmp_path / "c")
    assert like.stdout == ""
    assert "3 of 3 titles are not embedded yet" in like.stderr
    assert "tv5 seal" in done.stderr


def test_a_search_of_nothing_says_so(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c"):
        pass
    done = tv5("search", "shark", "-c", tmp_path / "c")
    assert (done.returncode, done.stdout) == (0, "")
    assert "holds no titles" in done.stderr


def test_an_import_says_how_it_read_dates(tmp_path: Path) -> None:
    source = tmp_path / "mine.csv"
    source.write_text("t,d\nA,6/2/1927\nB,14/12/1984\n")
    asked = ("import", source, "--map", "title=t,release_date=d", "-c")
    assert (
        "dates read as day-first; 1 could be read either way" in tv5(*asked, tmp_path / "c").stderr
    )
    source.write_text("t,d\nA,6/2/1927\n")
    unknown = tv5(*asked, tmp_path / "d")
    assert "--date-format" in unknown.stderr
    given = tv5(*asked, tmp_path / "e", "--date-format", "month-first", "--json")
    assert json.loads(given.stdout)["files"][0]["date_order"] == "month-first"
    assert tv5(*asked, tmp_path / "e", "--date-format", "%y").returncode == 2
