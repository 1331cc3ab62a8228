"""Kill who publishes, who fetches and who prunes; then every snapshot is whole, and none is lost.

A round kills a publisher, a reader or a pruner at a failpoint, at a file operation or at a moment,
two of them at once in some rounds. The catalogue has titles ``t:0`` to ``t:n`` without a gap, so a
snapshot shows by itself whether it is one state of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash import shim
from tests.crash.figures import Figures
from tests.crash.model import title, vector
from tests.crash.worker import Child
from tv5core.catalog import Catalog
from tv5core.errors import Tv5Error
from tv5core.files import failpoints
from tv5core.object_storage import open_store
from tv5core.snapshots import prune_snapshots, publish
from tv5core.snapshots.manifest import CHUNK_BYTES, chunk_name, decode, numbers, read_manifest

__all__ = ["FAILPOINTS", "Totals", "run"]

FAILPOINTS = (
    "fetch: all files made",
    "fetch: chunk written",
    "fetch: file made",
    "fetch: named",
    "prune: chunks removed",
    "prune: manifests removed",
    "publish: chunk stored",
    "publish: chunks stored",
    "publish: copied",
    "publish: published",
)
ROLES = ("publish", "publish", "read", "read", "prune", "both")
_CHUNK = 16_384
_LATER_S = 200_000.0
_PATIENCE_S = 60.0


@dataclass
class Totals(Figures):
    """Figures over all rounds."""

    published: int = 0
    killed: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures to print."""
        return {
            "rounds": self.rounds,
            "acknowledged snapshots": self.published,
            "violations": len(self.violations),
            "killed": dict(self.killed.most_common()),
            "seconds": round(self.seconds, 1),
        }


def run(folder: Path, rounds: int, seed: int, progress: Callable[[Totals], None]) -> Totals:
    """Run rounds in a folder of their own."""
    assert publish.__kwdefaults__ is not None
    publish.__kwdefaults__["chunk_bytes"] = _CHUNK
    try:
        campaign = _Campaign(folder, seed)
        started = time.monotonic()
        for _ in range(rounds):
            campaign.round()
            campaign.totals.seconds = time.monotonic() - started
            if not campaign.totals.rounds % 10:
                progress(campaign.totals)
    finally:
        publish.__kwdefaults__["chunk_bytes"] = CHUNK_BYTES
    return campaign.totals


class _Campaign:
    def __init__(self, folder: Path, seed: int) -> None:
        self.chance, self.totals = random.Random(seed), Totals()
        self.films, self.store, self.shelf = (folder / n for n in ("films", "store", "shelf"))
        self.url = f"file://{self.store}"
        self.number = self.count = 0  # the last acknowledged snapshot, and its titles
        with Catalog.open(self.films) as catalog:
            _grow(catalog, 40)
            self.number, self.count = catalog.backup(self.url).snapshot, 40

    def round(self) -> None:
        """Kill somebody, then look at everything."""
        role, seed = self.chance.choice(ROLES), self.chance.randrange(2**31)
        wanted = ("publish", "read") if role == "both" else (role,)
        children = [
            Child(lambda pipe, r=one: self._work(r, random.Random(f"{seed}{r}"), pipe))
            for one in wanted
        ]
        for one, child in zip(wanted, children, strict=True):
            self._end(one, child)
        self.totals.rounds += 1
        problems = [*self._wrong_in_store(), *self._wrong_in_shelf(), *self._wrong_for_a_reader()]
        self.totals.violations += [f"round {self.totals.rounds} ({role}): {p}" for p in problems]

    # -- in a child -----------------------------------------------------------------------

    def _work(self, role: str, chance: random.Random, pipe: int) -> None:
        def tell(**message: Any) -> None:
            os.write(pipe, json.dumps(message).encode() + b"\n")

        self._set_up(role, chance, tell)
        for _ in range(3):
            if role == "publish":
                with Catalog.open(self.films) as catalog:
                    count = _grow(catalog, chance.randrange(1, 9))
                    if chance.random() < 0.3:
                        catalog.seal()
                    tell(published=catalog.backup(self.url, check=False).snapshot, count=count)
            elif role == "read":
                for problem in self._wrong_for_a_reader():
                    tell(problem=problem)
                if chance.random() < 0.5:
                    shutil.rmtree(self.shelf)
            else:
                prune_snapshots(self.url, keep=chance.choice([1, 2]), clock=_later)
        tell(killed="not")

    def _set_up(self, role: str, chance: random.Random, tell: Callable[..., None]) -> None:
        how = chance.choice(["failpoint", "failpoint", "file", "file", "time"])
        if how == "file":
            where = "/shelf" if role == "read" else chance.choice(["/store", "/films"])
            action = chance.choice([shim.KILL_BEFORE, shim.KILL_AFTER, shim.KILL_TORN])
            shim.arm(where, int(10 ** chance.uniform(0, 2.2)), action)
        elif how == "time":
            signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            signal.setitimer(signal.ITIMER_REAL, 0.001 + 0.5 * chance.random())
        else:
            failpoints.hook = _killing(int(10 ** chance.uniform(0, 1.5)), tell)

    # -- afterwards -----------------------------------------------------------------------

    def _end(self, role: str, child: Child) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline and not _has_ended(child.pid):
            child.drain()
            time.sleep(0.002)
        child.kill()
        how = "killed elsewhere"
        for message in child.messages():
            if "published" in message:
                self.number, self.count = message["published"], message["count"]
                self.totals.published += 1
            how = message.get("killed", how)
            found = message.get("problem") or message.get("error")
            if found:
                self.totals.violations.append(f"round {self.totals.rounds + 1} ({role}): {found}")
        self.totals.killed[f"{role}: {how}"] += 1

    def _wrong_in_store(self) -> list[str]:
        """Say which snapshot is not whole, or lost."""
        store, problems = open_store(self.url), []
        found = numbers(store)
        if not found or found[-1] < self.number:
            problems.append(f"expected snapshot {self.number}, which was acknowledged, got {found}")
        for number in found:
            try:
                manifest = read_manifest(store, number)
            except Tv5Error as error:
                problems.append(f"snapshot {number}: {error}")
                continue
            for digest in () if manifest is None else manifest.chunks:
                data = store.get(chunk_name(digest), _CHUNK)
                if data is None or hashlib.sha256(data).hexdigest() != digest:
                    problems.append(f"snapshot {number}: expected chunk {digest}, got another")
        return problems

    def _wrong_in_shelf(self) -> list[str]:
        """Say which fetched snapshot is not what was published."""
        problems = []
        for folder in (self.shelf / "snapshots").glob("??????????"):
            manifest = decode(folder.with_suffix(".json").read_bytes(), str(folder))
            for file in manifest.files:
                data = (folder / file.name).read_bytes()
                parts = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]
                if tuple(hashlib.sha256(part).hexdigest() for part in parts) != file.chunks:
                    problems.append(f"{folder.name}/{file.name}: expected what was published")
        return problems

    def _wrong_for_a_reader(self) -> list[str]:
        """Open what is published, and say what is wrong with it."""
        at_least = self.count
        options: dict[str, Any] = {"read_only": True, "embedder": None, "follow_s": None}
        with Catalog.open(self.url, cache_dir=self.shelf, **options) as catalog:
            count = len(catalog)
            names = {f"t:{number}:a" for number in range(count)}
            problems = [] if set(catalog.ids()) == names else [f"expected {count} titles in a row"]
            if count < at_least:
                problems.append(f"expected {at_least} titles, got {count}")
            hits = catalog.search(vector("t:3:a", 0), 3)
            if hits[0].id != "t:3:a" or catalog.get("t:7:a") != title("t:7:a", 0):
                problems.append(f"expected titles as they were stored, got {hits[0].id} for t:3:a")
        return problems


def _grow(catalog: Catalog, by: int) -> int:
    """Add the next titles; return how many there are."""
    first = len(catalog)
    names = [f"t:{number}:a" for number in range(first, first + by)]
    catalog.add([title(name, 0) for name in names], [vector(name, 0) for name in names])
    return len(catalog)


def _later() -> float:
    """Tell a time at which no chunk is young."""
    return time.time() + _LATER_S


def _killing(nth: int, tell: Callable[..., None]) -> Callable[[str], None]:
    left = nth

    def hook(name: str) -> None:
        nonlocal left
        if name in FAILPOINTS:
            left -= 1
            if left <= 0:
                tell(killed=name)
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def _has_ended(pid: int) -> bool:
    """Say whether a child ended, and leave it to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
