"""Every block of code on every page runs and prints what the page says."""

from __future__ import annotations

import doctest
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.documentation.pages import (
    CHECKOUT,
    IDS,
    PAGES,
    RUN,
    Block,
    blocks,
    marks,
    setups,
    with_free_ports,
)
from tv5core import Catalog
from tv5core.data import demo_titles

WITH_CODE = [
    (page, name)
    for page, name in zip(PAGES, IDS, strict=True)
    if any(block.is_run for block in blocks(page))
]


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given") / "films"
    with Catalog.open(folder) as catalog:
        catalog.add(demo_titles())
        catalog.seal()
    return folder


@pytest.mark.parametrize(
    "page", [page for page, _ in WITH_CODE], ids=[name for _, name in WITH_CODE]
)
def test_a_page_runs(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    given = marks(page, "given")
    for module in marks(page, "needs"):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    environment = request.getfixturevalue("tmdb_environment") if "tmdb" in given else {}
    if "films" in given:
        shutil.copytree(request.getfixturevalue("films"), tmp_path / "films")
    todo = setups(page) + [block for block in blocks(page) if block.is_run]
    todo = with_free_ports(page, todo)
    for block, answer in zip(todo, run(todo, page, tmp_path, environment), strict=False):
        assert not answer["error"], f"{page}:{block.line}\n{answer['error']}"
        assert agrees(block, answer["output"]), f"{page}:{block.line} prints\n{answer['output']}"


def run(
    todo: list[Block], page: Path, folder: Path, environment: dict[str, str]
) -> list[dict[str, str]]:
    """Run blocks in a process of their own; return what each printed and how it failed."""
    code = f"import sys; sys.path.append({str(CHECKOUT)!r})\n"
    code += "from tests.documentation.session import main\nif __name__ == '__main__': main()"
    given = [{**asdict(block), "page": str(page)} for block in todo]
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", code],
        input=json.dumps(given),
        cwd=folder,
        env={**os.environ, **environment, "COLUMNS": "100", "PATH": _path()},
        capture_output=True,
        text=True,
        check=False,
    )
    answers: list[dict[str, str]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert len(answers) == len(todo) or answers[-1]["error"], done.stderr
    return answers


def _path() -> str:
    """Return where commands are looked for: ``python`` is the one that runs the tests."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def agrees(block: Block, output: str) -> bool:
    """Whether a block printed what the page says; ``...`` stands for anything."""
    how = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    wanted = block.prints
    return wanted is None or doctest.OutputChecker().check_output(wanted, output + "\n", how)


def test_what_is_not_run_says_why() -> None:
    known = RUN | {"", "text", "json", "sql", "postgresql", "toml", "yaml", "promql", "crontab"}
    for page, name in zip(PAGES, IDS, strict=True):
        for block in blocks(page):
            language = block.language
            assert language in known or language.startswith("{"), (
                f"{name}:{block.line}: expected one of {sorted(known)}, got {language!r}"
            )


def test_examples_in_json_can_be_read() -> None:
    for page in PAGES:
        for block in blocks(page, "json"):
            json.loads(block.code)


def test_embedding_takes_ten_lines() -> None:
    first = blocks(CHECKOUT / "README.md", "python")[0]
    assert len([line for line in first.code.splitlines() if line.strip()]) <= 10
