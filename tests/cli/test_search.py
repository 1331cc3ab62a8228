"""``tv5 search``, ``suggest`` and ``facets``, run as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import tv5
from tv5core import Catalog
from tv5core.data import demo_titles


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search") / "films"
    with Catalog.open(folder) as catalog:
        catalog.add(demo_titles())
        catalog.seal()
    return folder


def test_what_was_meant_is_shown(demo: Path) -> None:
    done = tv5("search", "shawshenk redemtion", "-c", demo, "-k", 2, COLUMNS="40")
    assert "searched for: shawshank redemption" in done.stderr
    assert "The Shawshank Redemption" in " ".join(done.stdout.split())
    assert all(len(line) <= 40 for line in done.stdout.splitlines())
    done = tv5("search", "crime movies from the 90s", "-c", demo, "--facet", "country")
    assert "read as" in done.stderr
    assert "country" in done.stdout


def test_pages_filters_and_json(demo: Path) -> None:
    command = ("search", "-c", demo, "--where", "genre:Drama", "--sort", "date", "-k", 5, "--json")
    first = json.loads(tv5(*command).stdout)
    second = json.loads(tv5(*command, "--page", 2).stdout)
    by_cursor = json.loads(tv5(*command, "--cursor", first["cursor"]).stdout)
    assert second["hits"] == by_cursor["hits"]
    assert not {h["id"] for h in first["hits"]} & {h["id"] for h in second["hits"]}
    assert first["total"] == second["total"]
    years = [h["title"]["year"] for h in first["hits"] + second["hits"]]
    assert years == sorted(years, reverse=True)


def test_suggest_and_facets(demo: Path) -> None:
    assert "The Godfather" in tv5("suggest", "the godf", "-c", demo).stdout
    found = json.loads(tv5("facets", "kind", "-c", demo, "--json").stdout)
    assert sum(one["count"] for one in found["kind"]) == len(demo_titles())
    assert "movie" in tv5("facets", "kind", "-c", demo, "--where", "year:1994").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["search"], "expected a query or --where"),
        (["search", "--where", "gnre:Drama"], "genre"),
        (["search", "x", "--sort", "height"], "expected sort"),
        (["search", "x", "--mode", "magic"], "expected mode"),
        (["facets", "nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_says_so(arguments: list[str], said: str, demo: Path) -> None:
    done = tv5(*arguments, TV5_CATALOG=str(demo))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())
