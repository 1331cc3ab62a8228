"""How fast a search is from text to ten decoded titles, over made-up whole titles.

Queries are of five kinds, made of the titles by a seed: ``names`` are names as they are typed,
``words`` three words of one overview, ``typos`` names mistyped, ``filters`` names with a genre and
years, ``facets`` words with counts of genres and providers. Engines other than tv5core answer the
first three; the titles they find are decoded from memory.
"""

from __future__ import annotations

import inspect
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.data.whole_titles import WholeTitles
from benchmarks.machine.processor import footprint
from benchmarks.relevance.engines.base import Corpus, Engine
from benchmarks.relevance.measures import K
from benchmarks.relevance.names import words
from benchmarks.relevance.slips import mistype
from tv5core import Catalog, Title, __version__

__all__ = ["KINDS", "Build", "Speed", "Timing", "build", "peers", "queries", "search"]

KINDS = ("names", "words", "typos", "filters", "facets")
_SAMPLE = 20_000
"""Queries are made of the first so many titles."""
_TYPED = KINDS[:3]
_CHUNK = 20_000
_FACETS = ("genre", "on")
Say = Callable[[str], None]
Query = tuple[str, dict[str, Any]]


class Build(msgspec.Struct, frozen=True):
    """How a catalogue was made, and what its files take."""

    titles: int
    add_per_s: float
    embed_per_s: float
    seal_per_s: float
    bytes_a_title: dict[str, float]
    """By kind of file."""


class Timing(msgspec.Struct, frozen=True):
    """Seconds of single calls."""

    calls: int
    p50_s: float
    p95_s: float
    p99_s: float
    qps: float


class Speed(msgspec.Struct, frozen=True):
    """What was measured of an engine."""

    name: str
    label: str
    version: str = ""
    reason: str | None = None
    build_s: float = 0.0
    timings: dict[str, Timing] = {}
    two_threads: float | None = None
    """QPS of two threads over that of one, over all kinds."""
    anonymous_bytes: int = 0


def queries(size: int, seed: int, count: int) -> dict[str, list[Query]]:
    """Make so many queries of each kind."""
    draw = random.Random(f"latency/{seed}")
    titles = list(islice(WholeTitles(min(size, _SAMPLE), seed), _SAMPLE))
    named = [title for title in titles if title.votes and len(words(title.title)) > 1]
    told = [title for title in titles if len(title.overview) > 100]
    made: dict[str, list[Query]] = {kind: [] for kind in KINDS}
    for _ in range(count):
        title, other = draw.choice(named), draw.choice(told)
        name, some = " ".join(words(title.title)), draw.sample(words(other.overview), 3)
        genre, year = draw.choice(title.genres or ("Drama",)), title.year or 2000
        made["names"].append((name, {}))
        made["words"].append((" ".join(some), {}))
        made["typos"].append((mistype(name, draw), {}))
        where = f'genre:"{genre}" year:{year - 5}..{year + 5}'
        made["filters"].append((name, {"where": where}))
        made["facets"].append((" ".join(some), {"facets": list(_FACETS)}))
    return made


def build(
    size: int, seed: int, cache: Path, say: Say, *, again: bool = False
) -> tuple[Path, Build]:
    """Return a sealed catalogue of made-up titles, and how fast it was made."""
    home = cache / f"search-{size}-{seed}-{__version__}"
    record = home.with_suffix(".json")
    if again:
        shutil.rmtree(home, ignore_errors=True)
    if home.is_dir() and record.is_file():
        return home, msgspec.json.decode(record.read_bytes(), type=Build)
    partial = home.with_name(home.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    made = _filled(partial, size, seed, say)
    record.write_bytes(msgspec.json.encode(made))
    return partial.rename(home), made


def _filled(folder: Path, size: int, seed: int, say: Say) -> Build:
    seconds = dict.fromkeys(("add", "embed", "seal"), 0.0)
    chunk: list[Title] = []
    with Catalog.open(folder, auto_seal=False) as catalog:
        for done, block in enumerate(WholeTitles(size, seed).blocks(), 1):
            chunk += block
            if len(chunk) >= _CHUNK or done * len(block) >= size:
                seconds["add"] += _took(lambda: catalog.add(chunk, embed=False))  # noqa: B023
                say(f"added {catalog.count():,} of {size:,} titles")
                chunk = []
        if chunk:
            seconds["add"] += _took(lambda: catalog.add(chunk, embed=False))
        say("embedding")
        seconds["embed"] = _took(catalog.embed_pending)
        say("sealing")
        seconds["seal"] = _took(catalog.seal)
    rates = {stage: round(size / taken, 1) for stage, taken in seconds.items()}
    return Build(size, rates["add"], rates["embed"], rates["seal"], _sizes(folder, size))


def _took(do: Callable[[], object]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def _sizes(folder: Path, size: int) -> dict[str, float]:
    """Return bytes a title by the first part of the files' names."""
    sums: dict[str, int] = {}
    for path in folder.iterdir():
        kind = path.name.split(".")[0]
        sums[kind] = sums.get(kind, 0) + path.stat().st_size
    return {kind: round(total / size, 1) for kind, total in sorted(sums.items()) if total >= size}


def search(folder: Path, asked: dict[str, list[Query]], say: Say) -> Speed:
    """Time ``Catalog.search``, by kind, on one thread and on two."""
    accepted = set(inspect.signature(Catalog.search).parameters)
    before = footprint()["anonymous"]
    with Catalog.open(folder, create=False, read_only=True) as catalog:

        def ask(query: Query) -> None:
            # Hits decode their titles when they are read.
            for hit in catalog.search(query[0], K, **query[1]):
                _ = hit.title

        kinds = {
            kind: some for kind, some in asked.items() if all(set(q[1]) <= accepted for q in some)
        }
        timings = _timed(ask, kinds, say)
        held = footprint()["anonymous"] - before
        mixed = [query for some in zip(*kinds.values(), strict=True) for query in some]
        two = _two_threads(ask, mixed)
    return Speed("tv5core", "**tv5core**", __version__, timings=timings, two_threads=two,
                 anonymous_bytes=held)  # fmt: skip


def _timed(
    ask: Callable[[Query], None], kinds: dict[str, list[Query]], say: Say
) -> dict[str, Timing]:
    timings = {}
    for kind, some in kinds.items():
        for query in some[: len(some) // 10]:
            ask(query)
        seconds = [_took(lambda: ask(query)) for query in some]  # noqa: B023
        p50, p95, p99 = (float(each) for each in np.quantile(seconds, (0.5, 0.95, 0.99)))
        timings[kind] = Timing(len(some), p50, p95, p99, round(len(some) / sum(seconds), 1))
        say(f"{kind}: p50 {p50 * 1e3:.2f} ms, p95 {p95 * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms")
    return timings


def _two_threads(ask: Callable[[Query], None], some: Sequence[Query]) -> float:
    """Return the speed of two threads over that of one; the middle of three rounds in turns."""
    ratios = []
    for _ in range(3):
        one = _took(lambda: [ask(query) for query in some])
        halves = [threading.Thread(target=lambda at=at: [ask(q) for q in some[at::2]])
                  for at in (0, 1)]  # fmt: skip
        two = _took(lambda: _run(halves))  # noqa: B023
        ratios.append(one / two)
    return round(float(np.median(ratios)), 3)


def _run(threads: Iterable[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def peers(
    kinds: Sequence[type[Engine]],
    size: int,
    seed: int,
    asked: dict[str, list[Query]],
    say: Say,
) -> list[Speed]:
    """Time other engines on the kinds of queries that they answer."""
    return [_peer(kind, WholeTitles(size, seed), asked, say) for kind in kinds]


def _peer(
    kind: type[Engine], titles: WholeTitles, asked: dict[str, list[Query]], say: Say
) -> Speed:
    reason = kind.missing()
    if reason is not None:
        return Speed(kind.name, kind.label, reason=reason)
    work = Path(tempfile.mkdtemp(prefix=f"search-{kind.name}-"))
    engine, decoder = kind(), msgspec.msgpack.Decoder(Title)
    stored = {title.id: msgspec.msgpack.encode(title) for title in titles}
    before = footprint()["anonymous"]
    try:
        built = _took(lambda: engine.build(Corpus(titles, work, work, say)))
        say(f"{kind.name}: built in {built:.1f} s")

        def ask(query: Query) -> None:
            for found in engine.search(query[0], K):
                decoder.decode(stored[found])

        timings = _timed(ask, {kind: asked[kind] for kind in _TYPED}, say)
        held = footprint()["anonymous"] - before
    finally:
        engine.close()
        shutil.rmtree(work, ignore_errors=True)
    return Speed(kind.name, kind.label, kind.version(), build_s=round(built, 3), timings=timings,
                 anonymous_bytes=held)  # fmt: skip
