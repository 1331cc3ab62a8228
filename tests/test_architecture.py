"""ARCHITECTURE.md tells the truth about the files a call goes through, and stays one page.

A way is what a reader follows from file to file. Its *steps* pass the work on: each is entered from
another step. Its *helpers* answer a question on the way, which is understood without opening them.
Nobody waits for what runs *behind* it. A call enters all steps, in order, and no file not named.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import ways

PAGE = (Path(__file__).parents[1] / "ARCHITECTURE.md").read_text("utf-8")
MOST = {"query": 10, "title": 12, "key": 10, "request": 10}
TITLES = {
    "query": "The life of a query",
    "title": "The life of an added title",
    "key": "The life of a cached key",
    "request": "The life of an upstream request",
}


def section(title: str) -> str:
    found = re.search(rf"^#+ {title}\n(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"expected a section {title!r}"
    return found[1]


def steps(text: str) -> list[str]:
    return re.findall(r"^\d+\. `([^`]+)`", text, re.MULTILINE)


def named(text: str, kind: str) -> set[str]:
    """Return the files of the paragraph that begins with ``kind`` and a colon."""
    found = re.search(rf"^{kind}: (.*?)(?=\n\n|\Z)", text, re.DOTALL | re.MULTILINE)
    return set(re.findall(r"`([^`]+)`", found[1])) if found else set()


@pytest.fixture(params=ways.WAYS)
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_a_way_is_short_and_visits_no_file_twice(way: str) -> None:
    found = steps(section(TITLES[way]))
    assert 0 < len(found) <= MOST[way]
    assert len(set(found)) == len(found)


def test_a_way_is_the_one_a_call_takes(
    way: str, tmp_path: Path, tmdb_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in tmdb_environment.items():
        monkeypatch.setenv(name, value)
    text = section(TITLES[way])
    listed, helpers, behind = steps(text), named(text, "Helpers"), named(text, "Behind it")
    entered = ways.WAYS[way](tmp_path)
    counted = ways.steps(entered)
    assert set(counted) - behind == {*listed, *helpers}
    assert [file for file in counted if file in listed] == listed, "in the order of the call"
    for file in listed:
        assert not entered[file] <= helpers | behind, f"{file} is entered by {entered[file]}"


def test_the_glossary_is_short() -> None:
    rows = re.findall(r"^\| (?!word|:?-)(.+?) \|", section("Glossary"), re.MULTILINE)
    assert 20 <= len(rows) <= 40
    assert len(set(rows)) == len(rows)


def test_the_page_is_one_page() -> None:
    assert len(PAGE.splitlines()) <= 200
