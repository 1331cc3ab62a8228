"""What is written for readers holds: commands and names exist, links lead somewhere."""

from __future__ import annotations

import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import tv5core
from benchmarks.report.text import factor
from tests.documentation.pages import CHECKOUT, IDS, PAGES, blocks
from tests.documentation.session import lines_of

README = CHECKOUT / "README.md"


# -- commands -----------------------------------------------------------------------------


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of every ``tv5`` command in a page's shell examples."""
    for block in blocks(page, "sh"):
        for line in lines_of(block.code):
            if line.startswith("tv5 "):
                yield shlex.split(line, comments=True)[1:]


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
