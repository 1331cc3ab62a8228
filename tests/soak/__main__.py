"""Run a mixed load for long and see that nothing grows: memory, open files, bytes on disk.

    python -m tests.soak --minutes 30

One process adds, replaces and deletes in a catalogue of bounded size, searches it in threads,
seals, optimises and backs it up, and opens and closes readers; others read it from outside and are
killed. Slopes are least squares over the samples after a first part that is left out, because
caches fill and allocators settle; they are printed with their standard errors.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.crash.model import DIM, title, vector
from tv5core.catalog import Catalog
from tv5core.catalog.index import seal_policy
from tv5core.errors import UnknownIdError

TITLES = 3_000
LIVE_ROWS = 1_500
LEFT_OUT = 0.25  # of the time, before samples count
GROWTH = 0.05  # what may be added over the whole time, as a share

_READER = """
import sys
import numpy as np
from tv5core.catalog import Catalog
with Catalog.open(sys.argv[1], read_only=True, embedder=None) as catalog:
    while True:
        catalog.search(np.random.default_rng().standard_normal(int(sys.argv[2])), 10)
"""


@dataclass
class Sample:
    """What was measured at one moment."""

    seconds: float
    rss_mb: float
    files: int
    threads: int
    disk_mb: float


def measure(folder: Path, seconds: float) -> Sample:
    """Measure this process and the catalogue's folder."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    disk = 0
    for path in folder.rglob("*"):
        try:
            disk += path.stat().st_blocks * 512
        except OSError:
            continue  # replaced meanwhile
    return Sample(
        round(seconds, 1),
        round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 2),
        len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - Path would open each
        threading.active_count(),
        round(disk / 1e6, 2),
    )


class Load:
    """Threads that use one catalogue until they are stopped."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.catalog = Catalog.open(folder, embedder=None)
        self.stop = threading.Event()
        self.done: Counter[str] = Counter()
        self.errors: list[str] = []
        self._threads = [
            threading.Thread(target=self._repeat, args=(work, pause), daemon=True)
            for work, pause in (
                (self.change, 0.05),
                (self.search, 0.002),
                (self.search, 0.002),
                (self.read, 1.0),
                (self.read_elsewhere, 10.0),
                (self.maintain, 15.0),
            )
        ]

    def start(self) -> None:
        """Fill the catalogue and start the threads."""
        for at in range(0, TITLES, 500):
            self._add(range(at, at + 500), 0)
        self.catalog.seal()
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop the threads and close."""
        self.stop.set()
        for thread in self._threads:
            thread.join(120)
            if thread.is_alive():
                self.errors.append(f"{thread.name} hangs")
        report = self.catalog.verify()
        self.errors += report.problems
        self.catalog.close()

    def _repeat(self, work: Callable[[random.Random], None], pause: float) -> None:
        chance = random.Random(f"{self.seed}/{work.__name__}/{threading.get_ident()}")
        while not self.stop.is_set():
            try:
                work(chance)
            except Exception as error:
                self.errors.append(f"{work.__name__}: {error!r}")
            self.done[work.__name__] += 1
            self.stop.wait(pause)

    def _add(self, numbers: Any, version: int) -> None:
        names = [f"t:{number}:a" for number in numbers]
        self.catalog.add(
            [title(name, version) for name in names], [vector(name, version) for name in names]
        )

    # -- what the threads do --------------------------------------------------------------

    def change(self, chance: random.Random) -> None:
        """Replace some titles; now and then delete some."""
        numbers = chance.sample(range(TITLES), 20)
        if chance.random() < 0.25:
            self.catalog.delete([f"t:{number}:a" for number in numbers])
        else:
            # Few versions: names are remembered (an LRU of 65,536), which would look like a leak.
            self._add(numbers, chance.randrange(1, 6))

    def search(self, chance: random.Random) -> None:
        """Search by vector, by likeness and by id."""
        query = np.random.default_rng(chance.randrange(2**31)).standard_normal(DIM)
        hits = self.catalog.search(query, 10)
        if len(hits) < 8:  # a few may be deleted between the search and the look-up
            self.errors.append(f"search: expected 10 hits, got {len(hits)}")
        try:
            self.catalog.similar(f"t:{chance.randrange(TITLES)}:a", 5)
        except UnknownIdError:
            self.done["unknown ids"] += 1

    def read(self, chance: random.Random) -> None:
        """Open a reader in this process, use it and close it."""
        with Catalog.open(self.folder, read_only=True, embedder=None) as reader:
            self.search_in(reader, chance)

    def search_in(self, reader: Catalog, chance: random.Random) -> None:
        """Search a reader a few times."""
        for _ in range(5):
            reader.search(np.random.default_rng(chance.randrange(2**31)).standard_normal(DIM), 5)

    def read_elsewhere(self, chance: random.Random) -> None:
        """Read in another process, and kill it."""
        child = subprocess.Popen([sys.executable, "-c", _READER, str(self.folder), str(DIM)])
        try:
            child.wait(chance.uniform(1, 4))
            self.errors.append("a reader elsewhere ended by itself")
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def maintain(self, chance: random.Random) -> None:
        """Seal, optimise or back up."""
        work = chance.choice(["seal", "optimize", "backup", "verify"])
        self.done[work] += 1
        if work == "backup":
            target = self.folder.with_name("backup")
            shutil.rmtree(target, ignore_errors=True)
            if hasattr(self.catalog, "backup"):
                self.catalog.backup(target)
        elif work == "verify":
            self.errors += self.catalog.verify().problems
        elif hasattr(self.catalog, work):
            getattr(self.catalog, work)()


def slope(samples: list[Sample], what: str) -> dict[str, float]:
    """Fit a line; return its slope an hour, that slope's standard error, mean and growth."""
    x = np.array([sample.seconds for sample in samples]) / 3600
    y = np.array([getattr(sample, what) for sample in samples], np.float64)
    centred = x - x.mean()
    spread = float(centred @ centred)
    rate = float(centred @ y) / spread if spread else 0.0
    left = y - y.mean() - rate * centred
    error = float(np.sqrt(left @ left / max(1, len(x) - 2) / spread)) if spread else 0.0
    mean = float(y.mean())
    return {
        "an hour": round(rate, 3),
        "standard error": round(error, 3),
        "mean": round(mean, 2),
        "growth over the time": round(rate * float(x[-1] - x[0]) / mean, 4) if mean else 0.0,
    }


def is_flat(fitted: dict[str, float]) -> bool:
    """Say whether a slope is small, or within chance."""
    return (
        fitted["growth over the time"] <= GROWTH
        or fitted["an hour"] <= 2 * fitted["standard error"]
    )


def run(minutes: float, seed: int, every_s: float, progress: bool = False) -> dict[str, Any]:
    """Run the load; return samples, slopes and what went wrong."""
    seal_policy.MAX_LIVE_ROWS = LIVE_ROWS
    with tempfile.TemporaryDirectory(prefix="tv5-soak-") as base:
        load = Load(Path(base) / "catalog", seed)
        load.start()
        start, samples = time.monotonic(), []
        while (now := time.monotonic() - start) < 60 * minutes:
            samples.append(measure(load.folder, now))
            if progress:
                print(samples[-1], sum(load.done.values()), len(load.errors), file=sys.stderr)
            time.sleep(every_s)
        load.end()
    counted = [s for s in samples if s.seconds > LEFT_OUT * 60 * minutes]
    slopes = {what: slope(counted, what) for what in ("rss_mb", "files", "threads", "disk_mb")}
    return {
        "minutes": minutes,
        "calls": dict(load.done),
        "errors": load.errors[:50],
        "slopes": slopes,
        "flat": all(map(is_flat, slopes.values())),
        "samples": [list(vars(sample).values()) for sample in samples],
    }


def main(arguments: list[str]) -> int:
    """Run what was asked for; return 0 where nothing grew and nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--every", type=float, default=10, help="seconds between samples")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    figures = run(options.minutes, options.seed, options.every, progress=not options.json)
    print(json.dumps(figures) if options.json else _table(figures))
    return 0 if figures["flat"] and not figures["errors"] else 1


def _table(figures: dict[str, Any]) -> str:
    lines = ["seconds  rss MB  files  threads  disk MB"]
    step = max(1, len(figures["samples"]) // 30)
    for seconds, rss, files, threads, disk in figures["samples"][::step]:
        lines.append(f"{seconds:7.0f} {rss:7.1f} {files:6d} {threads:8d} {disk:8.1f}")
    for what, values in figures["slopes"].items():
        lines.append(f"{what}: {values}")
    return "\n".join(
        [
            *lines,
            f"calls: {figures['calls']}",
            f"flat: {figures['flat']}",
            *(f"ERROR {error}" for error in figures["errors"]),
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
