"""The memory tier against cachetools, cachebox, theine and cashews, in one run.

::

    python -m benchmarks.cache_memory
    python -m benchmarks.cache_memory --json out.json

**Speed** is that of a look-up that hits and of storing a new value: 10,000 keys, all of which fit,
in every cache with an expiry. The caches take turns, round after round, and each one's best slice
of 1,000 counts, since the machine has other things to do too.

**Hit ratio** is that of one trace: requests for a population by Zipf's law (exponent 0.9), of which
one in five is replaced by a request for something asked for only this once. Sizes are
log-normal (sigma 0.6, mean 3,000 bytes), whatever the popularity. Every cache holds the values of a
share of the population. tv5core, cachetools and cachebox count their bytes; theine and cashews
count entries, and get as many as those bytes hold at the mean size. tv5core also counts what it
takes to keep them: it gets that on top, measured beforehand; ``strict`` is without.

**Bytes an entry** are what tracemalloc sees beyond key and value; what Rust allocates (cachebox,
part of theine) it does not see. **The longest sweep slice** is of a million keys, of which half and
then all the rest are past their time.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cachebox
import cachetools
import numpy as np
import theine
from cashews.backends.memory import Memory

from tv5core.cache.memory.tier import MemoryTier

ALPHA, ONCE, SIGMA, MEAN_BYTES = 0.9, 0.2, 0.6, 3_000
KEYS, SLICE, ROUNDS = 10_000, 1_000, 12
SWEPT, SWEEP_SLICE = 1_000_000, 1_000
HOUR_S = 3_600.0
ROOMY_BYTES = 1 << 32

Get = Callable[[str], object]
Put = Callable[[str, bytes], object]
Made = tuple[Get, Put]


def tv5core(cap_bytes: int, _entries: int) -> Made:
    """Make the memory tier."""
    tier = MemoryTier(cap_bytes)
    until = time.time() + HOUR_S

    def put(key: str, value: bytes) -> None:
        tier.put("title", key, value, size=len(value), fresh_until=until, stale_until=until)

    return (lambda key: tier.get("title", key)), put


def lru_cachetools(cap_bytes: int, _entries: int) -> Made:
    """Make an LRU cache of cachetools with expiry."""
    cache = cachetools.TTLCache(cap_bytes, HOUR_S, getsizeof=len)
    return cache.get, cache.__setitem__


def lru_cachebox(cap_bytes: int, _entries: int) -> Made:
    """Make an LRU cache of cachebox; those with expiry are not LRU."""
    cache: Any = cachebox.LRUCache(cap_bytes, getsizeof=lambda _, value: len(value))
    return cache.get, cache.insert


def w_tinylfu(_cap_bytes: int, entries: int) -> Made:
    """Make a cache of theine, with expiry and without locks."""
    cache: Any = theine.Cache(entries, nolock=True)
    lasting = timedelta(seconds=HOUR_S)
    return (lambda key: cache.get(key)[0]), (lambda key, value: cache.set(key, value, lasting))


def lru_cashews(_cap_bytes: int, entries: int) -> Made:
    """Make cashews' memory, whose coroutines are run to their end without a loop."""
    cache: Any = Memory(size=entries, check_interval=0)

    def run(work: Any) -> object:
        try:
            work.send(None)
        except StopIteration as done:
            return done.value
        raise RuntimeError("expected no waiting")

    return (lambda key: run(cache.get(key))), (
        lambda key, value: run(cache.set(key, value, HOUR_S))
    )


MAKERS = {
    "tv5core": tv5core,
    "cachetools": lru_cachetools,
    "cachebox": lru_cachebox,
    "theine": w_tinylfu,
    "cashews": lru_cashews,
}


def main() -> None:
    """Measure and print; write JSON where asked."""
    options = _options()
    report = measure(options)
    _print(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return all figures."""
    _say("speed")
    caches = speeds()
    for name, make in MAKERS.items():
        _say(f"bytes an entry: {name}")
        caches[name]["entry_bytes"] = entry_bytes(make)
        caches[name]["hit_ratio"] = {}
    strict = {}
    keys, sizes = trace(options.population, options.requests, options.seed)
    for share in options.shares:
        cap_bytes = int(sum(sizes[: options.population]) * share)
        for name, make in MAKERS.items():
            _say(f"hit ratio with {share:.0%}: {name}")
            extra = own_bytes(int(cap_bytes / MEAN_BYTES)) if name == "tv5core" else 0
            ratio = hit_ratio(make, keys, sizes, cap_bytes, extra)
            caches[name]["hit_ratio"][f"{share:.0%}"] = ratio
        strict[f"{share:.0%}"] = hit_ratio(tv5core, keys, sizes, cap_bytes, 0)
    return {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in MAKERS},
        "seed": options.seed,
        "population": options.population,
        "requests": options.requests,
        "caches": caches,
        "strict_hit_ratio": strict,
        "lock_ns": lock_ns(),
        "sweep": sweep(),
    }


def speeds() -> dict[str, dict[str, Any]]:
    """Return nanoseconds a hit and a put, each cache's best slice."""
    keys = [f"tmdb:movie:{n}" for n in range(KEYS)]
    value = b"x" * 100
    best = {name: {"hit_ns": float("inf"), "put_ns": float("inf")} for name in MAKERS}
    for _ in range(ROUNDS):
        for name, make in MAKERS.items():
            get, put = make(ROOMY_BYTES, 10 * KEYS)
            for part in _slices(keys):
                _best(best[name], "put_ns", _timed(lambda key, put=put: put(key, value), part))
            for _ in range(4):  # the first three hits are also counted
                for part in _slices(keys):
                    _best(best[name], "hit_ns", _timed(get, part))
    empty = min(_timed(lambda _key: None, keys[:SLICE]) for _ in range(200))
    return {name: {**figures, "empty_ns": empty} for name, figures in best.items()}


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
    from threading import Lock

    lock = Lock()

    def locked(_key: str) -> None:
        with lock:
            pass

    keys = ["key"] * SLICE
    with_lock = min(_timed(locked, keys) for _ in range(200))
    return with_lock - min(_timed(lambda _key: None, keys) for _ in range(200))


def entry_bytes(make: Callable[[int, int], Made]) -> float:
    """Return what a cache allocates for an entry, beyond its key and value."""
    keys, value = [f"tmdb:movie:{n}" for n in range(KEYS)], b"x" * 100
    gc.collect()
    tracemalloc.start()
    made = make(ROOMY_BYTES, 2 * KEYS)
    for key in keys:
        made[1](key, value)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return taken / KEYS


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


def sweep() -> dict[str, float]:
    """Fill the tier with a million keys, let half expire and time each slice of a sweep."""
    _say("sweep: a million keys")
    now = [0.0]
    tier = MemoryTier(ROOMY_BYTES, clock=lambda: now[0])
    for n in range(SWEPT):
        until = 1.0 + n % 2
        tier.put("title", f"tmdb:movie:{n}", None, size=0, fresh_until=until, stale_until=until)
    taken = []
    for now[0] in (1.0, 2.0):
        before = len(tier)
        while len(tier) > before - SWEPT // 2:
            start = time.perf_counter_ns(), time.thread_time_ns()
            tier.sweep(SWEEP_SLICE)
            ends = time.perf_counter_ns(), time.thread_time_ns()
            taken.append((ends[0] - start[0], ends[1] - start[1]))
    wall, cpu = np.array(taken).T / 1e6
    return {
        "left": len(tier),
        "slices": len(taken),
        "longest_ms": float(wall.max()),
        "longest_cpu_ms": float(cpu.max()),
        "p50_ms": float(np.median(wall)),
        "p99_ms": float(np.quantile(wall, 0.99)),
        "p99_cpu_ms": float(np.quantile(cpu, 0.99)),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The memory tier against its peers.")
    parser.add_argument("--population", type=int, default=50_000)
    parser.add_argument("--requests", type=int, default=400_000)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.02, 0.05, 0.1])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _say(stage: str) -> None:
    print(stage, file=sys.stderr, flush=True)


def _print(report: dict[str, Any]) -> None:
    shares = list(report["strict_hit_ratio"])
    print(f"Python {report['python']}; seed {report['seed']}")
    print(
        f"trace: population {report['population']:,}, {report['requests']:,} requests, "
        f"Zipf {ALPHA}, {ONCE:.0%} asked for once, sizes log-normal, mean {MEAN_BYTES:,} bytes"
    )
    print("hit ratio in % by share of the population's bytes that fits\n")
    print(f"{'':22}{'hit ns':>8}{'put ns':>8}{'B/entry':>9}", *(f"{s:>7}" for s in shares))
    for name, row in report["caches"].items():
        ratios = (f"{100 * row['hit_ratio'][share]:7.2f}" for share in shares)
        title = f"{name} {report['versions'][name]}"
        figures = f"{row['hit_ns']:8.0f}{row['put_ns']:8.0f}{row['entry_bytes']:9.0f}"
        print(f"{title:22}{figures}", *ratios)
    strict = (f"{100 * report['strict_hit_ratio'][share]:7.2f}" for share in shares)
    print(f"{'tv5core, strict':47}", *strict)
    print(f"\nthe loop itself: {report['caches']['tv5core']['empty_ns']:.0f} ns, included above")
    print(f"a lock around each hit would cost {report['lock_ns']:.0f} ns")
    swept = report["sweep"]
    print(
        f"sweep of {SWEPT:,} keys, {SWEEP_SLICE:,} a slice: longest {swept['longest_ms']:.2f} ms "
        f"({swept['longest_cpu_ms']:.2f} ms of CPU), p99 {swept['p99_ms']:.2f} "
        f"({swept['p99_cpu_ms']:.2f} of CPU), "
        f"p50 {swept['p50_ms']:.2f}"
    )


if __name__ == "__main__":
    main()
