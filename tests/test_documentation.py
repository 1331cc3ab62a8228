"""What is written for readers holds: examples run, commands exist, links lead somewhere."""

from __future__ import annotations

import os
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tv5core
from benchmarks.report.text import factor

CHECKOUT = Path(__file__).parents[1]
README = CHECKOUT / "README.md"
PAGES = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")])
IDS = [str(page.relative_to(CHECKOUT)) for page in PAGES]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


# -- examples in Python -------------------------------------------------------------------

SERVE = """
import asyncio
from tv5core.data import demo_titles

with Catalog.open("films") as catalog:
    catalog.add(demo_titles())
    asyncio.run(serve(catalog))
"""
FETCH = "\nimport asyncio\nprint(asyncio.run(film()).decode())\n"
ASK = "\nimport asyncio\nasyncio.run(ask())\n"

# Page and place of each example, what calls it, and what it prints.
EXAMPLES = {
    ("README.md", 0): ("", "Jaws (1975)"),
    ("README.md", 1): ("", ""),
    ("docs/guide/finding.md", 0): ("", "shawshank redemption -> The Shawshank Redemption"),
    ("docs/guide/search.md", 0): ("", "Jaws"),
    ("docs/guide/search.md", 1): ("", "305"),
    ("docs/guide/search.md", 2): ("", "0.9"),
    ("docs/guide/words.md", 0): ("", "-> Spider-Man: Into the Spider-Verse"),
    ("docs/guide/filters.md", 0): ("", "runtime:<=100"),
    ("docs/guide/recommendations.md", 0): ("", "Science Fiction"),
    ("docs/guide/recommendations.md", 1): ("", "LearnReport(users=1, titles=1"),
    ("docs/guide/recommendations.md", 2): ("", "19"),
    ("docs/guide/tables.md", 0): ("", "movie: expected string, got int64"),
    ("docs/guide/import.md", 1): ("", " 1\n"),
    ("docs/guide/import.md", 0): ("", "budget"),
    ("docs/guide/tmdb.md", 0): (FETCH, "The Matrix"),
    ("docs/guide/cache.md", 0): (SERVE, "title='Jaws'"),
    ("docs/guide/cache.md", 1): (ASK, "tmdb:movie:603"),
    ("docs/guide/kernels.md", 0): ("", "portable"),
}


def test_every_example_is_run() -> None:
    found = {
        (n, i) for n, p in zip(IDS, PAGES, strict=True) for i in range(len(blocks(p, "python")))
    }
    assert found == set(EXAMPLES)


@pytest.mark.parametrize(("page", "place"), EXAMPLES)
def test_an_example_runs(
    page: str, place: int, tmp_path: Path, tmdb_environment: dict[str, str]
) -> None:
    after, printed = EXAMPLES[page, place]
    code = blocks(CHECKOUT / page, "python")[place] + after
    command = [sys.executable, "-c", code]
    env = {**os.environ, **tmdb_environment}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout


def test_embedding_takes_ten_lines() -> None:
    lines = [line for line in blocks(README, "python")[0].splitlines() if line.strip()]
    assert len(lines) <= 10


# -- commands -----------------------------------------------------------------------------


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of every ``tv5`` command in a page's shell examples."""
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["tv5"]:
                yield words[1:]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_exist(page: Path) -> None:
    typer = pytest.importorskip("typer")
    from tv5core.cli.app import app

    root = typer.main.get_command(app)
    for words in commands(page):
        command, rest = root, list(words)
        while hasattr(command, "commands"):
            command = command.commands[rest.pop(0)]
        options = {name for parameter in command.params for name in parameter.opts}
        unknown = [w for w in rest if w.startswith("-") and w not in options]
        assert not unknown, f"tv5 {' '.join(words)}"


# -- links, length, figures ---------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_paths_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:tv5core|tests|benchmarks|ext|bindings|\.ci)/[^` {*]*)`", page.read_text("utf-8")
    )
    roots = {"tv5core": Path(tv5core.__file__).parents[1]}
    missing = [n for n in named if not (roots.get(n.split("/")[0], CHECKOUT) / n).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_dotted_names_exist(page: Path) -> None:
    missing = []
    for name in re.findall(r"`(tv5core(?:\.\w+)+)", page.read_text("utf-8")):
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError):
            missing.append(name)
    assert not missing


def test_readme_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 150


def speeds() -> list[tuple[float, float, str]]:
    """Return ours, theirs and the printed ratio for each row of README's tables of speed."""
    found = []
    for table in re.findall(
        r"<!-- benchmark.*?-->(.*?)<!-- end", README.read_text("utf-8"), re.DOTALL
    ):
        rows = [
            line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")
        ]
        at = rows[0].index("its QPS")
        assert "tv5core" in rows[0][at - 1]
        assert rows[0][at + 1] == "ratio"
        found += [(number(row[at - 1]), number(row[at]), row[at + 1]) for row in rows[2:]]
    return found


def number(text: str) -> float:
    return float(text.replace(",", ""))


def test_ratios_are_quotients_of_the_figures_beside_them() -> None:
    assert len(speeds()) > 3
    for ours, theirs, printed in speeds():
        assert printed == factor(ours / theirs)
