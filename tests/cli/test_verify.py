"""``tv5 verify``, run as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import COUNT, flip, tv5
from tv5core import Catalog
from tv5core.data import demo_titles
from tv5core.store import titles


def spoil_title(films: Path) -> None:
    with Catalog.open(films) as catalog:
        catalog._store.environment.write(
            lambda txn: txn.raw.put(titles.row_key(7), b"\x01\xc0", db=txn.dbs.titles)
        )


def test_verify_repairs(films: Path) -> None:
    flip(next(films.glob("graph.*")))
    found = tv5("verify", "-c", films)
    assert found.returncode == 1
    assert "graph.000001.tv5" in found.stdout
    assert "a repair rebuilds it" in found.stdout
    assert "NOT sound" in found.stderr
    done = tv5("verify", "--repair", "-c", films)
    assert done.returncode == 0, done.stderr
    assert "repaired: rebuilt the index from the stored vectors" in done.stdout
    assert f"checked 5 files, {COUNT} titles" in done.stderr
    again = json.loads(tv5("verify", "--repair", "--json", "-c", films).stdout)
    assert (again["ok"], again["problems"], again["repaired"]) == (True, [], [])


def test_verify_moves_titles_out_on_request(films: Path, tmp_path: Path) -> None:
    spoil_title(films)
    done = tv5("verify", "--repair", "-c", films)
    assert done.returncode == 1
    assert "row 7" in done.stdout
    assert "quarantine" in done.stdout
    aside = tmp_path / "aside.jsonl"
    done = tv5("verify", "--repair", "--quarantine", aside, "--json", "-c", films)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["checked"]["titles"] == COUNT - 1
    assert json.loads(aside.read_text())["ids"] == [demo_titles()[7].id]
