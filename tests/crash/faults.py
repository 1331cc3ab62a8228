"""Faults at every step: one operation on a file after another fails, and nothing may be lost.

A fixed load is run once to count its operations on files; then once more for each of them and
each kind of fault. After a fault, reads still succeed; a refused call stored nothing, or, where it
takes several transactions, whole ones only. With the fault gone, writes succeed as well, except
after a failed sync, which needs the catalogue reopened.
"""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash import checking, shim, worker
from tests.crash.model import Kind, Op, State, describe, outcomes, pair
from tests.crash.rounds import KINDS, checked
from tv5core.catalog import Catalog
from tv5core.errors import ReadOnlyError, Tv5Error


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes
    ----------
    name : str
    ops : int
        Which operations it may hit.
    action, error : int
        As for ``shim.arm``.
    on : bool
        Whether everything later fails, too, until the fault is lifted.
    """

    name: str
    ops: int
    action: int
    error: int
    on: bool


FAULTS = (
    Fault("disk full", shim.NEEDS_ROOM, shim.FAIL, shim.ENOSPC, True),
    Fault("disk full once", shim.NEEDS_ROOM, shim.FAIL, shim.ENOSPC, False),
    Fault("disk fills amid a write", shim.NEEDS_ROOM, shim.SHORT, shim.ENOSPC, True),
    Fault("write fails once", shim.WRITE, shim.FAIL, shim.EIO, False),
    Fault("sync fails once", shim.FSYNC, shim.FAIL, shim.EIO, False),
    Fault("sync fails for good", shim.FSYNC, shim.FAIL, shim.EIO, True),
    Fault("any step fails once", shim.ALL, shim.FAIL, shim.EIO, False),
    Fault("disk is gone", shim.ALL, shim.FAIL, shim.EIO, True),
)


def load(kind: Kind) -> list[Op]:
    """List the operations of the load: every method, on few titles."""

    def items(numbers: range, version: int) -> tuple[tuple[str, int], ...]:
        return tuple((name, version) for number in numbers for name in pair(number))

    ops = [
        Op("add", items(range(12), 0), mark=1),
        Op("seal"),
        Op("add", items(range(8, 14), 1)),
        Op("add", items(range(13, 16), 6), embed=False),  # of several pages each
        Op("delete", ids=tuple(name for n in (0, 9) for name in pair(n))),
        Op("refit" if kind.embeds else "seal"),
        Op("reopen"),
        Op("add", items(range(20, 40), 2)),
        Op("backup"),
        Op("seal"),
        Op("delete", ids=tuple(name for n in range(20, 38) for name in pair(n))),
    ]
    return [*ops, Op("optimize"), Op("add", items(range(3), 9), mark=2), Op("seal")]


@dataclass
class Totals:
    """Figures over all faults."""

    steps: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    unnoticed: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """How many there were."""
        return sum(self.runs.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the figures to print."""
        return {
            "faults injected": self.done,
            "by sort": dict(self.runs),
            "steps that may fail": dict(self.steps),
            "operations hit": dict(self.hit.most_common()),
            "errors raised": dict(self.errors.most_common()),
            "faults without an error": self.unnoticed,
            "acknowledged writes": self.acknowledged,
            "violations": len(self.violations),
            "seconds": round(self.seconds, 1),
        }


# -- in the process that meets the fault --------------------------------------------------


class Run:
    """The load under one fault."""

    def __init__(self, folder: Path, kind: Kind, fault: Fault | None) -> None:
        self._folder, self._kind, self._fault = folder, kind, fault
        self._catalog: Catalog | None = None
        self._lifted = False
        self.state, self.acknowledged = State(), 0
        self.errors: list[str] = []
        self.violations: list[str] = []

    def all(self) -> None:
        """Run the load to its end, lifting the fault two operations after it was met."""
        left = 3
        for op in [Op("open"), *load(self._kind), Op("close")]:
            if op.name == "add" and not (op.embed or self._kind.embeds or self.state.vectors):
                continue  # titles without vectors, and no vectors yet: it would start to embed
            failed = self._attempt(op)
            left -= failed or left < 3
            if left == 0:
                self._lift(op)
        shim.disarm()
        if self._catalog is not None:
            self._catalog.close()

    def _attempt(self, op: Op) -> bool:
        """Do one operation; say whether it failed."""
        before = self.state
        try:
            self._perform(op)
        except Tv5Error as error:
            self._failed(op, error)
            self._narrow(op, outcomes(before, op, self._kind))
            return True
        except BaseException as error:
            self.violations.append(f"{describe(op)}: expected one of our errors, got {error!r}")
            self._narrow(op, outcomes(before, op, self._kind))
            return True
        candidates = outcomes(before, op, self._kind)
        # A fit that fails is no error of an addition: its titles wait, and the catalogue says why.
        self.state = candidates[-2] if self._fit_failed(before, op) else candidates[-1]
        self.acknowledged += op.name in {"add", "delete"}
        return False

    def _fit_failed(self, before: State, op: Op) -> bool:
        """Return whether the catalogue reports that an addition's first fit failed."""
        begins_a_fit = self._kind.embeds and op.embed and op.items and not before.fitted
        if self._catalog is None or not begins_a_fit:
            return False
        self._catalog.wait()
        reason = self._catalog.info()["text_search"]["reason"]
        failed = "titles wait for the embedder to be fitted, and that failed: " in reason
        if failed and self._lifted:
            self.violations.append(f"{describe(op)}: fitting fails with the fault gone: {reason}")
        return failed

    def _failed(self, op: Op, error: Tv5Error) -> None:
        self.errors.append(type(error).__name__)
        if self._lifted:
            self.violations.append(f"{describe(op)}: fails with the fault gone: {error!r}")
        full = self._fault is not None and self._fault.error == shim.ENOSPC
        if full and isinstance(error, ReadOnlyError):
            self.violations.append(f"{describe(op)}: a full disk made it read-only: {error}")

    def _perform(self, op: Op) -> None:
        if op.name in {"close", "reopen"} and self._catalog is not None:
            catalog, self._catalog = self._catalog, None
            catalog.close()
        if op.name == "close":
            return
        if self._catalog is None:
            self._catalog = worker.open_catalog(self._folder, self._kind)
        if op.name not in {"open", "reopen"}:
            worker.perform(self._catalog, op, self._kind)

    def _narrow(self, op: Op, candidates: list[State]) -> None:
        """Check that the contents are one of the possible states, and that searches answer."""
        if self._catalog is None:
            return
        try:
            contents = checking.Contents(self._catalog)
            differences = [checking.difference(contents, s, self._kind) for s in candidates]
            if "" in differences:
                self.state = candidates[len(differences) - 1 - differences[::-1].index("")]
            else:
                self.violations.append(f"after {describe(op)} failed: {differences}")
            if len(contents.rows):
                hits = self._catalog.search(contents.vectors[0], 3)
                if not hits:
                    self.violations.append(f"after {describe(op)} failed: a search finds nothing")
        except BaseException as error:
            self.violations.append(f"after {describe(op)} failed: reading fails: {error!r}")

    def _lift(self, op: Op) -> None:
        """End the fault; a failed sync is only over once the catalogue is opened again."""
        shim.disarm()
        if self._fault is not None and self._fault.error == shim.EIO and self._catalog is not None:
            catalog, self._catalog = self._catalog, None
            catalog.close()
        self._lifted = True


def _meet(folder: Path, kind: Kind, fault: Fault | None, nth: int) -> dict[str, Any]:
    """Run the load with the n-th operation failing; return the result."""
    run = Run(folder, kind, fault)
    where = f"/{folder.name}"
    if fault is None:
        shim.arm(where)
    else:
        shim.arm(where, nth, fault.action, ops=fault.ops, error=fault.error, on=fault.on)
    run.all()
    return {
        "violations": run.violations,
        "errors": run.errors,
        "acknowledged": run.acknowledged,
        "state": [run.state.titles, run.state.vectors, sorted(run.state.pending)],
        "marks": {key: value.decode() for key, value in run.state.marks.items()},
    }


# -- in the process that looks on ---------------------------------------------------------


def cases(steps: dict[int, int], some: int, chance: random.Random) -> Iterator[tuple[Fault, int]]:
    """List every fault at every step it may hit, or an even choice of so many."""
    every = [
        (fault, nth)
        for fault in FAULTS
        for nth in range(1, 1 + sum(n for op, n in steps.items() if op & fault.ops))
    ]
    yield from every if not some else sorted(chance.sample(every, min(some, len(every))), key=str)


def run(
    folder: Path,
    some: int,
    seed: int,
    progress: Callable[[Totals], None] | None = None,
) -> Totals:
    """Inject faults into the load of two kinds of catalogue; 0 for ``some`` means all."""
    worker.shrink()
    worker.warm_up()
    totals, start = Totals(), time.monotonic()
    for kind in (KINDS[0], KINDS[2]):
        steps = _count(folder / "count", kind, totals)
        for fault, nth in cases(steps, some // 2, random.Random(seed)):
            _one(folder / "faulty", kind, fault, nth, totals)
            totals.seconds = time.monotonic() - start
            if progress is not None and not totals.done % 100:
                progress(totals)
    return totals


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for path in folder.parent.glob(f"{folder.name}.backup*"):
        shutil.rmtree(path, ignore_errors=True)


def _count(folder: Path, kind: Kind, totals: Totals) -> dict[int, int]:
    _fresh(folder)
    found = checked(lambda: _meet(folder, kind, None, 0))
    if found.get("errors") or found.get("violations") or "crashed" in found:
        raise RuntimeError(f"expected the load to run without a fault, got {found}")
    counted = Counter(step.op for step in shim.trace())
    totals.steps.update(counted)
    return {op: counted[name] for op, name in shim.NAMES.items()}


def _one(folder: Path, kind: Kind, fault: Fault, nth: int, totals: Totals) -> None:
    _fresh(folder)
    found = checked(lambda: _meet(folder, kind, fault, nth))
    if not shim.fired():
        return  # background work and graphs differ a little from run to run
    totals.runs[fault.name] += 1
    hit = shim.trace()[nth - 1]
    totals.hit[hit.op] += 1
    where = f"{fault.name} at step {nth} ({hit.op} {Path(hit.path).name}), embeds={kind.embeds}"
    if "crashed" in found:
        totals.violations.append(f"{where}: {found['crashed']}")
        return
    totals.errors.update(found["errors"])
    totals.unnoticed += not found["errors"]
    totals.acknowledged += found["acknowledged"]
    problems = found["violations"] or _check(folder, kind, found, nth)
    totals.violations += [f"{where}: {problem}" for problem in problems]


def _check(folder: Path, kind: Kind, found: dict[str, Any], seed: int) -> list[str]:
    titles, vectors, pending = found["state"]
    marks = {key: value.encode() for key, value in found["marks"].items()}
    state = State(titles, vectors, frozenset(pending), marks)
    after = checked(lambda: checking.check(folder, kind, [state], seed=seed, damaged=False))
    return [str(after["crashed"])] if "crashed" in after else list(after["violations"])
