"""Recommend to users of MovieLens, and compare with what they liked next.

::

    python -m benchmarks recommend --catalog films --movielens ml-latest-small
    python -m benchmarks recommend --catalog films --movielens ml-latest-small --split validation

Leave-last-out: of each user, the last title rated 4 or more is to be found, from what the user
rated before it and what all others rated. Parameters are chosen on the title before that one. The
catalogue is copied first, for it learns.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.progress import say
from benchmarks.recommend.baselines import BASELINES
from benchmarks.recommend.metrics import Figures, Genres
from benchmarks.recommend.movielens import Ratings, Split, read_ratings
from benchmarks.recommend.systems import choose, interactions, judge_baseline, judge_catalog
from tv5core import Catalog

__all__ = ["add_arguments", "main", "measure"]

_SPREADS = (0.0, 0.3)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--catalog", type=Path, required=True, help="a catalogue of films")
    parser.add_argument("--movielens", type=Path, required=True, help="ratings.csv and links.csv")
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Run and print."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "films")
        shutil.copytree(options.catalog, copy)
        with Catalog.open(copy, auto_seal=False) as catalog:
            rows = measure(catalog, options.movielens, options.split)
    print(json.dumps(rows, indent=1) if options.json else table(rows))
    return 0


def measure(catalog: Catalog, movielens: Path, which: str) -> list[dict[str, Any]]:
    """Return a row of figures for each system."""
    ratings = read_ratings(movielens, catalog)
    validation = ratings.split(2)
    split = ratings.split(1) if which == "test" else validation
    say(
        f"{len(split.cases):,} users asked, {len(ratings.ids):,} titles, {len(ratings.users):,} "
        f"ratings; {ratings.missing:,} titles are not in the catalogue"
    )
    genres = _genres(catalog, ratings.ids)
    rows = []
    for name in BASELINES:
        choice, fading, _ = choose(name, validation, genres)
        got = judge_baseline(name, choice, fading, split, genres)
        rows.append(_row(name, {**choice, "fading": fading} if choice else {}, got))
        say(str(rows[-1]))
    return rows + _own(catalog, ratings, split, genres)


def _own(catalog: Catalog, ratings: Ratings, split: Split, genres: Genres) -> list[dict[str, Any]]:
    rows = []
    for learns in (False, True):
        if learns:
            say(str(catalog.learn(interactions(ratings, split))))
        what = "content and interactions" if learns else "content alone"
        for spread in _SPREADS:
            got = judge_catalog(catalog, ratings, split.cases, genres, spread, partial(_say, what))
            rows.append(_row(f"tv5core, {what}", {"diversity": spread}, got))
            say(str(rows[-1]))
    return rows


def _say(what: str, done: int, total: int) -> None:
    if done % 100 == 0:
        say(f"{what}: {done} of {total}")


def _genres(catalog: Catalog, ids: list[str]) -> list[frozenset[str]]:
    titles = catalog.get_many(ids)
    return [frozenset(() if title is None else title.genres) for title in titles]


def _row(name: str, parameters: dict[str, float], got: Figures) -> dict[str, Any]:
    return {
        "system": name,
        "parameters": parameters,
        "users": len(got.hits),
        "hit_rate": round(float(got.hits.mean()), 4),
        "hit_rate_interval": [round(x, 3) for x in got.interval(got.hits)],
        "ndcg": round(float(got.gains.mean()), 4),
        "ndcg_interval": [round(x, 3) for x in got.interval(got.gains)],
        "coverage": round(got.coverage, 3),
        "diversity": round(got.diversity, 3),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Format rows as a table."""
    lines = [
        "| system | parameters | hit rate@10 | nDCG@10 | coverage | genres' diversity |",
        "| :-- | :-- | --: | --: | --: | --: |",
    ]
    for row in rows:
        chosen = ", ".join(f"{name} {value:g}" for name, value in row["parameters"].items())
        hits, gains = (
            f"{row[name]:.3f} ({row[name + '_interval'][0]:.3f} to "
            f"{row[name + '_interval'][1]:.3f})"
            for name in ("hit_rate", "ndcg")
        )
        lines.append(
            f"| {row['system']} | {chosen} | {hits} | {gains} | {row['coverage']:.3f} | "
            f"{row['diversity']:.3f} |"
        )
    return "\n".join(lines)
