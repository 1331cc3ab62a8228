"""Flip one bit after another of a file and see what becomes of the catalogue."""

from __future__ import annotations

import json
import os
import select
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.crash.worker import Child, quiet
from tests.flips import subject
from tv5core import Catalog
from tv5core.errors import Tv5Error

BATCH = 200
PATIENCE_S = 30.0
VIOLATIONS = ("wrong answer", "foreign exception", "signal", "hung")


class Flip(NamedTuple):
    """One bit of a file."""

    byte: int
    bit: int
    name: str = "data.mdb"


@dataclass
class Totals:
    """Figures over all flips.

    Attributes
    ----------
    outcomes : Counter of str
        How many ended in what.
    differed_first : int
        Of those detected, how many had changed an answer before ``verify`` or an error reported
        them.
    """

    flips: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    by_page: Counter[str] = field(default_factory=Counter)
    differed_first: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the figures to print."""
        return {
            "flips": self.flips,
            "outcomes": dict(self.outcomes.most_common()),
            "answered otherwise before verify reported": self.differed_first,
            "violations": len(self.violations),
            "violations by page": dict(self.by_page.most_common()),
            "seconds": round(self.seconds, 1),
        }


def run(
    folder: Path,
    choose: Callable[[Path], Sequence[Flip]],
    *,
    writing: bool,
    progress: Callable[[Totals], None] | None = None,
) -> Totals:
    """Flip bits of a catalogue made below ``folder``.

    Parameters
    ----------
    choose : callable
        From the folder of the sound catalogue to the flips to try.
    writing : bool
        Whether to open for writing and to change something, instead of reading only.
    """
    start, totals = time.monotonic(), Totals()
    sound = folder / "sound"
    subject.make(sound)
    want = _expected(sound, folder / "expected", writing=writing)
    flips = list(choose(sound))
    while flips:
        done = _batch(sound, folder / "flipped", flips[:BATCH], want, writing)
        for flip, result in zip(flips, done, strict=False):
            _count(totals, flip, result)
        del flips[: len(done)]
        totals.seconds = time.monotonic() - start
        if progress is not None:
            progress(totals)
    return totals


def _count(totals: Totals, flip: Flip, result: dict[str, Any]) -> None:
    outcome = result["outcome"]
    totals.flips += 1
    totals.outcomes[outcome] += 1
    totals.differed_first += bool(result.get("differed"))
    if outcome in VIOLATIONS:
        page = flip.byte // 4096
        totals.by_page[f"{flip.name}, page {page}"] += 1
        totals.violations.append(
            f"{flip.name}, byte {flip.byte} (page {page}, {flip.byte % 4096}), bit {flip.bit}: "
            f"{outcome}: {result.get('why', '')}"
        )


# -- in the parent ------------------------------------------------------------------------


def _expected(sound: Path, scratch: Path, *, writing: bool) -> dict[str, Any]:
    shutil.copytree(sound, scratch)
    with subject.opened(scratch) as catalog:
        before = subject.answers(catalog)
        if writing:
            subject.change(catalog)
        return {"before": before, "after": subject.answers(catalog)}


def _batch(
    sound: Path, scratch: Path, flips: Sequence[Flip], want: dict[str, Any], writing: bool
) -> list[dict[str, Any]]:
    """Try flips in a child; return the results up to the one that killed it, that included."""

    def work(pipe: int) -> None:
        with quiet():
            for flip in flips:
                result = _try(sound, scratch, flip, want, writing)
                os.write(pipe, json.dumps(result).encode() + b"\n")

    child = Child(work)
    ended = _has_ended(child)
    status = child.kill()
    done = [message for message in child.messages() if "outcome" in message]
    if len(done) < len(flips):
        what = "signal" if ended else "hung"
        done.append({"outcome": what, "why": f"signal {status & 0x7F}" if ended else ""})
    return done


def _has_ended(child: Child) -> bool:
    """Wait for a child to end, as long as results come."""
    poll = select.poll()
    poll.register(child.pipe, 0)  # POLLHUP alone: that it has ended
    received, since = 0, time.monotonic()
    while time.monotonic() < since + PATIENCE_S:
        if poll.poll(200):
            return True
        if child.drain() > received:
            received, since = child.drain(), time.monotonic()
    return False


# -- in the child -------------------------------------------------------------------------


def _try(
    sound: Path, scratch: Path, flip: Flip, want: dict[str, Any], writing: bool
) -> dict[str, Any]:
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(sound, scratch)
    data = bytearray((sound / flip.name).read_bytes())
    data[flip.byte] ^= 1 << flip.bit
    (scratch / flip.name).write_bytes(data)
    try:
        with subject.opened(scratch, read_only=not writing, create=False) as catalog:
            return _judge(catalog, want, writing)
    except Tv5Error as error:
        return {"outcome": "refused", "why": repr(error)[:200]}
    except Exception as error:
        return {"outcome": "foreign exception", "why": repr(error)[:300]}


def _judge(catalog: Catalog, want: dict[str, Any], writing: bool) -> dict[str, Any]:
    differed = reported = False
    why = ""
    for stage in ("before", "after"):
        try:
            if stage == "after" and writing:
                subject.change(catalog)
            got = subject.answers(catalog)
            if got != want[stage]:
                differed, why = True, why or _difference(got, want[stage])
        except Tv5Error:
            reported = True
    reported |= bool(catalog.info()["recovered"])
    reported_before = reported
    reported |= not catalog.verify().ok
    if reported:
        return {"outcome": "detected", "differed": differed and not reported_before}
    return {"outcome": "wrong answer" if differed else "harmless", "why": why}


def _difference(got: dict[str, Any], want: dict[str, Any]) -> str:
    return ", ".join(name for name in want if got[name] != want[name])
