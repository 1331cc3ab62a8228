"""Terminals as they are: narrow, without Unicode, with completion; and output for people."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from tests.cli.command import Done, started, tv5
from tv5core import Catalog, Title
from tv5core.cli import output
from tv5core.types import Hit

C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ASCII = [
    {"PYTHONIOENCODING": "ascii"},
    C_LOCALE,
]


def in_terminal(*arguments: object, **environment: str) -> Done:
    """Run a command where the output has an encoding: of its own, or that of a whole process."""
    encoding = environment.get("PYTHONIOENCODING")
    return tv5(*arguments, encoding=encoding) if encoding else started(*arguments, **environment)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a catalogue of titles that no narrow encoding holds."""
    folder = tmp_path_factory.mktemp("foreign") / "c"
    titles = [
        Title("tmdb:movie:1", "movie", "羅生門", overview="Samurai and a woodcutter", year=1950),
        Title("tmdb:movie:2", "movie", "Amélie ☕", overview="A waitress in Paris, “Amélie”"),
    ]
    with Catalog.open(folder) as catalog:
        catalog.add(titles)
        catalog.seal()
    return folder


@pytest.mark.parametrize("environment", ASCII)
@pytest.mark.parametrize(
    "command",
    [
        ["search", "Amélie"],
        ["show", "tmdb:movie:2"],
        ["similar", "tmdb:movie:1"],
        ["seal"],
    ],
)
def test_what_the_terminal_cannot_encode_is_replaced(
    command: list[str], environment: dict[str, str], foreign: Path
) -> None:
    done = in_terminal(*command, "-c", foreign, **environment)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    if command[0] != "seal":
        assert "?" in done.stdout


@pytest.mark.parametrize("environment", [*ASCII, {"PYTHONIOENCODING": "latin-1"}])
def test_json_loses_nothing_where_the_output_is_not_for_unicode(
    environment: dict[str, str], foreign: Path
) -> None:
    done = in_terminal("search", "Amélie", "--json", "-c", foreign, **environment)
    found = json.loads(done.stdout)
    assert found["query"] == "Amélie"
    assert {hit["title"]["title"] for hit in found["hits"]} == {"羅生門", "Amélie ☕"}


def test_an_error_that_the_terminal_cannot_encode(foreign: Path) -> None:
    done = started("show", "羅生門", "-c", foreign, PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "expected a known id" in done.stderr
    assert "Traceback" not in done.stderr


# -- narrow -------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 60, 100])
def test_a_title_is_a_title_at_any_width(width: int, foreign: Path, tmp_path: Path) -> None:
    name = "Butch Cassidy and the Sundance Kid"
    with Catalog.open(tmp_path / "c") as catalog:
        catalog.add(
            [
                Title(
                    "tmdb:movie:642",
                    "movie",
                    name,
                    year=1969,
                    overview="Two outlaws flee to Bolivia",
                    genres=("Adventure", "Western", "Comedy"),
                    directors=("George Roy Hill",),
                )
            ]
        )
    done = tv5("search", "outlaws", "-c", tmp_path / "c", COLUMNS=str(width))
    lines = done.stdout.splitlines()
    assert all(len(line) <= width for line in lines)
    assert "tmdb:movie:642" in done.stdout
    words = done.stdout.split()
    assert set(name.split()) <= set(words), "no word of it is broken"


def test_an_id_longer_than_the_screen_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    hit = Hit("x:" + "y" * 90, 0.5, Title("x:" + "y" * 90, "movie", "Long"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "40")
        output.print_hits([hit], "one")
    printed = capsys.readouterr().out
    assert "".join(printed.split()).count("y") == 90
    assert "Long" in printed


# -- completion ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shell", "environment"),
    [
        ("bash", {"COMP_WORDS": "tv5 se", "COMP_CWORD": "1"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "tv5 se"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "tv5 se", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_shells_complete_commands_and_options(shell: str, environment: dict[str, str]) -> None:
    done = tv5(_TV5_COMPLETE=f"complete_{shell}", **environment)
    assert {"search", "seal"} <= set(done.stdout.replace('"', " ").replace(":", " ").split())
    longer = {
        name: value.replace("tv5 se", "tv5 search --ex") for name, value in environment.items()
    }
    if shell == "bash":
        longer["COMP_CWORD"] = "2"
    assert "--exact" in tv5(_TV5_COMPLETE=f"complete_{shell}", **longer).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_that_shells_source(shell: str) -> None:
    done = tv5(_TV5_COMPLETE=f"source_{shell}")
    assert done.returncode == 0
    assert "_TV5_COMPLETE" in done.stdout


# -- for people ---------------------------------------------------------------------------


def test_info_speaks_to_people_and_json_to_programs(foreign: Path, tmp_path: Path) -> None:
    said = tv5("info", "-c", foreign).stdout
    assert "ready, by an embedder fitted on 2 titles" in said
    assert "2 sealed (generation 1)" in said
    assert " kB, of which" in said
    for word in ("{", "None", "False", "expansion_search", "lsa:"):
        assert word not in said
    facts = json.loads(tv5("info", "--json", "-c", foreign).stdout)
    assert facts["text_search"] == {"ready": True, "reason": ""}
    with Catalog.open(tmp_path / "c") as catalog:
        catalog.add([Title("a:1", "movie", "One")], embed=False)
    said = " ".join(tv5("info", "-c", tmp_path / "c").stdout.split())
    assert "not ready: 1 titles wait for the embedder to be fitted; sealing fits it" in said


def test_sealing_what_is_sealed_does_nothing_and_says_so(foreign: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in foreign.glob("*.tv5")}
    done = tv5("seal", "-c", foreign)
    assert done.returncode == 0
    assert "nothing to do, sealed before: 2 vectors of 2 titles" in done.stderr
    assert {path.name: path.stat().st_mtime_ns for path in foreign.glob("*.tv5")} == before


def test_progress_moves_also_while_a_stage_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    activity = output.Activity()
    bars = Bars(activity, console=Console(file=None, stderr=True), disable=True)
    first = bars.add_task("fitting", total=3, completed=3)
    seen = set()
    for _ in range(4):
        now[0] += 1
        seen.add(activity.render(bars.tasks[first]).plain)
    assert len(seen) == 4, "it moves each second, also at a bar that is full"
    second = bars.add_task("embedding", total=3)
    assert activity.render(bars.tasks[second]).plain.endswith("0:04")
    assert activity.render(bars.tasks[first]).plain == ""
