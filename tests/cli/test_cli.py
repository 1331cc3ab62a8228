"""The ``tv5`` command, run as a user runs it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest

from tests.cli.command import started, tv5
from tv5core import Catalog, Person, Title
from tv5core.data import demo_titles

CSV = """id,title,genres,original_language,overview,release_date,popularity
1,The Quiet Shark,"[{""id"": 1, ""name"": ""Horror""}]",en,A shark in a bay.,1999-05-04,3.5
2,Robot Summer,"[{""id"": 2, ""name"": ""Comedy""}]",en,A robot learns to surf.,2004-07-01,2.0
,No Id And,,,no id and no date at all,,
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "films"
    with Catalog.open(folder) as catalog:
        catalog.add(demo_titles()[:120])
        catalog.seal()
    return folder


def test_search_finds_the_obvious_film(films: Path) -> None:
    done = tv5("search", "shark terrorises a beach town", "--catalog", films)
    assert done.returncode == 0, done.stderr
    assert "Jaws (1975)" in done.stdout.splitlines()[1]
    done = tv5("search", "shark terrorises a beach town", "-k", 3, "--json", "-c", films)
    answer = json.loads(done.stdout)
    assert answer["hits"][0]["title"]["title"] == "Jaws"
    assert len(answer["hits"]) == 3
    scores = [hit["score"] for hit in answer["hits"]]
    assert scores == sorted(scores, reverse=True)


def test_catalog_from_the_environment(films: Path) -> None:
    done = tv5("info", "--json", TV5_CATALOG=str(films))
    assert json.loads(done.stdout)["titles"] == 120


def test_fields_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("Name,Studio,Cast,Saga\nA film,A24,7,A Saga\n")
    named = "title=Name,extra.studio=Studio,extra.cast=Cast,collection=Saga"
    command = ["import", tmp_path / "films.csv", "-c", tmp_path / "c", "--map", named]
    done = tv5(*command, "--extra-fields", "studio=keyword,cast=int", "--json")
    assert json.loads(done.stdout)["titles"] == 1, done
    (film,) = tv5("export", "-o", "-", "-c", tmp_path / "c").stdout.splitlines()
    title = json.loads(film)
    assert title["extra"] == {"studio": "A24", "cast": 7}
    shown = tv5("show", title["id"], "-c", tmp_path / "c").stdout
    assert "extra.studio" in shown
    assert "A Saga" in shown
    for wrong in ("studio", "studio=text", "studio=int"):
        done = tv5(*command, "--extra-fields", wrong)
        assert done.returncode == 2
        assert "expected" in done.stderr


def test_show_and_similar(films: Path) -> None:
    done = tv5("show", "tmdb:movie:578", "-c", films)
    assert "Steven Spielberg" in done.stdout
    assert (
        json.loads(tv5("show", "imdb:tt0073195", "-c", films, "--json").stdout)["title"] == "Jaws"
    )
    found = json.loads(tv5("similar", "tmdb:movie:578", "-c", films, "--json", "-k", 4).stdout)
    assert len(found["hits"]) == 4
    assert all(hit["id"] != "tmdb:movie:578" for hit in found["hits"])
    assert tv5("similar", "tmdb:movie:578", "-c", films).returncode == 0


def test_brackets_in_titles_are_text(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c") as catalog:
        title = "[REC] [bold]"
        cast = (Person("A [red]B", "C"),)
        catalog.add([Title("x:1", "movie", title, year=2007, overview="A night.", cast=cast)])
    assert "[REC] [bold] (2007)" in tv5("search", "night", "-c", tmp_path / "c").stdout
    assert "A [red]B (C)" in tv5("show", "x:1", "-c", tmp_path / "c").stdout


def test_info_verify_seal(films: Path) -> None:
    assert "120" in tv5("info", "-c", films).stdout
    done = tv5("verify", "-c", films, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["ok"] is True
    assert "sound" in tv5("verify", "-c", films).stderr
    done = tv5("seal", "-c", films)
    assert done.returncode == 0, done.stderr
    assert "120" in done.stderr


def test_verify_exits_with_1_on_damage(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c") as catalog:
        catalog.add(demo_titles()[:40])
        catalog.seal()
    (file,) = (tmp_path / "c").glob("rows.*")
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    done = tv5("verify", "-c", tmp_path / "c")
    assert done.returncode == 1
    assert "rows" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "no:such"], 1, "no:such"),
        (["similar", "no:such"], 1, "no:such"),
        (["search"], 2, "Usage: tv5 search"),
        (["search", "x", "-k", "0"], 2, "-k"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_exit_codes(arguments: list[str], code: int, said: str, films: Path) -> None:
    done = tv5(*arguments, TV5_CATALOG=str(films))
    assert done.returncode == code
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "tmdb:movie:578"],
        ["search", "shark", "--json", "-k", "0"],
        ["show", "no:such"],
        ["seal"],
        ["--help"],
    ],
)
def test_a_process_of_its_own_says_and_returns_the_same(arguments: list[str], films: Path) -> None:
    """The tests of the command line run most commands in the process of the tests."""
    here, there = (run(*arguments, TV5_CATALOG=str(films), COLUMNS="90") for run in (tv5, started))
    assert (there.returncode, there.stdout, there.stderr) == (
        here.returncode, here.stdout, here.stderr,
    )  # fmt: skip
    assert here.stdout + here.stderr


def test_no_catalogue_is_wrong_usage(tmp_path: Path) -> None:
    for command in (["search", "x"], ["info"], ["verify"], ["seal"], ["show", "x"]):
        done = tv5(*command, "-c", tmp_path / "none")
        assert done.returncode == 2, done.stderr
        assert "expected" in done.stderr
        assert not (tmp_path / "none").exists()


def test_import_reports_rejects_and_repeats(tmp_path: Path) -> None:
    source, catalog, rejects = tmp_path / "some.csv", tmp_path / "c", tmp_path / "rejects.jsonl"
    source.write_text(CSV)
    command = ("import", source, "-c", catalog, "--rejects", rejects, "--json")
    first = tv5(*command)
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)
    (file,) = report["files"]
    assert (report["titles"], file["rows"], file["new"]) == (2, 3, 2)
    assert sum(file["rejected"].values()) == 1
    (line,) = rejects.read_text().splitlines()
    assert json.loads(line)["line"] == 4
    again = json.loads(tv5(*command).stdout)
    assert (again["new"], again["files"][0]["unchanged"], again["titles"]) == (0, 2, 2)
    assert "Quiet Shark" in tv5("search", "shark in a bay", "-c", catalog).stdout


def test_import_of_an_unreadable_file_exits_with_1(tmp_path: Path) -> None:
    broken = tmp_path / "broken.xyz"
    broken.write_bytes(b"\x00\x01\x02" * 100)
    good = tmp_path / "good.jsonl"
    good.write_bytes(msgspec.json.encode(demo_titles()[0]) + b"\n")
    done = tv5("import", broken, good, "-c", tmp_path / "c", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["new"] == 1


def test_import_with_a_map(tmp_path: Path) -> None:
    source = tmp_path / "mine.csv"
    source.write_text("Name,Plot,When\nMoon Dog,A dog on the moon.,1988\n")
    mapped = "title=Name,overview=Plot,year=When"
    done = tv5("import", source, "-c", tmp_path / "c", "--map", mapped, "--json")
    assert json.loads(done.stdout)["new"] == 1, done.stderr
    assert tv5("import", source, "-c", tmp_path / "c", "--map", "nonsense").returncode == 2
    missing = tv5("import", tmp_path / "absent.csv", "-c", tmp_path / "c")
    assert missing.returncode == 2


def test_a_second_writer_learns_who_holds_the_lock(films: Path) -> None:
    with Catalog.open(films):
        done = started("seal", "-c", films)
    assert done.returncode == 1
    assert str(os.getpid()) in done.stderr


def test_demo_keeps_its_catalogue_where_asked(tmp_path: Path) -> None:
    done = tv5("demo", "--catalog", tmp_path / "demo", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["titles"] == len(demo_titles())
    first = [answer["hits"][0]["title"] for answer in report["answers"]]
    assert first[:4] == [
        "Inception (2010)",
        "Toy Story (1995)",
        "Jaws (1975)",
        "Breaking Bad (2008)",
    ]
    assert tv5("search", "wizard school", "-c", tmp_path / "demo").returncode == 0


def test_version_names_the_kernels() -> None:
    done = started("--version", TV5_KERNELS="portable")
    assert done.stdout.strip() == "tv5core 0.1.0, kernels: portable"
