"""Whole imports: counting, resuming, importing twice."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tv5core.errors import InvalidInputError
from tv5core.importers import ImportReport, RejectRecord, import_paths
from tv5core.importers import runner as runner_module
from tv5core.types import AlternativeTitle, Collection, Offer

Write = Callable[..., Path]
Check = Callable[[ImportReport], None]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "BATCH_ROWS", 7)


@pytest.fixture
def folder(tmp_path: Path, write_csv: Write, write_json: Write) -> Path:
    """One work in every format, thirty others, and files that are no catalogues."""
    films = [
        {
            "id": n,
            "title": f"Film {n}",
            "release_date": f"{1950 + n}-01-01",
            "overview": f"Plot {n}.",
            "vote_average": 7,
            "vote_count": 10,
            "imdb_id": "",
        }
        for n in range(1, 31)
    ]
    films[4]["id"] = "five"
    inception = {**films[0], "id": 27205, "title": "Inception", "release_date": "2010-07-15"}
    write_csv("tmdb.csv", *films, inception)
    write_csv("links.csv", {"movieId": 1, "imdbId": "1375666", "tmdbId": 27205})
    write_csv(
        "netflix_titles.csv",
        {
            "id": "tm1",
            "title": "Inception!",
            "type": "MOVIE",
            "release_year": 2010,
            "imdb_id": "tt1375666",
            "runtime": 148,
        },
        {
            "id": "tm2",
            "title": "Film 2",
            "type": "MOVIE",
            "release_year": 1952,
            "imdb_id": "",
            "runtime": 90,
        },
    )
    write_csv(
        "netflix_credits.csv",
        {
            "person_id": 1,
            "id": "tm1",
            "name": "Leonardo DiCaprio",
            "character": "Cobb",
            "role": "ACTOR",
        },
        {"person_id": 1, "id": "tm7", "name": "Nobody", "character": "", "role": "ACTOR"},
    )
    write_csv(
        "hulu_titles.csv",
        {
            "show_id": "s1",
            "type": "Movie",
            "title": "Inception",
            "cast": "Leonardo DiCaprio",
            "director": "",
            "country": "",
            "release_year": 2010,
            "rating": "",
            "duration": "148 min",
            "listed_in": "Sci-Fi",
            "description": "",
        },
    )
    write_json(
        "movies.json",
        [{"title": "Inception", "year": 2010, "cast": ["Leonardo DiCaprio"], "href": "Inception"}],
    )
    (tmp_path / "README.md").write_text("about")
    (tmp_path / ".hidden.csv").write_text("id,title")
    write_json("error.json", {"status_code": 34})
    return tmp_path


def test_one_work_of_five_files_is_one_title(folder: Path, catalog: Any, adds_up: Check) -> None:
    report = import_paths(catalog, [folder])
    adds_up(report)
    (title,) = catalog.named("Inception")
    assert title.id == "tmdb:movie:27205"
    assert title.external_ids == {
        "tmdb": "27205",
        "imdb": "tt1375666",
        "justwatch": "tm1",
        "wikipedia": "Inception",
    }
    assert title.offers == (Offer("netflix", "US"), Offer("hulu", "US"))
    assert [person.character for person in title.cast] == ["Cobb"]
    assert len(catalog.titles) == 30
    assert [(f.path.name, f.rows, f.auxiliary, dict(f.rejected)) for f in report.files] == [
        ("links.csv", 1, 1, {}),
        ("tmdb.csv", 31, 0, {"malformed id": 1}),
        ("netflix_titles.csv", 2, 0, {}),
        ("netflix_credits.csv", 2, 1, {"credits without a title": 1}),
        ("hulu_titles.csv", 1, 0, {}),
        ("movies.json", 1, 0, {}),
    ]
    skipped = {skip.path.name: skip.reason for skip in report.skipped}
    assert set(skipped) == {"README.md", ".hidden.csv", "error.json"}
    assert all(skipped.values())
    assert (report.rows, report.new, report.rejected) == (38, 30, 2)


def test_importing_twice_changes_nothing(folder: Path, catalog: Any, adds_up: Check) -> None:
    import_paths(catalog, [folder])
    before, sealed = dict(catalog.titles), catalog.sealed
    adds = len(catalog.adds)
    report = import_paths(catalog, [folder])
    adds_up(report)
    assert catalog.titles == before
    assert (len(catalog.adds), catalog.sealed) == (adds, sealed)
    assert sum(f.new + f.merged + f.changed for f in report.files) == 0
    assert not catalog.checkpoints


def test_the_order_of_paths_does_not_matter(folder: Path, catalog: Any, new_catalog: Any) -> None:
    other = new_catalog()
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".csv", ".json"))
    import_paths(catalog, paths)
    import_paths(other, reversed(paths))
    assert catalog.titles == other.titles


@pytest.mark.parametrize("broken_at", range(6))
def test_an_interrupted_import_resumes(
    broken_at: int, folder: Path, catalog: Any, new_catalog: Any, adds_up: Check, tmp_path: Path
) -> None:
    whole = new_catalog()
    want = import_paths(whole, [folder])
    catalog.fail_at = broken_at
    with pytest.raises(KeyboardInterrupt):
        import_paths(catalog, [folder])
    kept = sum(catalog.adds)
    catalog.fail_at, catalog.adds = -1, []
    rejects = tmp_path / "rejects.jsonl"
    report = import_paths(catalog, [folder], rejects=rejects)
    adds_up(report)
    assert catalog.titles == whole.titles
    assert [(f.rows, f.new, f.merged, f.rejected) for f in report.files] == [
        (f.rows, f.new, f.merged, f.rejected) for f in want.files
    ]
    assert sum(f.resumed for f in report.files) >= kept
    assert len(rejects.read_text().splitlines()) == 2
    assert not catalog.checkpoints


def test_a_changed_file_is_read_from_the_start(folder: Path, catalog: Any) -> None:
    catalog.fail_at = 2
    with pytest.raises(KeyboardInterrupt):
        import_paths(catalog, [folder / "tmdb.csv"])
    os.utime(folder / "tmdb.csv", ns=(1, 1))
    catalog.fail_at = -1
    assert import_paths(catalog, [folder / "tmdb.csv"]).files[0].resumed == 0


def test_a_damaged_checkpoint_is_ignored(folder: Path, catalog: Any) -> None:
    catalog.checkpoint = lambda key: b"\xc1garbage"
    assert import_paths(catalog, [folder]).new == 30


def test_a_limit_keeps_no_checkpoints(folder: Path, catalog: Any, adds_up: Check) -> None:
    report = import_paths(catalog, [folder], limit=3)
    adds_up(report)
    assert [f.rows for f in report.files if f.path.name == "tmdb.csv"] == [3]
    assert not catalog.checkpoints
    import_paths(catalog, [folder])
    assert len(catalog.titles) == 30


@pytest.mark.parametrize("name", ["rejects.jsonl", "rejects.csv"])
def test_rejects_tell_file_line_and_reason(name: str, folder: Path, catalog: Any) -> None:
    path = folder / "out" / name
    path.parent.mkdir()
    import_paths(catalog, [folder / "tmdb.csv"], rejects=path)
    with path.open(newline="") as file:
        (found,) = csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, file)
    assert (Path(found["file"]).name, int(found["line"])) == ("tmdb.csv", 6)
    assert found["reason"] == "malformed id"
    assert "five" in found["detail"]
    assert "Film 5" in found["excerpt"]


def test_rejects_go_to_a_function(folder: Path, catalog: Any) -> None:
    found: list[RejectRecord] = []
    import_paths(catalog, [folder], rejects=found.append)
    assert [record.reason for record in found] == ["malformed id", "credits without a title"]


def test_formulas_are_not_written_to_csv(write_csv: Write, catalog: Any, tmp_path: Path) -> None:
    write_csv("t.csv", {"id": "=1+1", "title": "A", "overview": ""})
    out = tmp_path / "rejects.csv"
    import_paths(catalog, [tmp_path / "t.csv"], rejects=out)
    with out.open(newline="") as file:
        assert not any(cell.startswith("=") for row in csv.reader(file) for cell in row)


def test_unreadable_files_do_not_stop_an_import(folder: Path, catalog: Any, adds_up: Check) -> None:
    (folder / "broken.csv").write_bytes(gzip.compress(b"id,title,overview")[:-9])
    (folder / "big.json").write_text('{"id": 1, "title": "X", "overview": "unfinished')
    paths = [
        folder / name for name in ("none.csv", "broken.csv", "README.md", "big.json", "tmdb.csv")
    ]
    report = import_paths(catalog, paths)
    adds_up(report)
    assert {f.path.name for f in report.unreadable} == {
        "none.csv",
        "broken.csv",
        "README.md",
        "big.json",
    }
    assert len(catalog.titles) == 30


def test_a_file_named_twice_is_read_once(folder: Path, catalog: Any) -> None:
    report = import_paths(catalog, [folder / "tmdb.csv", folder / "tmdb.csv"])
    assert [f.rows for f in report.files] == [31]
    assert [skip.reason for skip in report.skipped] == ["named twice"]


def test_credits_alone_are_said_to_be_skipped(folder: Path, catalog: Any) -> None:
    report = import_paths(catalog, [folder / "netflix_credits.csv"])
    assert [skip.reason for skip in report.skipped] == ["credits without their titles file"]


def test_credits_given_beside_their_titles_are_read_once(folder: Path, catalog: Any) -> None:
    paths = [folder / "netflix_credits.csv", folder / "netflix_titles.csv"]
    assert [f.rows for f in import_paths(catalog, paths).files] == [2, 2]


def test_a_format_can_be_forced(folder: Path, catalog: Any, adds_up: Check) -> None:
    report = import_paths(catalog, [folder / "tmdb.csv"], format="streaming")
    adds_up(report)
    assert report.files[0].rejected == {"malformed type": 31}
    forced = import_paths(
        catalog, [folder / "netflix_titles.csv", folder / "netflix_credits.csv"], format="justwatch"
    )
    assert forced.new == 2


OWN = {"studio": "keyword", "tags": "keywords", "cost": "int", "score": "float", "uhd": "bool",
       "aired": "date"}  # fmt: skip


def test_a_mapping_of_fields_of_ones_own(write_csv: Write, catalog: Any) -> None:
    catalog.extra_fields = OWN
    row = {"Name": "A", "Studio": "A24", "Tags": "x|Y|x", "Cost": "9007199254740993",
           "Score": "7.5", "UHD": "yes", "Aired": "2001-02-03", "Also": "B; A; C",
           "Saga": "A Saga", "Adult": "True"}  # fmt: skip
    odd = {"Name": "O", "Studio": "", "Tags": "", "Cost": "dear", "Score": "inf", "UHD": "maybe",
           "Aired": "2001-02-30", "Also": "", "Saga": "", "Adult": ""}  # fmt: skip
    mapping = {"title": "Name", "alternative_titles": "Also", "collection": "Saga",
               "adult": "Adult", "extra.studio": "Studio", "extra.tags": "Tags",
               "extra.cost": "Cost", "extra.score": "Score", "extra.uhd": "UHD",
               "extra.aired": "Aired"}  # fmt: skip
    report = import_paths(catalog, [write_csv("t.csv", row, odd)], mapping=mapping)
    (title,), (other,) = catalog.named("A"), catalog.named("O")
    assert title.extra == {
        "studio": "A24", "tags": ("x", "Y"), "cost": 9007199254740993, "score": 7.5, "uhd": True,
        "aired": "2001-02-03",
    }  # fmt: skip
    assert title.alternative_titles == (AlternativeTitle("B"), AlternativeTitle("C"))
    assert title.collection == Collection("name:a saga", "A Saga")
    assert (title.adult, other.adult, other.extra, other.collection) == (True, False, {}, None)
    notes = report.files[0].notes
    for what in ("cost: no int", "score: no float", "uhd: no bool", "aired: no date"):
        assert notes[f"extra {what}"] == 1, notes
    with pytest.raises(InvalidInputError, match=r"expected fields .*extra\.studio.*extra\.no"):
        import_paths(catalog, [write_csv("t.csv", row)], mapping={"title": "Name", "extra.no": ""})


def test_json_lines_keep_what_is_declared(write_lines: Write, catalog: Any) -> None:
    catalog.extra_fields = OWN
    title = {"id": "a", "kind": "movie", "title": "A"}
    extra = {"studio": "A24", "tags": ["x"], "cost": "dear", "colour": "red"}
    report = import_paths(catalog, [write_lines("t.jsonl", {**title, "extra": extra})])
    assert catalog.named("A")[0].extra == {"studio": "A24", "tags": ("x",)}
    assert report.files[0].notes == {"extra cost: no int": 1, "extra field not declared": 1}


def test_a_mapping(write_csv: Write, catalog: Any) -> None:
    path = write_csv("plots.csv", {"Name": "A Film", "Plot": "Things."}, {"Name": "B", "Plot": ""})
    report = import_paths(catalog, [path], mapping={"title": "Name", "overview": "Plot"})
    assert (report.new, report.files[0].format) == (2, "csv")
    wrong = import_paths(catalog, [path], mapping={"title": "Nome"})
    assert wrong.unreadable


@pytest.mark.parametrize(
    "options",
    [
        {"format": "xml"},
        {"region": "Freedonia"},
        {"limit": 0},
        {"mapping": {"titel": "Name"}},
        {"mapping": {"overview": "Plot"}},
    ],
)
def test_wrong_arguments(options: dict[str, Any], catalog: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="expected"):
        import_paths(catalog, [tmp_path], **options)


def test_progress_is_reported_in_bytes(folder: Path, catalog: Any) -> None:
    seen: list[tuple[int, int, str]] = []
    import_paths(catalog, [folder], progress=lambda *step: seen.append(step))
    done = [entry[0] for entry in seen]
    assert done == sorted(done)
    assert done[-1] == seen[-1][1] > 0
    assert {entry[2] for entry in seen} == {"reading bytes"}, "one stage over all files"


def test_contents_never_choose_a_path(write_csv: Write, catalog: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("id,title,overview\n1,Secret,x\n")
    path = write_csv(
        "t.csv",
        {
            "id": 2,
            "title": "../secret.csv",
            "overview": str(secret),
            "poster_path": f"file://{secret}",
        },
    )
    import_paths(catalog, [path])
    assert [title.title for title in catalog.titles.values()] == ["../secret.csv"]


def test_a_newer_dump_corrects_an_older_one_where_preferred(write_csv: Write, catalog: Any) -> None:
    row = {"id": 7, "title": "Wrong", "overview": "x", "release_date": "1999-01-01"}
    import_paths(catalog, [write_csv("old.csv", row)])
    newer = write_csv("new.csv", {**row, "title": "Right", "release_date": "2001-01-01"})
    import_paths(catalog, [newer])
    assert [t.title for t in catalog.titles.values()] == ["Wrong"]
    import_paths(catalog, [newer], prefer="newer")
    assert [(t.title, t.year) for t in catalog.titles.values()] == [("Right", 2001)]
    with pytest.raises(InvalidInputError, match="expected one of newer"):
        import_paths(catalog, [newer], prefer="latest")


def test_rejects_hold_values_left_out_and_tables_not_read(
    write_csv: Write, catalog: Any, tmp_path: Path
) -> None:
    row = {"id": 7, "title": "A", "overview": "x", "runtime": "1_0", "vote_count": "lots"}
    write_csv("a.csv", row, {**row, "id": "x"})
    write_csv("b.csv", {"Name": "B", "Plot": "x"})
    (tmp_path / "README.md").write_text("about")
    report = import_paths(catalog, [tmp_path], rejects=tmp_path / "r.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    found = [(Path(x["file"]).name, x["line"], x["reason"], x["excerpt"]) for x in lines]
    assert ("a.csv", 2, "left out: runtime malformed", "1_0") in found
    assert ("a.csv", 2, "left out: votes malformed", "lots") in found
    assert [x["reason"] for x in lines if x["count"]] == ["malformed id"]
    assert ("b.csv", 0, "file not read", "") in found
    assert report.rejected == sum(x["count"] for x in lines) == 1
    # The list itself is no table to read, and is overwritten.
    again = import_paths(catalog, [tmp_path], rejects=tmp_path / "r.jsonl")
    assert again.rejected == 1


@pytest.mark.parametrize("rejects", ["a.csv", "b.csv", "none/r.csv", "."])
def test_rejects_never_overwrite_what_is_read(
    rejects: str, write_csv: Write, catalog: Any, tmp_path: Path
) -> None:
    write_csv("a.csv", {"id": 7, "title": "A", "overview": "x"})
    unknown = write_csv("b.csv", {"Name": "B", "Plot": "x"})
    before = unknown.read_bytes()
    with pytest.raises(InvalidInputError, match="for rejects"):
        import_paths(catalog, [tmp_path], rejects=tmp_path / rejects)
    assert unknown.read_bytes() == before
    assert not catalog.titles


def test_ids_that_are_too_long_are_left_out_or_told_apart(tmp_path: Path, catalog: Any) -> None:
    long = "W" * 300
    (tmp_path / "x.csv").write_text(
        "name,wiki,jw\nA,https://en.wikipedia.org/wiki/Short,tm1\n"
        f"B,https://en.wikipedia.org/wiki/{long},{'t' * 61}\n"
    )
    mapping = {"title": "name", "wikipedia": "wiki", "justwatch": "jw"}
    (file,) = import_paths(catalog, [tmp_path / "x.csv"], mapping=mapping).files
    ids = [title.external_ids for title in catalog.titles.values()]
    assert ids == [{"wikipedia": "Short", "justwatch": "tm1"}, {}]
    assert file.notes["wikipedia id of more than 240 bytes"] == 1
    assert file.notes["justwatch id of more than 60 bytes"] == 1
