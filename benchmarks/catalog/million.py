"""A large catalogue, sealed: what it takes, how long its upkeep lasts, how fast it is searched.

It is opened only to be read. Vectors of its own titles are the queries of vector searches, under
filters too; the truth is an exact search with the same filter. What was typed of names so far is
completed. Then every byte is verified, and a backup is made, opened, and asked the same.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from benchmarks.machine.processor import footprint
from tv5core import Catalog, Title

__all__ = ["FILTERS", "Filtered", "Scale", "Speed", "measure"]

K = 10
FILTERS = (1e-4, 1e-3, 1e-2, 0.1, 0.5, 0.9, 1.0)
"""Shares of the titles that filters aim at."""
_TRUE_QUERIES = 60
_BY_VOTES = 0.1
"""Up to this share, filters ask for many votes; above, for late years: most titles have no vote."""
_SAMPLE = 20_000
_LETTERS = 3
Say = Callable[[str], None]
T = TypeVar("T")


class Speed(msgspec.Struct, frozen=True):
    """Seconds of single calls on one thread, and the share of the true ten nearest found."""

    calls: int
    p50_s: float
    p95_s: float
    p99_s: float
    qps: float
    recall: float | None = None


class Filtered(msgspec.Struct, frozen=True):
    """Vector searches under a filter, whose bitmap is made in each of them."""

    where: str
    about: str
    share: float
    """Of the titles, that it allows."""
    speed: Speed
    plain: Speed
    """The same queries without a filter, in turns."""


class Scale(msgspec.Struct, frozen=True):
    """What was measured of a catalogue."""

    titles: int
    dim: int
    bytes: dict[str, int]
    """On disk: ``titles`` (LMDB's pages in use without vectors), ``stored vectors``, ``free
    pages``, and each kind of sealed file."""
    open_s: float
    first_search_s: float
    vectors: Speed
    suggest: Speed
    filtered: list[Filtered]
    verify_s: float
    sound: bool
    backup_s: float
    backup_bytes: int
    backup_answers: bool
    """Whether the backup was opened and answered as its original does."""
    anonymous_bytes: int
    file_bytes: int


def measure(folder: Path, copy: Path, queries: int, say: Say, seed: int = 0) -> Scale:
    """Measure a sealed catalogue; ``copy`` becomes its backup, which is removed again.

    Parameters
    ----------
    folder : Path
    copy : Path
        Must not exist.
    queries : int
        Of each kind.
    say : callable
        Told each step.
    seed : int
        Which titles make the queries.
    """
    draw, before = random.Random(f"scale/{seed}"), footprint()
    opened, catalog = _took(lambda: Catalog.open(folder, create=False, read_only=True))
    with catalog:
        say("searching for the first time")
        first, _ = _took(lambda: [hit.title for hit in catalog.search("war", K)])
        titles = _titles(catalog, draw, max(queries, 1_000))
        vectors = _vectors(catalog, titles)[:queries]
        say("searching by vectors")
        plain = _with_recall(catalog, vectors, "")
        say("completing")
        typed = _typed(titles, draw)[:queries]
        suggested = _speed([_seconds(lambda: catalog.suggest(one, K)) for one in typed])  # noqa: B023
        filtered = [
            _filtered(catalog, vectors, where, about, say) for where, about in _filters(titles)
        ]
        used = footprint()
        say("verifying")
        verify_s, report = _took(catalog.verify)
        say("making a backup")
        backup_s, _ = _took(lambda: catalog.backup(copy))
        say("opening the backup")
        same = _answers(copy, vectors) == [_ids(catalog, each) for each in vectors[:K]]
        count, dim, sizes = len(catalog), int(catalog.info()["dim"]), _bytes(folder, catalog)
    size = sum(path.stat().st_size for path in copy.rglob("*") if path.is_file())
    shutil.rmtree(copy)
    return Scale(
        count, dim, sizes, opened, first, plain, suggested, filtered, verify_s, report.ok,
        backup_s, size, same, used["anonymous"] - before["anonymous"],
        used["file"] - before["file"],
    )  # fmt: skip


def _took(do: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    made = do()
    return time.perf_counter() - started, made


def _seconds(do: Callable[[], object]) -> float:
    return _took(do)[0]


def _speed(seconds: Sequence[float], recall: float | None = None) -> Speed:
    p50, p95, p99 = (float(each) for each in np.quantile(seconds, (0.5, 0.95, 0.99)))
    return Speed(len(seconds), p50, p95, p99, len(seconds) / sum(seconds), recall)


def _titles(catalog: Catalog, draw: random.Random, count: int) -> list[Title]:
    """Draw titles, evenly over all ids."""
    ids = sorted(draw.sample(list(catalog.ids()), min(len(catalog), max(count, _SAMPLE))))
    draw.shuffle(ids)
    return [title for title in catalog.get_many(ids) if title is not None]


def _vectors(catalog: Catalog, titles: Sequence[Title]) -> list[Any]:
    some = catalog.get_vectors([title.id for title in titles[:5_000]])
    return [vector for vector in some if vector is not None]


def _typed(titles: Sequence[Title], draw: random.Random) -> list[str]:
    """Return beginnings of names, from three letters on."""
    return [
        title.title[: draw.randint(_LETTERS, len(title.title))]
        for title in titles
        if len(title.title) > _LETTERS
    ]


def _filters(titles: Sequence[Title]) -> list[tuple[str, str]]:
    """Return filters, and what they are of the titles."""
    votes = sorted((title.votes or 0 for title in titles), reverse=True)
    years = sorted((title.year or 0 for title in titles), reverse=True)
    found = []
    for share in FILTERS:
        if share <= _BY_VOTES:
            where = f"votes:>={max(1, votes[min(int(share * len(votes)), len(votes) - 1)])}"
        else:
            where = f"year:>={max(1, years[min(int(share * len(years)), len(years) - 1)])}"
        found.append((where, "independent"))
    genre = max({g for t in titles for g in t.genres}, key=lambda g: _count(titles, g), default="")
    if genre:
        found += [(f'genre:"{genre}"', "near"), (f'-genre:"{genre}"', "all but near")]
    return found


def _count(titles: Sequence[Title], genre: str) -> int:
    return sum(genre in title.genres for title in titles)


def _filtered(
    catalog: Catalog, vectors: Sequence[Any], where: str, about: str, say: Say
) -> Filtered:
    say(f"searching under {where}")
    allowed = catalog.search("", 1, where=where).total.count
    speed = _with_recall(catalog, vectors, where)
    plain, turns = [], []
    for vector in vectors:
        plain.append(_seconds(lambda: _ids(catalog, vector)))  # noqa: B023
        turns.append(_seconds(lambda: _ids(catalog, vector, where)))  # noqa: B023
    both = msgspec.structs.replace(_speed(turns), recall=speed.recall)
    return Filtered(where, about, allowed / len(catalog), both, _speed(plain))


def _with_recall(catalog: Catalog, vectors: Sequence[Any], where: str) -> Speed:
    found: list[int] = []
    wanted = 0
    for vector in vectors[:_TRUE_QUERIES]:
        true = set(_ids(catalog, vector, where, exact=True))
        found.append(len(true & set(_ids(catalog, vector, where))))
        wanted += len(true)
    seconds = [_seconds(lambda: _ids(catalog, vector, where)) for vector in vectors]  # noqa: B023
    return _speed(seconds, sum(found) / max(1, wanted))


def _ids(catalog: Catalog, vector: Any, where: str = "", *, exact: bool = False) -> list[str]:
    found = catalog.search(vector, K, where=where or None, exact=exact)
    return [hit.title.id for hit in found if hit.title is not None]


def _answers(copy: Path, vectors: Sequence[Any]) -> list[list[str]]:
    with Catalog.open(copy, create=False, read_only=True) as catalog:
        return [_ids(catalog, each) for each in vectors[:K]]


def _bytes(folder: Path, catalog: Catalog) -> dict[str, int]:
    info = catalog.info()
    sizes: dict[str, int] = {}
    for path in folder.iterdir():
        if path.is_file() and path.suffix != ".lock":
            kind = path.name.split(".")[0]
            sizes[kind] = sizes.get(kind, 0) + path.stat().st_size
    stored = int(info["vectors"]) * 4 * int(info["dim"])
    free = int(info["reusable_bytes"])
    return {
        "titles": sizes.pop("data") - stored - free,
        "stored vectors": stored,
        "free pages": free,
        **{kind: sizes[kind] for kind in ("graph", "rows", "words", "columns", "lsa")
           if kind in sizes},
    }  # fmt: skip
