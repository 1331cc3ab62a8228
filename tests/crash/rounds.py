"""Rounds of crashes: a writer is killed, files are damaged, the catalogue is opened and checked.

Rounds come in campaigns over one folder each. A round forks the writer (and sometimes readers)
from this process, which has everything imported; so a round takes a fraction of a second. What
the writer acknowledged is the model; what it had not acknowledged may be there whole or not at all.
"""

from __future__ import annotations

import random
import select
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash import checking, flipping, worker
from tests.crash.disk import Disk, read_log
from tests.crash.figures import Figures
from tests.crash.model import Kind, Op, State, apply, describe, from_dict, outcomes
from tests.crash.worker import Child, Plan

ROUNDS_A_FOLDER = 25
PATIENCE_S = 60.0

KINDS = (
    Kind(False, "cosine", "int8"),
    Kind(False, "ip", "float32"),
    Kind(True, "cosine", "int8"),
    Kind(False, "cosine", "float16", second=True),
    Kind(True, "cosine", "int8", second=True),
)


@dataclass
class Totals(Figures):
    """Figures over all rounds."""

    acknowledged: int = 0
    in_doubt: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    failpoints: Counter[str] = field(default_factory=Counter)
    damaged: int = 0
    dropped: int = 0
    flipped: Counter[str] = field(default_factory=Counter)
    undetected: int = 0
    readers: int = 0
    backups: int = 0
    opens_s: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures to print."""
        opens = sorted(self.opens_s) or [0.0]
        return {
            "rounds": self.rounds,
            "acknowledged writes": self.acknowledged,
            "violations": len(self.violations),
            "files damaged": self.damaged,
            "damage detected": self.damaged - self.undetected,
            "writes dropped": self.dropped,
            "bits flipped": dict(self.flipped.most_common()),
            "kills": dict(self.kills.most_common()),
            "killed at failpoint": dict(self.failpoints.most_common()),
            "in doubt when killed": dict(self.in_doubt.most_common()),
            "readers killed": self.readers,
            "backups checked": self.backups,
            "recovery p50 ms": round(1e3 * statistics.median(opens), 1),
            "recovery max ms": round(1e3 * opens[-1], 1),
            "recall@10 mean": round(statistics.fmean(self.recalls or [1.0]), 4),
            "recall@10 worst": round(min(self.recalls, default=1.0), 3),
            "seconds": round(self.seconds, 1),
        }


class Campaign:
    """Rounds over one folder."""

    def __init__(self, folder: Path, seed: int, kind: Kind, totals: Totals) -> None:
        self.folder, self.kind, self.totals = folder, kind, totals
        self.chance = random.Random(seed)
        self.state = State()
        self.lingering: list[str] = []
        self._backup: State | None = None
        self._backed_up = False

    def round(self) -> None:
        """Run one."""
        totals, chance = self.totals, self.chance
        plan = Plan(chance)
        disk = Disk(self.folder.parent, self.folder.name) if plan.kind == "power" else None
        seeds = [chance.randrange(2**31) for _ in range(3)]
        writer = Child(
            lambda pipe: worker.write(
                self.folder,
                self.kind,
                self.state,
                seeds[0],
                plan,
                pipe,
                ops=40,
                repair=bool(self.lingering),
            )
        )
        readers = [
            self._reader(chance.randrange(2**31)) for _ in range(chance.choice([0, 0, 1, 2]))
        ]
        doubt, how = self._follow(writer, plan)
        problems = self._end(readers)
        if disk is not None:
            self._lose_power(disk)
        totals.kills[how] += 1
        totals.in_doubt["nothing" if doubt is None else doubt.name] += 1
        totals.readers += len(readers)
        problems += self._check_backup(doubt, seeds[2])
        if chance.random() < 0.3:
            problems += self._flip(doubt)
        problems += self._check(doubt, seeds[1], damaged=chance.random() < 0.35)
        totals.rounds += 1
        where = f"round {totals.rounds} ({self.kind}, {how}, in doubt: {describe(doubt)})"
        totals.violations += [f"{where}: {problem}" for problem in problems]
        if problems:
            self._keep()

    def _lose_power(self, disk: Disk) -> None:
        """Drop some of what the writer did not sync, from all that it wrote to."""
        log, lost = worker.power_log(self.folder), self.folder.with_name("lost")
        records = read_log(log) if log.exists() else []
        log.unlink(missing_ok=True)
        for record in records:
            disk.meet(record)
        disk.lose_power(lost, self.chance)
        for path in self.folder.parent.glob(f"{self.folder.name}*"):
            shutil.rmtree(path)
        for path in lost.iterdir():
            path.rename(self.folder.with_name(path.name))
        lost.rmdir()
        self.totals.dropped += 1

    def _flip(self, doubt: Op | None) -> list[str]:
        """Flip a bit of a copy's data.mdb; its effect must be reported."""
        copy = self.folder.with_name("flipped")
        shutil.rmtree(copy, ignore_errors=True)
        if not (self.folder / "data.mdb").exists():
            return []
        shutil.copytree(self.folder, copy)
        seed = self.chance.randrange(2**31)
        candidates = [self.state] if doubt is None else outcomes(self.state, doubt, self.kind)
        found = checked(lambda: flipping.check(copy, self.kind, candidates, seed))
        shutil.rmtree(copy)
        outcome = str(found.get("outcome", "crashed"))
        self.totals.flipped[outcome] += 1
        bad = outcome in flipping.VIOLATIONS
        return [f"a flipped bit: {outcome}: {found}"] if bad else []

    def _reader(self, seed: int) -> Child:
        return Child(lambda pipe: worker.read(self.folder, self.kind, seed, pipe))

    def _follow(self, writer: Child, plan: Plan) -> tuple[Op | None, str]:
        """Wait for the writer's end; return the operation in doubt and how it ended."""
        timed = plan.kind in {"time", "power"}
        patience = plan.after_s if timed else PATIENCE_S
        # The pipe is empty or not; what ends the wait is that its far end closes.
        poll = select.poll()
        poll.register(writer.pipe, 0)  # POLLHUP alone
        ended = bool(poll.poll(1e3 * patience))
        status = writer.kill()
        messages = writer.messages()
        doubt, failpoint = self._replay(messages)
        how = "power" if plan.kind == "power" else plan.kind if ended else "time"
        if failpoint:
            self.totals.failpoints[failpoint] += 1
        errors = [m["error"] for m in messages if "error" in m]
        hung = not ended and not timed
        if errors or hung or status & 0x7F != 9:
            what = errors[0] if errors else "it hung" if hung else f"signal {status & 0x7F}"
            self.totals.violations.append(f"round {self.totals.rounds + 1}: writer failed: {what}")
        return doubt, how

    def _replay(self, messages: list[dict[str, Any]]) -> tuple[Op | None, str]:
        """Take over what was acknowledged; return what was not, and the last failpoint reported."""
        op: Op | None = None
        failpoint = ""
        for message in messages:
            if "begin" in message:
                op = from_dict(message["begin"])
            elif "done" in message and op is not None:
                self.state = apply(self.state, op, self.kind)
                self.totals.acknowledged += op.name in {"add", "delete"}
                if op.name == "backup":
                    self._backup, self._backed_up = self.state, True
                op = None
            failpoint = message.get("failpoint", "")
        return op, failpoint

    def _end(self, readers: list[Child]) -> list[str]:
        problems = []
        for reader in readers:
            status = reader.kill()
            problems += [m.get("problem") or m["error"] for m in reader.messages()]
            if status & 0x7F not in {0, 9}:
                problems.append(f"a reader died of signal {status & 0x7F}")
        return problems

    def _check(self, doubt: Op | None, seed: int, *, damaged: bool) -> list[str]:
        candidates = [self.state] if doubt is None else outcomes(self.state, doubt, self.kind)
        self._snapshot()
        found = checked(
            lambda: checking.check(
                self.folder,
                self.kind,
                candidates,
                seed=seed,
                damaged=damaged and bool(self.state.titles),
                lingering=self.lingering,
            )
        )
        if "crashed" in found:
            return [f"the check failed: {found['crashed']}"]
        if found["matched"] >= 0:
            self.state = candidates[found["matched"]]
        self.lingering = found["lingering"]
        totals = self.totals
        totals.damaged += len(found["damaged"])
        totals.undetected += found.get("undetected", 0)
        totals.opens_s.append(found["open_s"])
        totals.recalls += [found["recall"]] if "recall" in found else []
        return [str(problem) for problem in found["violations"]]

    def _check_backup(self, doubt: Op | None, seed: int) -> list[str]:
        """Check the copy where this round made one, or was killed making one."""
        cut = doubt is not None and doubt.name == "backup"
        sure, self._backed_up = self._backed_up and not cut, False
        if not (sure or cut):
            return []
        copy = worker.backup_folder(self.folder)
        if not copy.exists():
            self._backup = None
            return ["an acknowledged backup is gone"] if sure else []
        states = [s for s in (self._backup, self.state if cut else None) if s is not None]
        found = checked(lambda: checking.check(copy, self.kind, states, seed=seed, damaged=False))
        self.totals.backups += 1
        if "crashed" in found:
            return [f"the backup: {found['crashed']}"]
        if found["matched"] >= 0:
            self._backup = states[found["matched"]]
        return [f"the backup: {problem}" for problem in found["violations"]]

    # -- evidence -------------------------------------------------------------------------

    def _snapshot(self) -> None:
        copy = self.folder.with_name(self.folder.name + ".before")
        shutil.rmtree(copy, ignore_errors=True)
        if self.folder.exists():
            shutil.copytree(self.folder, copy)

    def _keep(self) -> None:
        """Keep the folder as it was before the failed check."""
        copy = self.folder.with_name(self.folder.name + ".before")
        kept = self.folder.with_name(f"violation-{self.totals.rounds}-{self.folder.name}")
        if copy.exists() and not kept.exists():
            copy.rename(kept)


def checked(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run a check in a process of its own: a crash of it is a violation, too."""
    import json
    import os

    def run(pipe: int) -> None:
        with worker.quiet():
            os.write(pipe, json.dumps(work()).encode() + b"\n")

    child = Child(run)
    ready, _, _ = select.select([child.pipe], [], [], PATIENCE_S)
    if not ready:
        child.kill()
        return {"crashed": "it hung"}
    messages = child.messages()
    status = os.waitpid(child.pid, 0)[1]
    if not messages or "error" in messages[0] or status:
        return {"crashed": messages[0].get("error") if messages else f"status {status}"}
    return messages[0]


def run(
    folder: Path,
    rounds: int,
    seed: int,
    progress: Callable[[Totals], None] | None = None,
    *,
    each: int = ROUNDS_A_FOLDER,
    kinds: Sequence[Kind] = KINDS,
) -> Totals:
    """Run rounds in folders below ``folder``; those without a violation are removed."""
    worker.shrink()
    worker.warm_up()
    totals, start = Totals(), time.monotonic()
    number = 0
    while totals.rounds < rounds:
        kind = kinds[number % len(kinds)]
        campaign = Campaign(folder / f"c{number}", seed * 100_003 + number, kind, totals)
        for _ in range(min(each, rounds - totals.rounds)):
            campaign.round()
        _remove(campaign.folder)
        number += 1
        totals.seconds = time.monotonic() - start
        if progress is not None:
            progress(totals)
    return totals


def _remove(folder: Path) -> None:
    for path in folder.parent.glob(f"{folder.name}*"):
        if path == folder or path.name.startswith(f"{folder.name}."):
            shutil.rmtree(path, ignore_errors=True)
