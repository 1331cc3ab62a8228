"""Spoil everything tv5core parses and see that it is refused or harmless.

    python -m tests.fuzz --mutations 100000

Mutations run in forked processes: one that crashes or hangs is found by its number, counted, and
the rest still runs. ``--only N`` repeats one mutation in this process.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import shutil
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from tests.crash.worker import Child, quiet
from tests.fuzz.targets import SilentError, Target, all_targets

PATIENCE_S = 20.0
_NOTHING = -1


class Workers:
    """Processes that mutate, watched for signs of life."""

    def __init__(self, seed: int, mutations: int, count: int) -> None:
        self.seed, self.mutations, self.count = seed, mutations, count
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.failures: list[str] = []
        self._places = mmap.mmap(-1, 8 * count)  # the mutation each is at
        self._moved = [0.0] * count
        self._last = [_NOTHING] * count
        self._children: dict[int, Child] = {}

    def run(self) -> None:
        """Do all mutations."""
        for number in range(self.count):
            self._start(number, number)
        while self._children:
            time.sleep(0.02)
            for number, child in list(self._children.items()):
                self._look_after(number, child)

    def _start(self, number: int, first: int) -> None:
        struct.pack_into("<q", self._places, 8 * number, _NOTHING)
        self._moved[number] = time.monotonic()
        self._children[number] = Child(lambda pipe: self._work(number, first, pipe))

    def _look_after(self, number: int, child: Child) -> None:
        child.drain()
        at = struct.unpack_from("<q", self._places, 8 * number)[0]
        now = time.monotonic()
        if at != self._last[number]:
            self._last[number], self._moved[number] = at, now
        hung = now - self._moved[number] > PATIENCE_S
        if hung:
            os.kill(child.pid, 9)
        pid, status = os.waitpid(child.pid, 0 if hung else os.WNOHANG)
        if not pid:
            return
        del self._children[number]
        for message in child.messages():
            self._take(message)
        if status:
            kind = "hang" if hung else f"crash ({status & 0x7F or status >> 8})"
            self.failures.append(f"mutation {at}: {kind}")
            self.outcomes["", kind.split(maxsplit=1)[0]] += 1
            self._start(number, at + self.count)

    def _take(self, message: dict[str, Any]) -> None:
        if "error" in message:
            self.failures.append(message["error"])
            return
        self.outcomes[message["name"], message["outcome"]] += 1
        if message["failure"]:
            self.failures.append(message["failure"])

    # -- in the worker --------------------------------------------------------------------

    def _work(self, number: int, first: int, pipe: int) -> None:
        shm = Path("/dev/shm")
        base = shm if shm.is_dir() and os.access(shm, os.W_OK) else Path(tempfile.gettempdir())
        folder = base / f"tv5-fuzz-{os.getppid()}-{number}"
        try:
            with quiet():
                plan = Plan(all_targets(folder))
                for at in range(first, self.mutations, self.count):
                    struct.pack_into("<q", self._places, 8 * number, at)
                    name, outcome, failure = plan.one(self.seed, at)
                    result = {"name": name, "outcome": outcome, "failure": failure}
                    os.write(pipe, json.dumps(result).encode() + b"\n")
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class Plan:
    """Which target a mutation is for."""

    def __init__(self, targets: dict[str, tuple[int, Target]]) -> None:
        self._targets = {name: target for name, (_, target) in targets.items()}
        self._names = list(targets)
        self._weights = [weight for weight, _ in targets.values()]

    def one(self, seed: int, number: int) -> tuple[str, str, str]:
        """Do one mutation; return its target, the outcome and what went wrong."""
        chance = random.Random(f"{seed}/{number}")
        name = chance.choices(self._names, self._weights)[0]
        try:
            return name, self._targets[name](chance), ""
        except Exception as error:
            outcome = "silent" if isinstance(error, SilentError) else "error"
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{error!r} at {Path(where.filename).name}:{where.lineno}"
            return name, outcome, f"mutation {number} ({name}): {outcome}: {place}"[:600]


def main(arguments: list[str]) -> int:
    """Run what was asked for; return 0 where nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--mutations", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--only", type=int, default=-1, help="repeat one mutation here")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if options.only >= 0:
        return _only(options.seed, options.only)
    start = time.monotonic()
    workers = Workers(options.seed, options.mutations, options.workers)
    workers.run()
    figures = _figures(workers, time.monotonic() - start)
    print(json.dumps(figures, indent=1) if options.json else _table(figures))
    return 1 if workers.failures else 0


def _only(seed: int, number: int) -> int:
    folder = Path(tempfile.mkdtemp(prefix="tv5-fuzz-"))
    name, outcome, failure = Plan(all_targets(folder / "work")).one(seed, number)
    print(f"{name}: {outcome}\n{failure}")
    shutil.rmtree(folder)
    return 1 if failure else 0


def _figures(workers: Workers, seconds: float) -> dict[str, Any]:
    names = sorted({name for name, _ in workers.outcomes if name})
    return {
        "targets": {n: {o: c for (m, o), c in workers.outcomes.items() if m == n} for n in names},
        "mutations": sum(workers.outcomes.values()),
        "crashes": workers.outcomes["", "crash"],
        "hangs": workers.outcomes["", "hang"],
        "silent": sum(c for (_, o), c in workers.outcomes.items() if o == "silent"),
        "other errors": sum(c for (_, o), c in workers.outcomes.items() if o == "error"),
        "seconds": round(seconds, 1),
        "failures": workers.failures[:200],
    }


def _table(figures: dict[str, Any]) -> str:
    columns = ("refused", "same", "opened", "silent", "error")
    lines = [f"{'target':<44}" + "".join(f"{c:>9}" for c in columns)]
    for name, outcomes in figures["targets"].items():
        lines.append(f"{name:<44}" + "".join(f"{outcomes.get(c, 0):>9}" for c in columns))
    counts = ("mutations", "crashes", "hangs", "silent", "other errors", "seconds")
    lines += [f"{name:<44}{figures[name]:>9}" for name in counts]
    return "\n".join([*lines, *(f"FAILURE {failure}" for failure in figures["failures"][:60])])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
