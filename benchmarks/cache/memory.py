"""Hit ratio, speed and memory of the memory tier and of other caches, in one run."""

from __future__ import annotations

import gc
import platform
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from threading import Lock
from typing import Any

import numpy as np

from benchmarks.cache.caches import HOUR_S, MAKERS, Made, tv5core
from benchmarks.progress import say
from tv5core.cache.memory.tier import MemoryTier

__all__ = ["Sizes", "measure"]

ALPHA, ONCE, SIGMA, MEAN_BYTES = 0.9, 0.2, 0.6, 3_000
SLICE, SWEEP_SLICE = 1_000, 1_000
ROOMY_BYTES = 1 << 32


@dataclass(frozen=True)
class Sizes:
    """How much to measure."""

    population: int = 50_000
    requests: int = 400_000
    shares: tuple[float, ...] = (0.02, 0.05, 0.1)
    """Of the population's bytes that a cache holds."""
    keys: int = 10_000
    """For the speeds: all of them fit."""
    rounds: int = 12
    swept: int = 1_000_000
    seed: int = 1


def measure(sizes: Sizes) -> dict[str, Any]:
    """Return all figures."""
    say("speed")
    caches = speeds(sizes.keys, sizes.rounds)
    for name, make in MAKERS.items():
        say(f"bytes an entry: {name}")
        caches[name]["entry_bytes"] = entry_bytes(make, sizes.keys)
        caches[name]["hit_ratio"] = {}
    strict = {}
    asked, lengths = trace(sizes.population, sizes.requests, sizes.seed)
    for share in sizes.shares:
        cap_bytes = int(sum(lengths[: sizes.population]) * share)
        for name, make in MAKERS.items():
            say(f"hit ratio with {share:.0%}: {name}")
            extra = own_bytes(int(cap_bytes / MEAN_BYTES)) if name == "tv5core" else 0
            ratio = hit_ratio(make, asked, lengths, cap_bytes, extra)
            caches[name]["hit_ratio"][f"{share:.0%}"] = ratio
        strict[f"{share:.0%}"] = hit_ratio(tv5core, asked, lengths, cap_bytes, 0)
    say(f"sweep: {sizes.swept:,} keys")
    return {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in MAKERS},
        "seed": sizes.seed,
        "zipf": ALPHA,
        "once": ONCE,
        "mean_bytes": MEAN_BYTES,
        "sweep_slice": SWEEP_SLICE,
        "population": sizes.population,
        "requests": sizes.requests,
        "caches": caches,
        "strict_hit_ratio": strict,
        "lock_ns": lock_ns(),
        "sweep": sweep(sizes.swept),
    }


def speeds(count: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Return nanoseconds a hit and a put, each cache's best slice."""
    keys = [f"tmdb:movie:{n}" for n in range(count)]
    value = b"x" * 100
    best = {name: {"hit_ns": float("inf"), "put_ns": float("inf")} for name in MAKERS}
    for _ in range(rounds):
        for name, make in MAKERS.items():
            get, put = make(ROOMY_BYTES, 10 * count)
            for part in _slices(keys):
                _best(best[name], "put_ns", _timed(partial(_put, put, value), part))
            for _ in range(4):  # the first three hits are also counted
                for part in _slices(keys):
                    _best(best[name], "hit_ns", _timed(get, part))
    empty = min(_timed(lambda _key: None, keys[:SLICE]) for _ in range(200))
    return {name: {**figures, "empty_ns": empty} for name, figures in best.items()}


def _put(put: Callable[[str, bytes], object], value: bytes, key: str) -> None:
    put(key, value)


def _slices(keys: list[str]) -> Iterator[list[str]]:
    return (keys[at : at + SLICE] for at in range(0, len(keys), SLICE))


def _best(figures: dict[str, float], name: str, nanoseconds: float) -> None:
    figures[name] = min(figures[name], nanoseconds)


def _timed(function: Callable[[str], object], keys: list[str]) -> float:
    """Return nanoseconds a call, the loop's own included."""
    start = time.perf_counter_ns()
    for key in keys:
        function(key)
    return (time.perf_counter_ns() - start) / len(keys)


def lock_ns() -> float:
    """Return what taking a lock for each hit would cost."""
    lock = Lock()

    def locked(_key: str) -> None:
        with lock:
            pass

    keys = ["key"] * SLICE
    with_lock = min(_timed(locked, keys) for _ in range(200))
    return with_lock - min(_timed(lambda _key: None, keys) for _ in range(200))


def entry_bytes(make: Callable[[int, int], Made], count: int) -> float:
    """Return what a cache allocates for an entry, beyond its key and value."""
    keys, value = [f"tmdb:movie:{n}" for n in range(count)], b"x" * 100
    gc.collect()
    tracemalloc.start()
    made = make(ROOMY_BYTES, 2 * count)
    for key in keys:
        made[1](key, value)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return taken / count


def own_bytes(entries: int) -> int:
    """Return what the memory tier counts for so many entries besides their values' length."""
    tier, until = MemoryTier(ROOMY_BYTES), time.time() + HOUR_S
    for n in range(entries):
        value = bytes(100)
        tier.put("title", f"tmdb:movie:{n}", value, size=100, fresh_until=until, stale_until=until)
    return tier.bytes - 100 * entries


def trace(population: int, requests: int, seed: int) -> tuple[list[int], list[int]]:
    """Return which key is asked for, and every key's size in bytes."""
    rng = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, population + 1) ** ALPHA
    asked = rng.permutation(population)[
        rng.choice(population, size=requests, p=weights / weights.sum())
    ]
    once = rng.random(requests) < ONCE
    asked[once] = population + np.arange(once.sum())
    centre = np.log(MEAN_BYTES) - SIGMA**2 / 2
    sizes = rng.lognormal(centre, SIGMA, size=population + int(once.sum()))
    return asked.tolist(), np.maximum(sizes, 64).astype(int).tolist()


def hit_ratio(
    make: Callable[[int, int], Made], keys: list[int], sizes: list[int], cap_bytes: int, extra: int
) -> float:
    """Return the share of requests answered, what is missed being stored."""
    get, put = make(cap_bytes + extra, int(cap_bytes / MEAN_BYTES))
    hits = 0
    for n in keys:
        key = f"tmdb:movie:{n}"
        if get(key) is None:
            put(key, bytes(sizes[n]))
        else:
            hits += 1
    return hits / len(keys)


def sweep(count: int) -> dict[str, float]:
    """Fill the tier, let half of the keys expire and time each slice of a sweep."""
    now = [0.0]
    tier = MemoryTier(ROOMY_BYTES, clock=lambda: now[0])
    for n in range(count):
        until = 1.0 + n % 2
        tier.put("title", f"tmdb:movie:{n}", None, size=0, fresh_until=until, stale_until=until)
    taken = []
    for now[0] in (1.0, 2.0):
        before = len(tier)
        while len(tier) > before - count // 2:
            start = time.perf_counter_ns(), time.thread_time_ns()
            tier.sweep(SWEEP_SLICE)
            ends = time.perf_counter_ns(), time.thread_time_ns()
            taken.append((ends[0] - start[0], ends[1] - start[1]))
    wall, cpu = np.array(taken).T / 1e6
    return {
        "keys": count,
        "left": len(tier),
        "slices": len(taken),
        "longest_ms": float(wall.max()),
        "longest_cpu_ms": float(cpu.max()),
        "p50_ms": float(np.median(wall)),
        "p99_ms": float(np.quantile(wall, 0.99)),
        "p99_cpu_ms": float(np.quantile(cpu, 0.99)),
    }
