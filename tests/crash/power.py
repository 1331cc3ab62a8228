"""Power is lost: of what a writer did, only what was synced is sure to be there.

A child works on a catalogue under the shim, which logs every operation on a file with its data.
The log is replayed up to a random moment into a model of a disk (``disk``), and a state that the
loss of power may leave is written to a folder of its own, opened and checked like after any crash:
what was acknowledged before that moment is there.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash import checking, shim, worker
from tests.crash.disk import NOTE, Disk, Record, read_log
from tests.crash.figures import Figures
from tests.crash.model import Kind, Op, State, apply, as_dict, choose, from_dict, outcomes
from tests.crash.rounds import KINDS, PATIENCE_S, checked
from tests.crash.worker import Child

MOMENTS = 10
"""Moments at which power is lost in each log."""
OPS = 40


@dataclass
class Totals(Figures):
    """Figures over all losses of power."""

    logs: int = 0
    operations: int = 0
    acknowledged: int = 0
    in_doubt: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures to print."""
        return {
            "losses of power": self.rounds,
            "logs": self.logs,
            "operations logged": self.operations,
            "acknowledged writes": self.acknowledged,
            "in doubt": dict(self.in_doubt.most_common()),
            "violations": len(self.violations),
            "seconds": round(self.seconds, 1),
        }


def run(
    folder: Path,
    rounds: int,
    seed: int,
    progress: Callable[[Totals], None] | None = None,
) -> Totals:
    """Lose power so many times in work on catalogues below ``folder``."""
    worker.shrink()
    worker.warm_up()
    totals, start, number = Totals(), time.monotonic(), 0
    while totals.rounds < rounds:
        chance = random.Random(seed * 100_003 + number)
        root, log = folder / f"disk{number}", folder / f"log{number}"
        _one(root, log, KINDS[number % len(KINDS)], chance, totals, rounds)
        number += 1
        totals.seconds = time.monotonic() - start
        if progress is not None:
            progress(totals)
        for path in (root, log):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return totals


def _one(
    root: Path, log: Path, kind: Kind, chance: random.Random, totals: Totals, rounds: int
) -> None:
    """Work once, some of the time on a catalogue that was there before, and lose power often."""
    root.mkdir()
    state = State()
    if chance.random() < 0.6:
        state = _work(root, log.with_suffix(".before"), kind, state, chance, None)
    disk = Disk(root)
    _work(root, log, kind, state, chance, log)
    records = read_log(log)
    totals.logs += 1
    totals.operations += len(records)
    ends = [n + 1 for n, r in enumerate(records) if r.kind == NOTE and "done" in r.text]
    count = min(MOMENTS, rounds - totals.rounds)
    after = chance.choices(ends, k=count * 2 // 5) if ends else []  # just after a call returned
    moments = after + [chance.randrange(len(records) + 1) for _ in range(count - len(after))]
    doubt: Op | None = None
    at = 0
    for moment in sorted(moments):
        for record in records[at:moment]:
            disk.meet(record)
            state, doubt, done = _follow(record, state, doubt, kind)
            totals.acknowledged += done
        at = moment
        _lose(disk, root, kind, state, doubt, chance, totals)


def _follow(
    record: Record, state: State, doubt: Op | None, kind: Kind
) -> tuple[State, Op | None, bool]:
    """Take over what a note says: that an operation began, or is done."""
    if record.kind != NOTE:
        return state, doubt, False
    message = json.loads(record.text)
    if "begin" in message:
        return state, from_dict(message["begin"]), False
    if doubt is None:
        return state, None, False
    return apply(state, doubt, kind), None, doubt.name in {"add", "delete"}


def _lose(
    disk: Disk,
    root: Path,
    kind: Kind,
    state: State,
    doubt: Op | None,
    chance: random.Random,
    totals: Totals,
) -> None:
    target = root.with_name(root.name + ".lost")
    shutil.rmtree(target, ignore_errors=True)
    disk.lose_power(target, chance)
    kept = root.with_name(f"violation-{totals.rounds}")
    shutil.copytree(target, kept)
    candidates = [state] if doubt is None else outcomes(state, doubt, kind)
    seed = chance.randrange(2**31)
    found = checked(
        lambda: checking.check(target / "c", kind, candidates, seed=seed, damaged=False)
    )
    totals.rounds += 1
    totals.in_doubt["nothing" if doubt is None else doubt.name] += 1
    problems = [found["crashed"]] if "crashed" in found else found["violations"]
    totals.violations += [
        f"round {totals.rounds} ({kept.name}), {doubt.name if doubt else 'nothing'} in doubt: {p}"
        for p in problems
    ]
    if not problems:
        shutil.rmtree(kept)
    shutil.rmtree(target)


def _work(
    root: Path, log: Path, kind: Kind, state: State, chance: random.Random, logged: Path | None
) -> State:
    """Let a child work on the catalogue; return the state it ends in."""
    seed, before = chance.randrange(2**31), state
    child = Child(lambda pipe: _child(root, kind, before, seed, pipe, logged))
    child_messages = _wait(child)
    doubt: Op | None = None
    for message in child_messages:
        if "error" in message:
            raise RuntimeError(message["error"])
        note = Record(NOTE, False, 0, 0, json.dumps(message), "", b"")
        state, doubt, _ = _follow(note, state, doubt, kind)
    return state


def _wait(child: Child) -> list[dict[str, Any]]:
    poll = select.poll()
    poll.register(child.pipe, 0)  # POLLHUP alone: that it has ended
    if not poll.poll(1e3 * PATIENCE_S):
        child.kill()
        raise RuntimeError("the work hung")
    messages = child.messages()
    os.waitpid(child.pid, 0)
    return messages


def _child(root: Path, kind: Kind, state: State, seed: int, pipe: int, logged: Path | None) -> None:
    chance = random.Random(seed)
    if logged is not None:
        shim.log(f"/{root.name}", logged)

    def tell(**message: Any) -> None:
        text = json.dumps(message)
        shim.note(text)
        os.write(pipe, text.encode() + b"\n")

    with worker.quiet():
        tell(begin=as_dict(Op("open")))
        catalog = worker.open_catalog(root / "c", kind)
        tell(done=True)
        for _ in range(chance.randrange(1, OPS)):
            op = choose(chance, state, most=worker.MOST, methods=worker.methods(kind))
            tell(begin=as_dict(op))
            if op.name == "close":
                catalog.close()
                catalog = worker.open_catalog(root / "c", kind)
            else:
                worker.perform(catalog, op, kind)
            tell(done=True)
            state = apply(state, op, kind)
        catalog.close()
