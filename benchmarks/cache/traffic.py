"""A service's requests through a cached catalogue: Zipf by path, fifty tasks at once."""

from __future__ import annotations

import asyncio
import itertools
import os
import platform
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.progress import say
from tv5core import CachedCatalog, Catalog, Title
from tv5core.cache.disk.tier import DiskTier
from tv5core.cache.entry import Entry
from tv5core.data import demo_titles
from tv5core.types import Person

TASKS = 50
WARMED = 3_000
SEED = 6
WANTED = {"browse": 0.95, "search": 0.70, "detail": 0.90, "recommendations": 0.60}
SHARES = {"browse": 40, "search": 30, "detail": 20, "recommendations": 10}
KINDS = {
    "browse": "popular",
    "search": "search",
    "detail": "title",
    "recommendations": "recommendations",
}
# Keys and Zipf exponent: pages of lists are few, queries have a long tail.
SPACES = {
    "browse": (120, 0.9),
    "search": (20_000, 1.0),
    "detail": (6_000, 0.9),
    "recommendations": (6_000, 0.9),
}
GENRES = ("Drama", "Comedy", "Horror", "Crime", "Action", "Romance", "Thriller", "Family")


@dataclass
class Asked:
    """One path's requests."""

    latencies_s: list[float] = field(default_factory=list)
    asked: int = 0


class Traffic:
    """Draw keys of one path: Zipf by rank."""

    def __init__(self, keys: int, exponent: float, rng: random.Random) -> None:
        self._rng, self._order = rng, range(keys)
        weights = (1 / rank**exponent for rank in range(1, keys + 1))
        self._cumulated = list(itertools.accumulate(weights))

    def draw(self) -> int:
        """Return a key's number."""
        return self._rng.choices(self._order, cum_weights=self._cumulated)[0]


def made_titles(count: int, rng: random.Random) -> list[Title]:
    """Make titles from the words and people of those that ship."""
    shipped = demo_titles()
    words = sorted({w.strip(".,;") for t in shipped for w in t.overview.lower().split()})
    people = sorted({p.name for t in shipped for p in t.cast})
    made = (
        Title(
            f"made:movie:{number}",
            "movie",
            " ".join(rng.sample(words, 3)).title(),
            overview=" ".join(rng.choices(words, k=60)),
            year=rng.randrange(1950, 2026),
            genres=tuple(rng.sample(GENRES, 2)),
            cast=tuple(Person(name) for name in rng.sample(people, 6)),
            popularity=rng.paretovariate(1.2),
        )
        for number in range(count - len(shipped))
    )
    return [*shipped, *made]


def requests(
    films: CachedCatalog, ids: list[str], words: list[str], rng: random.Random
) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return what to call for one request of each path."""
    spaces = {name: Traffic(*space, rng) for name, space in SPACES.items()}
    queries = [" ".join(rng.sample(words, 1 + n % 4)) for n in range(SPACES["search"][0])]
    draw = {name: space.draw for name, space in spaces.items()}

    def browse() -> Awaitable[object]:
        page = draw["browse"]()
        genre = (None, *GENRES)[page % (1 + len(GENRES))]
        return films.popular(20 + page // (1 + len(GENRES)), genre=genre)

    return {
        "browse": browse,
        "search": lambda: films.search(queries[draw["search"]()]),
        "detail": lambda: films.get(ids[draw["detail"]() % len(ids)]),
        "recommendations": lambda: films.similar(ids[draw["recommendations"]() % len(ids)]),
    }


async def drive(calls: dict[str, Any], count: int, rng: random.Random) -> dict[str, Asked]:
    """Have the tasks ask so many times in all."""
    paths = {name: Asked() for name in SHARES}
    names = rng.choices(list(SHARES), weights=list(SHARES.values()), k=count)
    stream = iter(names)

    async def task() -> None:
        for name in stream:
            call = calls[name]()
            started = time.perf_counter()
            await call
            paths[name].latencies_s.append(time.perf_counter() - started)
            paths[name].asked += 1
            await asyncio.sleep(0)  # a hit never yields, and the others are there, too

    await asyncio.gather(*(task() for _ in range(TASKS)))
    return paths


def loads(films: CachedCatalog) -> dict[str, int]:
    """Return how often each path has loaded."""
    kinds = films.stats()["kinds"]
    return {p: kinds.get(k, {}).get("loader", {}).get("load", 0) for p, k in KINDS.items()}


def percentiles(latencies_s: list[float]) -> dict[str, float]:
    """Return the median and the tail, in microseconds."""
    ordered = sorted(latencies_s)
    return {
        f"p{p}_us": round(ordered[min(len(ordered) - 1, len(ordered) * p // 100)] * 1e6, 1)
        for p in (50, 95, 99)
    }


async def measure(folder: Path, size: int, count: int, values: int = 5_000) -> dict[str, Any]:
    """Build the catalogue, warm up, measure; ``values`` is how many the disk alone holds."""
    rng = random.Random(SEED)
    titles = made_titles(size, rng)
    words = sorted({w.strip(".,;") for t in demo_titles() for w in t.overview.lower().split()})
    with Catalog.open(folder / "films") as catalog:
        say(f"building a catalogue of {len(titles):,} titles")
        catalog.add(titles)
        catalog.seal()
        async with CachedCatalog.open(catalog, folder / "cache") as films:
            popular = sorted(titles, key=lambda title: -title.popularity)
            calls = requests(films, [title.id for title in popular], words, rng)
            say("warming")
            await films.warm(strategy="popular", limit=WARMED)
            await drive(calls, count, rng)
            say("measuring")
            before = loads(films)
            started = time.perf_counter()
            paths = await drive(calls, count, rng)
            took_s = time.perf_counter() - started
            after = loads(films)
        rows = {
            name: {
                "hit_ratio": round(1 - (after[name] - before[name]) / max(1, path.asked), 4),
                "wanted": WANTED[name],
                "asked": path.asked,
                "keys": SPACES[name][0],
                "zipf": SPACES[name][1],
                **percentiles(path.latencies_s),
                "uncached_p50_us": uncached(catalog, name, titles, words),
            }
            for name, path in paths.items()
        }
    return {
        "paths": rows,
        "requests_per_s": round(count / took_s),
        "disk": await disk_latency(folder / "disk", values),
        "titles": len(titles),
        "tasks": TASKS,
        "warmed": WARMED,
        "seed": SEED,
        "requests": count,
        "python": platform.python_version(),
    }


def uncached(catalog: Catalog, name: str, titles: list[Title], words: list[str]) -> float:
    """Return the median of a path without any cache, in microseconds."""
    rng = random.Random(SEED)
    calls: dict[str, Callable[[], object]] = {
        "browse": lambda: catalog.popular(20, genre=rng.choice(GENRES)),
        "search": lambda: catalog.search(" ".join(rng.sample(words, 3))),
        "detail": lambda: catalog.get(rng.choice(titles).id),
        "recommendations": lambda: catalog.similar(rng.choice(titles).id),
    }
    times = []
    for _ in range(10 if name == "browse" else 200):
        started = time.perf_counter()
        calls[name]()
        times.append(time.perf_counter() - started)
    return percentiles(times)["p50_us"]


async def disk_latency(folder: Path, values: int) -> dict[str, float]:
    """Return how long the disk takes to find and decode a value of 3 KB."""
    tier, now = DiskTier(folder, 256 << 20), time.time()
    for number in range(values):
        await tier.put("title", str(number), Entry(os.urandom(3_000), now, now + 60, now + 90))
    await asyncio.to_thread(tier.flush)
    rng, times = random.Random(SEED), []
    for _ in range(4 * values):
        key = str(rng.randrange(values))
        started = time.perf_counter()
        found = await tier.get("title", key)
        times.append(time.perf_counter() - started)
        if found is None:
            raise RuntimeError("expected the value that was put")
    await tier.close()
    return percentiles(times)
